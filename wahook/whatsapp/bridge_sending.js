// A part of the bridge: how each type of message is sent, and what changes messages that are there already.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { Refusal, store, text, wid, keyOf, knownChats, chatOf, byKey, senders, commands } = kit;
  const HISTORY_PAGE = 50;
  const FORWARDED = [
    'type', 'body', 'caption', 'loc', 'lat', 'lng', 'mimetype', 'filehash', 'encFilehash', 'size', 'filename', 'duration',
    'width', 'height', 'pageCount', 'directPath', 'mediaKey', 'mediaKeyTimestamp', 'waveform', 'isGif', 'vcardList',
    'vcardFormattedName', 'pollName', 'pollOptions', 'pollSelectableOptionsCount', 'title', 'description',
  ];
  const PREVIEW = ['subtype', 'matchedText', 'canonicalUrl', 'richPreviewType', 'doNotPlayInline', 'thumbnail'];

  // The message {chat, id, fromMe} that another one is about; refused for good when nobody knows it.
  async function find({ chat: address, id, fromMe }) {
    for (const chat of knownChats(address)) {
      const is = (msg) => keyOf(msg).id === id && (fromMe === null || keyOf(msg).fromMe === fromMe);
      const here = chat.msgs.findFirst(is) ?? await byKey(`${fromMe === true}_${text(chat.id)}_${id}`);
      if (here) return here;
      const page = await window.WPP.chat.getMessages(text(chat.id), { count: HISTORY_PAGE });
      const found = page.find(is);
      if (found) return byKey(String(keyOf(found)));
    }
    throw new Refusal('unknown_message', 'WhatsApp does not know the message that this one is about');
  }

  async function common({ content }, options) {
    const quotedMsg = content.replyTo ? await find(content.replyTo) : undefined;
    const mentionedList = content.mentions?.map((number) => wid(`${number}@c.us`));
    return { ...options, ...(quotedMsg && { quotedMsg }), ...(mentionedList && { mentionedList }) };
  }

  Object.assign(kit, { find, common });
  const chatApi = () => window.WPP.chat;

  // Not by wa-js's own option: with words of ours, too, it asks a third party for more.
  const previewOf = ({ url, title, description, thumbnail }) => ({
    subtype: 'url', matchedText: url, canonicalUrl: url, title, richPreviewType: 0, doNotPlayInline: true,
    ...(description && { description }), ...(thumbnail && { thumbnail }),
  });

  senders.text = async (chat, message, options) => {
    const { preview } = message.content;
    if (!preview) return chatApi().sendTextMessage(text(chat.id), message.body, await common(message, options));
    const words = { type: 'chat', body: message.body, urlText: null, urlNumber: null, ...previewOf(preview) };
    return chatApi().sendRawMessage(text(chat.id), words, await common(message, options));
  };

  senders.location = async (chat, message, options) => {
    const { latitude: lat, longitude: lng, name, address, url } = message.content.location;
    const place = { lat, lng, ...(name && { name }), ...(address && { address }), ...(url && { url }) };
    return chatApi().sendLocationMessage(text(chat.id), { ...await common(message, options), ...place });
  };

  senders.contact = async (chat, message, options) => {
    const { name, vcard } = message.content.contact;
    const card = { type: 'vcard', body: vcard, vcardFormattedName: name };
    return chatApi().sendRawMessage(text(chat.id), card, await common(message, options));
  };

  senders.poll = async (chat, message, options) => {
    const { question, options: choices, selectable } = message.content.poll;
    return chatApi().sendCreatePollMessage(
      text(chat.id), question, choices, { ...await common(message, options), selectableCount: selectable });
  };

  senders.forward = async (chat, message, options) => {
    const original = await find(message.content.target);
    if (original.type === 'revoked') throw new Refusal('unknown_message', 'that message was deleted');
    const names = original.matchedText ? [...FORWARDED, ...PREVIEW] : FORWARDED;
    const copy = Object.fromEntries(names.map((name) => [name, original[name]]).filter(([, value]) => value !== undefined));
    const times = Number(original.forwardingScore ?? 0) + 1;
    return chatApi().sendRawMessage(text(chat.id), { ...copy, isForwarded: true, forwardingScore: times }, options);
  };

  commands.reaction = async ({ body, content }) => {
    const { sendMsgResult } = await chatApi().sendReactionToMessage(await find(content.target), body || null);
    const outcome = String(sendMsgResult?.messageSendResult ?? sendMsgResult ?? 'OK').toUpperCase();
    if (outcome !== 'OK') throw new Refusal(outcome);
  };

  commands.edit = async ({ body, content }) => {
    const msg = await find(content.target);
    if ((msg.type === 'chat' ? msg.body : msg.caption) === body.trim()) return;
    await chatApi().editMessage(String(keyOf(msg)), body, { linkPreview: false, detectMentioned: false });
  };

  async function isAdminOf(remote) {
    const group = remote.isGroup() ? await store().GroupMetadataStore.find(remote) : null;
    return Boolean(group?.participants?.iAmAdmin?.());
  }

  commands.revoke = async ({ content }) => {
    const msg = await find(content.target);
    if (msg.type === 'revoked') return;
    // wa-js would delete it here alone.
    if (!keyOf(msg).fromMe && !await isAdminOf(keyOf(msg).remote)) {
      throw new Refusal('not_allowed', 'only own messages can be deleted for everyone, or as an admin of the group');
    }
    const { isRevoked } = await chatApi().deleteMessage(text(keyOf(msg).remote), String(keyOf(msg)), true, true);
    if (!isRevoked) throw new Refusal('not_allowed', 'WhatsApp does not let this message be deleted for everyone');
    if (!keyOf(msg).fromMe) kit.tellRevoked({ refId: keyOf(msg), from: msg.from, author: msg.author });
  };

  // --- what leaves no message -------------------------------------------------------------------------------------

  const HIDDEN = 'wahook-hidden'; // in the profile: who was not to be seen is not, after a restart too
  kit.isShown = () => localStorage.getItem(HIDDEN) === null;

  const states = {
    composing: (id) => chatApi().markIsComposing(id),
    recording: (id) => chatApi().markIsRecording(id),
    paused: (id) => chatApi().markIsPaused(id),
  };

  async function chatState({ chat, state }) {
    await states[state](text((await chatOf(chat)).id));
  }

  async function seen({ chat: address }) {
    const [chat] = knownChats(address);
    if (!chat) throw new Refusal('unknown_chat', 'this account has no such chat');
    const { unreadCount } = await chatApi().markIsRead(chat.id);
    return { unread: Math.max(0, Number(unreadCount ?? 0)) };
  }

  return {
    chatState,
    seen,
    available: async ({ available }) => {
      if (available) localStorage.removeItem(HIDDEN);
      else localStorage.setItem(HIDDEN, '1');
      await window.WPP.conn.markAvailable(available);
    },
  };
});
