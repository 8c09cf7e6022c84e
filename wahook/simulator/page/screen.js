// What a person sees: the QR code or the pairing code while unpaired, a chat list once linked.
'use strict';

WASim.define('SimScreen', (exports) => {
  const root = () => document.getElementById('app');
  const element = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  function landing(content) {
    const outer = element('div', 'landing-outer');
    const wrapper = element('div', 'landing-wrapper');
    wrapper.append(element('h1', '', 'Link a simulated phone'), content);
    outer.append(wrapper);
    root().replaceChildren(outer);
  }

  // matrix: rows of '0' and '1'. The element with data-ref holds the full code and only the canvas.
  exports.showCode = (code, matrix) => {
    const holder = element('div', 'code');
    holder.dataset.ref = code;
    const canvas = element('canvas');
    const size = 6;
    canvas.width = (matrix.length + 8) * size;
    canvas.height = canvas.width;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', 'Scan this QR code to link a device');
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    matrix.forEach((row, y) => [...row].forEach((cell, x) => {
      if (cell === '1') context.fillRect((x + 4) * size, (y + 4) * size, size, size);
    }));
    holder.append(canvas);
    landing(holder);
  };

  exports.hideCode = () => {
    const again = element('button', '', 'Show a new code');
    again.addEventListener('click', () => WASim.use('WAWebCmd').Cmd.refreshQR());
    landing(again);
  };

  exports.showPairingCode = (code) => landing(element('p', 'pairing', `${code.slice(0, 4)}-${code.slice(4)}`));

  function chatRow(chat) {
    const row = element('li', chat.unreadCount > 0 ? 'chat unread' : 'chat');
    row.append(element('b', '', chat.formattedTitle), element('span', '', chat.msgs.last()?.body ?? ''));
    return row;
  }

  exports.showMain = (mine) => {
    const main = element('div', 'two');
    main.tabIndex = -1;
    const list = element('ul');
    main.append(element('header', '', `${mine.pushname} · +${mine.number}`), list);
    root().replaceChildren(main);
    const chats = WASim.use('WAWebChatCollection').ChatCollection;
    const draw = () => list.replaceChildren(...chats.slice(0, 30).map(chatRow));
    let due = false;
    const soon = () => {
      if (due) return;
      due = true;
      setTimeout(() => { due = false; draw(); }, 100);
    };
    if (!exports.listening) chats.on('add change', () => exports.redraw());
    exports.listening = true;
    exports.redraw = soon;
    draw();
  };
});
