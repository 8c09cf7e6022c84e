// The right side: one session. Its frame is built once per session, so that typing survives live updates.

import { api } from './api.js';
import { $, h, show, toast } from './dom.js';
import { advice, badge, bubble, title, verbsOf } from './views.js';

export class Detail {
  constructor(store) {
    this.store = store;
    this.id = null;
  }

  open(id) {
    if (this.id === id) return this.draw();
    this.id = id;
    $('detail').replaceChildren(...(id ? this.frame() : [h('p', { class: 'empty' }, 'Choose a session.')]));
    if (!id) return undefined;
    api.messages(id).then((list) => this.store.setMessages(id, list)).catch((error) => toast(error.message));
    return this.draw();
  }

  frame() {
    this.parts = {
      name: h('h2'), meta: h('p', { class: 'quiet meta' }), badge: h('span'), actions: h('div', { class: 'actions' }),
      advice: h('p', { class: 'advice' }), qr: h('figure', { class: 'qr', hidden: true }), feed: h('ol', { class: 'feed' }),
      error: h('p', { class: 'error', role: 'alert', hidden: true }),
    };
    this.form = h('form', { class: 'compose', submit: (event) => this.send(event) },
      h('input', { name: 'to', 'aria-label': 'Recipient', placeholder: 'Number with country code', inputmode: 'tel', required: true, autocomplete: 'off' }),
      h('textarea', { name: 'text', 'aria-label': 'Message', placeholder: 'Message', rows: '1', required: true, maxlength: '65536', keydown: submitOnEnter }),
      h('button', { class: 'primary' }, 'Send'));
    const { name, meta, badge: mark, actions, advice: hint, qr, feed, error } = this.parts;
    return [
      h('div', { class: 'detail-head' },
        h('a', { class: 'back', href: '#/', 'aria-label': 'Back to the list' }, '‹'),
        h('div', { class: 'names' }, name, meta), mark, actions),
      hint, qr, feed, error, this.form,
    ];
  }

  draw() {
    const session = this.store.sessions.get(this.id);
    if (!this.id || !session) return;
    const { name, meta, badge: mark, actions, advice: hint } = this.parts;
    name.textContent = title(session);
    meta.textContent = [session.phoneNumber && `+${session.phoneNumber}`, session.sessionId,
      session.restarts ? `${session.restarts} restarts` : ''].filter(Boolean).join(' · ');
    mark.replaceChildren(badge(session.status));
    this.drawActions(actions, session.status);
    hint.textContent = advice(session, this.store.loading.get(this.id));
    show(hint, Boolean(hint.textContent));
    this.drawCode(session);
    show(this.form, !['qr', 'error'].includes(session.status));
    this.drawFeed();
  }

  drawActions(box, status) {
    if (box.dataset.status === status) return;
    box.dataset.status = status;
    box.replaceChildren(...verbsOf(status).map((verb) => h('button', { class: 'small', click: () => this.act(verb) }, verb)),
      h('button', { class: 'small danger', click: () => this.remove() }, 'delete'));
  }

  drawCode(session) {
    const box = this.parts.qr;
    const code = session.status === 'qr' ? this.store.codes.get(this.id) : null;
    show(box, Boolean(code));
    show(this.parts.feed, !code);
    if (!code) return box.replaceChildren();
    const image = box.querySelector('img');
    if (image) {
      image.src = code;
      return undefined;
    }
    return box.replaceChildren(h('img', { id: 'qr', src: code, alt: 'QR code to scan with WhatsApp' }),
      h('figcaption', {},
        h('strong', {}, 'Link a phone'),
        h('ol', {}, h('li', {}, 'Open WhatsApp on the phone.'), h('li', {}, 'Settings, Linked devices, Link a device.'),
          h('li', {}, 'Point the phone at this code.')),
        this.pairing()));
  }

  pairing() {
    const answer = h('output', { class: 'pairing-code' });
    return h('details', {}, h('summary', {}, 'Use a code instead'),
      h('form', { class: 'inline', submit: (event) => this.pair(event, answer) },
        h('input', { name: 'number', 'aria-label': 'Number of the phone', placeholder: 'Its number', inputmode: 'tel', required: true }),
        h('button', { class: 'small' }, 'Get code')), answer);
  }

  drawFeed() {
    const feed = this.parts.feed;
    const all = [...(this.store.messages.get(this.id)?.values() ?? [])].slice(-200);
    const atEnd = feed.scrollHeight - feed.scrollTop - feed.clientHeight < 60;
    feed.replaceChildren(...(all.length ? all.map(bubble) : [h('li', { class: 'empty' }, 'No messages yet.')]));
    if (atEnd) feed.scrollTop = feed.scrollHeight;
  }

  async pair(event, answer) {
    event.preventDefault();
    await this.trying(async () => { answer.value = await api.pair(this.id, event.target.number.value); });
  }

  async send(event) {
    event.preventDefault();
    const { to, text } = event.target.elements;
    const id = this.id;
    await this.trying(async () => {
      this.store.putMessage(id, await api.send(id, to.value, text.value));
      text.value = '';
      this.parts.feed.scrollTop = this.parts.feed.scrollHeight;
    });
  }

  async act(verb) {
    if (verb === 'logout' && !window.confirm('Log this device out at WhatsApp? The phone must be linked again.')) return;
    await this.trying(async () => this.store.put(await api.act(this.id, verb)));
  }

  async remove() {
    if (!window.confirm('Delete this session, its login and its messages?')) return;
    const id = this.id;
    await this.trying(async () => {
      await api.remove(id);
      location.hash = '#/';
      this.store.forget(id);
    });
  }

  async trying(work) {
    show(this.parts.error, false);
    try {
      await work();
    } catch (error) {
      this.parts.error.textContent = error.message;
      show(this.parts.error, true);
    }
  }
}

function submitOnEnter(event) {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}
