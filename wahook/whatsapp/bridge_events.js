// A part of the bridge: what others do to messages that are there already, their votes and their calls.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { push, store, text, digits, keyOf, bodyOf, watchers } = kit;
  const KEPT = 2000;
  const told = new Set();

  const isMe = (number) => number === digits(window.WPP.conn.getMyUserId());
  const key = (value) => (typeof value === 'string' ? store().MsgKey.fromString(value) : value);
  const seconds = (value) => Math.floor(Number(value ?? 0) / (Number(value) > 1e11 ? 1000 : 1));

  const plain = (what, mark, fields) => ({
    what, mark, options: [], body: '', video: false, found: false, t: Math.floor(Date.now() / 1000), ...fields,
  });

  // Once each: the page tells of some things by more than one way.
  function notice(what, mark, fields) {
    const name = `${what} ${fields.id} ${mark}`;
    if (told.has(name)) return;
    told.add(name);
    if (told.size > KEPT) told.delete(told.values().next().value);
    push('notice', plain(what, mark, fields));
  }

  const isGroup = (chat) => text(chat).endsWith('@g.us');
  const place = ({ id, remote }) => ({
    id, chat: text(remote), group: isGroup(remote), peer: isGroup(remote) ? '' : digits(remote),
  });

  const authorOf = (msg, id) => digits(
    id.fromMe ? window.WPP.conn.getMyUserId() : msg.author ?? id.participant ?? msg.from ?? id.remote);

  const changed = (msg, id) => ({ ...place(id), sender: authorOf(msg, id), mine: id.fromMe });

  function edited({ msg }) {
    const id = keyOf(msg);
    notice('edited', text(msg.latestEditMsgKey), { ...changed(msg, id), body: String(bodyOf(msg)) });
  }

  function revoked({ refId, from, author }) {
    const id = key(refId);
    const sender = id.fromMe ? digits(window.WPP.conn.getMyUserId()) : digits(author ?? from ?? id.remote);
    notice('revoked', '', { ...place(id), sender, mine: id.fromMe });
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
    notice('vote', `${number} ${timestamp}`, {
      ...place(key(msgId)), sender: number, options, mine: false, t: seconds(timestamp),
    });
  }

  function called({ id, isGroup: inGroup, isVideo, offerTime, sender }) {
    notice('call', '', {
      id: String(id), chat: text(sender), group: Boolean(inGroup), sender: digits(sender), video: Boolean(isVideo),
      peer: inGroup ? '' : digits(sender), mine: false, t: seconds(offerTime),
    });
  }

  kit.tellRevoked = revoked; // for what we do ourselves: the page tells of what others do

  // What was done to others' messages while nobody listened, as far as the store shows it.
  kit.changesOf = (msgs) => msgs.filter((msg) => !keyOf(msg).fromMe).flatMap((msg) => {
    const id = keyOf(msg);
    const fields = { ...changed(msg, id), found: true };
    if (msg.type === 'revoked') return [plain('revoked', '', fields)];
    return msg.latestEditMsgKey
      ? [plain('edited', text(msg.latestEditMsgKey), { ...fields, body: String(bodyOf(msg)) })] : [];
  });

  watchers.push((on) => {
    on('chat.msg_edited', edited);
    on('chat.msg_revoke', revoked);
    on('chat.new_reaction', reacted);
    on('chat.poll_response', voted);
    on('call.incoming_call', called);
  });
  return {};
});
