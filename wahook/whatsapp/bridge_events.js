// A part of the bridge: what others do to messages that are there already, their votes and their calls.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { push, store, text, digits, keyOf, bodyOf, watchers } = kit;
  const KEPT = 2000;
  const told = new Set();

  const isMe = (number) => number === digits(window.WPP.conn.getMyUserId());
  const key = (value) => (typeof value === 'string' ? store().MsgKey.fromString(value) : value);
  const seconds = (value) => Math.floor(Number(value ?? 0) / (Number(value) > 1e11 ? 1000 : 1));

  // Once each: the page tells of some things by more than one way.
  function notice(what, unique, fields) {
    const name = `${what} ${unique}`;
    if (told.has(name)) return;
    told.add(name);
    if (told.size > KEPT) told.delete(told.values().next().value);
    push('notice', { what, options: [], body: '', video: false, t: Math.floor(Date.now() / 1000), ...fields });
  }

  const place = (id) => ({ id: id.id, chat: text(id.remote), group: text(id.remote).endsWith('@g.us') });

  function edited({ msg }) {
    const id = keyOf(msg);
    const sender = id.fromMe ? digits(window.WPP.conn.getMyUserId()) : digits(msg.author ?? msg.from ?? id.remote);
    notice('edited', `${id.id} ${text(msg.latestEditMsgKey)}`, {
      ...place(id), sender, body: String(bodyOf(msg)), mine: id.fromMe,
    });
  }

  function revoked({ refId, from, author }) {
    const id = key(refId);
    const sender = id.fromMe ? digits(window.WPP.conn.getMyUserId()) : digits(author ?? from ?? id.remote);
    notice('revoked', id.id, { ...place(id), sender, mine: id.fromMe });
  }

  function reacted({ id, msgId, reactionText, sender, timestamp }) {
    const number = digits(sender);
    if (key(id).fromMe || isMe(number)) return;
    notice('reaction', `${key(id).id} ${reactionText}`, {
      ...place(key(msgId)), sender: number, body: reactionText ?? '', mine: false, t: seconds(timestamp),
    });
  }

  function voted({ msgId, selectedOptions, sender, timestamp }) {
    const number = digits(sender);
    if (isMe(number)) return;
    const options = selectedOptions.filter(Boolean).map(({ name }) => String(name));
    notice('vote', `${key(msgId).id} ${number} ${timestamp}`, {
      ...place(key(msgId)), sender: number, options, mine: false, t: seconds(timestamp),
    });
  }

  function called({ id, isGroup, isVideo, offerTime, sender }) {
    notice('call', id, {
      id: String(id), chat: text(sender), group: Boolean(isGroup), sender: digits(sender), video: Boolean(isVideo),
      mine: false, t: seconds(offerTime),
    });
  }

  watchers.push((on) => {
    on('chat.msg_edited', edited);
    on('chat.msg_revoke', revoked);
    on('chat.new_reaction', reacted);
    on('chat.poll_response', voted);
    on('call.incoming_call', called);
  });
  return {};
});
