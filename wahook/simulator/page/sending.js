// Sending: add to the chat, hand to the wire, take the server's ack; edits, revokes, deletes, reactions.
'use strict';

WASim.define('WAWebAck', (exports) => {
  exports.ACK = {
    MD_DOWNGRADE: -7, INACTIVE: -6, CONTENT_UNUPLOADABLE: -5, CONTENT_TOO_BIG: -4, CONTENT_GONE: -3, EXPIRED: -2,
    FAILED: -1, CLOCK: 0, SENT: 1, RECEIVED: 2, READ: 3, PLAYED: 4, PEER: 5,
  };
  exports.ACK_STRING = {
    SENDER: 'sender', DELIVERY: 'delivery', READ: 'read', PLAYED: 'played', INACTIVE: 'inactive',
    READ_SELF: 'read-self', PLAYED_SELF: 'played-self',
  };
  exports.EDIT_ATTR = { SENDER_REVOKE: 7, ADMIN_REVOKE: 8 };
});

WASim.define('WAWebSendMsgResultAction', (exports) => {
  exports.SendMsgResult = Object.fromEntries([
    'OK', 'ERROR_NETWORK', 'ERROR_EXPIRED', 'ERROR_CANCELLED', 'ERROR_UPLOAD', 'ERROR_UNKNOWN',
  ].map((name) => [name, name]));
});

WASim.define('WAWebMsgType', (exports) => {
  exports.MSG_TYPE = Object.fromEntries([
    'chat', 'image', 'video', 'audio', 'ptt', 'document', 'sticker', 'location', 'vcard', 'multi_vcard', 'revoked',
    'protocol', 'ciphertext', 'poll_creation', 'gp2', 'call_log', 'reaction', 'e2e_notification',
    'notification_template', 'list', 'list_response', 'hsm', 'buttons_response', 'template_button_reply',
  ].map((name) => [name.toUpperCase(), name]));
  exports.SYSTEM_MESSAGE_TYPES = ['gp2', 'e2e_notification', 'notification_template', 'call_log'];
});

WASim.define('SimContent', (exports) => {
  // What of a message goes over the wire. Addresses, ids and acks are set apart by the sender.
  const FIELDS = [
    'type', 'subtype', 'body', 'caption', 'loc', 'lat', 'lng', 'clientUrl', 'mimetype', 'filehash', 'size', 'filename',
    'duration', 'width', 'height', 'pageCount', 'vcardList', 'vcardFormattedName', 'pollName', 'pollOptions',
    'pollSelectableOptionsCount', 'quotedMsg', 'quotedStanzaID', 'quotedParticipant', 'mentionedJidList', 'footer',
    'title', 'description', 'canonicalUrl', 'matchedText', 'richPreviewType', 'doNotPlayInline', 'thumbnail', 'isForwarded',
    'isViewOnce', 'isGif', 'list', 'waveform',
  ];
  const plain = (value) => (value instanceof Uint8Array ? Array.from(value) : value);
  exports.of = (raw) => Object.fromEntries(
    FIELDS.filter((name) => raw[name] !== undefined && raw[name] !== null).map((name) => [name, plain(raw[name])]));
});

WASim.define('WAWebSendMsgJob', (exports) => {
  // The server's answer {result, t}; never settles when the ack is lost; rejects when the server rejects.
  exports.encryptAndSendMsg = async ({ data }) => WASim.use('SimWire').request('send', {
    message: {
      id: data.id.id, chat: String(data.to), author: data.id.participant && String(data.id.participant), t: data.t,
      ...WASim.use('SimContent').of(data),
    },
  });
});

WASim.define('WAWebEncryptAndSendStatusMsg', (exports) => {
  exports.encryptAndSendStatusMsg = async ({ data }) => WASim.use('SimWire').request('send', {
    message: { id: data.id.id, chat: 'status@broadcast', t: data.t, ...WASim.use('SimContent').of(data) },
  });
});

WASim.define('WAWebSendMsgChatAction', (exports) => {
  // Answers an array, at once: [Promise<Msg>, Promise<{messageSendResult, t, count}>].
  exports.addAndSendMsgToChat = (chat, raw) => {
    const added = Promise.resolve().then(() => WASim.use('SimOutgoing').add(chat, raw));
    return [added, added.then((msg) => WASim.use('SimOutgoing').send(msg, raw))];
  };
});

WASim.define('SimOutgoing', (exports) => {
  exports.add = (chat, raw) => {
    const known = WASim.use('WAWebMsgCollection').MsgCollection.get(raw.id);
    return known ?? WASim.use('SimMessages').store({ ...raw, ack: 0, from: raw.from, to: chat.id });
  };

  // An answer with an error result resolves too, as on the real page; the message is marked as failed.
  exports.send = async (msg, raw) => {
    const job = WASim.use('WAWebSendMsgJob');
    const answer = await job.encryptAndSendMsg({ type: 'Msg', data: { ...raw, to: msg.to } }, {});
    if (answer === null) return { messageSendResult: 'ERROR_UNKNOWN', t: msg.t, count: null };
    if (answer.result && answer.result !== 'OK') {
      msg.set({ ack: -1, isSendFailure: true });
      return { messageSendResult: answer.result, t: msg.t, count: null };
    }
    msg.set({ isSendFailure: false });
    msg.updateAck(1);
    return { messageSendResult: 'OK', t: answer.t ?? msg.t, count: null };
  };
});

WASim.define('WAWebSendTextMsgChatAction', (exports) => {
  exports.sendTextMsgToChat = async (chat, body) => {
    const me = WASim.use('WAWebUserPrefsMeUser').getMePnUserOrThrow();
    const MsgKey = WASim.value('WAWebMsgKey');
    const id = new MsgKey({ from: me, to: chat.id, id: await MsgKey.newId(), selfDir: 'out' });
    const t = WASim.use('WATimeUtils').unixTime();
    return WASim.use('WAWebSendMsgChatAction').addAndSendMsgToChat(
      chat, { id, t, from: me, to: chat.id, type: 'chat', body, self: 'out', isNewMsg: true, local: true })[1];
  };
});

WASim.define('WAWebMsgActionCapability', (exports) => {
  const EDIT_WINDOW_SECONDS = 15 * 60;
  const recentOwn = (msg) => msg.id.fromMe && WASim.use('WATimeUtils').unixTime() - msg.t < EDIT_WINDOW_SECONDS;
  exports.canEditText = (msg) => msg.type === 'chat' && recentOwn(msg);
  exports.canEditCaption = (msg) => msg.filehash !== undefined && recentOwn(msg);
  exports.canStarMsg = () => true;
  exports.canSenderRevokeMsg = (msg) => msg.id.fromMe;
  exports.canAdminRevokeMsg = () => false;
});

WASim.define('WAWebMsgReply', (exports) => { exports.canReplyMsg = (msg) => msg.type !== 'revoked'; });

WASim.define('WAWebSendMessageEditAction', (exports) => {
  exports.addAndSendMessageEdit = async (msg, raw) => {
    await WASim.use('SimWire').request('edit', { chat: String(msg.id.remote), id: msg.id.id, body: raw.body });
    WASim.use('SimMessageActions').applyEdit(msg, raw.body, raw.id);
  };
  exports.sendMessageEdit = async (msg, body) => {
    const MsgKey = WASim.value('WAWebMsgKey');
    const id = new MsgKey({ ...msg.id, id: await MsgKey.newId() });
    return exports.addAndSendMessageEdit(msg, { body, id });
  };
});

WASim.define('SimMessageActions', (exports) => {
  const find = (chat, id) => WASim.use('WAWebChatCollection').ChatCollection.get(chat)
    ?.msgs.findFirst((msg) => msg.id.id === id);

  exports.applyEdit = (msg, body, key) => {
    msg.set(msg.filehash ? { caption: body } : { body });
    msg.set({ latestEditMsgKey: key, latestEditSenderTimestampMs: Date.now() });
  };

  exports.revoke = async (chat, list) => {
    for (const msg of list) {
      await WASim.use('SimWire').request('revoke', { chat: String(chat.id), id: msg.id.id });
      msg.set({ type: 'revoked', body: undefined, caption: undefined });
    }
  };

  exports.remove = async (chat, list) => {
    for (const msg of list) {
      await WASim.use('SimWire').request('delete', { chat: String(chat.id), id: msg.id.id });
      chat.msgs.remove(msg);
      WASim.use('WAWebMsgCollection').MsgCollection.remove(msg);
    }
  };

  WASim.use('SimWire').on('edit', async ({ chat, id, body }) => {
    const msg = find(chat, id);
    const MsgKey = WASim.value('WAWebMsgKey');
    if (msg) exports.applyEdit(msg, body, new MsgKey({ ...msg.id, id: await MsgKey.newId() }));
  });

  WASim.use('SimWire').on('revoke', ({ chat, id }) => {
    const msg = find(chat, id);
    if (msg) revokedByOthers(msg);
  });

  // What was done to a message that the page has, while its connection was down; record: as the server keeps it.
  exports.catchUp = ({ chat, id, type, latestEditMsgKey, body, caption }) => {
    const msg = find(chat, id);
    if (!msg || msg.type === 'revoked') return;
    const MsgKey = WASim.value('WAWebMsgKey');
    if (type === 'revoked') revokedByOthers(msg);
    else if (latestEditMsgKey && (msg.filehash ? msg.caption !== caption : msg.body !== body)) {
      exports.applyEdit(msg, msg.filehash ? caption : body, new MsgKey({ ...msg.id, id: latestEditMsgKey }));
    }
  };

  function revokedByOthers(msg) {
    const { MsgCollection } = WASim.use('WAWebMsgCollection');
    const note = {
      type: 'protocol', subtype: 'sender_revoke', isNewMsg: true, protocolMessageKey: msg.id, id: msg.id,
      from: msg.from, to: msg.to, author: msg.author,
    };
    MsgCollection.processMultipleMessages(msg.id.remote, [note], {}, 'relay');
    msg.set({ type: 'revoked', body: undefined, caption: undefined });
  }
});

WASim.define('WAWebSendReactionMsgAction', (exports) => {
  exports.sendReactionToMsg = async (msg, text) => {
    const id = await WASim.value('WAWebMsgKey').newId();
    await WASim.use('SimWire').request('react', { chat: String(msg.id.remote), id, target: msg.id.id, text });
    return 'OK';
  };
});

WASim.define('WAWebReactionsMsgAction', (exports) => {
  exports.addOrUpdateReactionsModelCollection = async (reactions) => {
    for (const { reactionParentKey } of reactions) {
      const msg = WASim.use('WAWebMsgCollection').MsgCollection.get(reactionParentKey);
      if (msg) msg.hasReaction = true;
    }
  };
  WASim.use('SimWire').on('reaction', async ({ chat, id, target, text, from, targetFromMe }) => {
    const MsgKey = WASim.value('WAWebMsgKey');
    const remote = WASim.use('WAWebWidFactory').createWid(chat);
    const sender = WASim.use('WAWebWidFactory').createWid(from);
    const key = new MsgKey({ fromMe: false, remote, id, participant: remote.isGroup() ? sender : undefined });
    const parent = WASim.use('WAWebChatCollection').ChatCollection.get(remote)
      ?.msgs.findFirst((msg) => msg.id.id === target)?.id ?? new MsgKey({ fromMe: targetFromMe, remote, id: target });
    const t = Date.now() + 1; // not older than the listener's own clock reading
    const reaction = {
      id: key, reactionParentKey: parent, reactionText: text, from: sender, author: sender, t, reactionTimestamp: t,
      read: false, orphan: 0,
    };
    WASim.use('WAWebReactionsMsgAction').addOrUpdateReactionsModelCollection([reaction]);
    WASim.use('WAWebAddonReactionTableMode').reactionTableMode.bulkUpsert([reaction]);
  });
});

WASim.define('WAWebAddonReactionTableMode', (exports) => {
  exports.reactionTableMode = { bulkUpsert: async () => {} };
});

WASim.define('WAWebGetEphemeralFieldsMsgActionsUtils', (exports) => { exports.getEphemeralFields = () => ({}); });

WASim.define('WAWebUserPrefsGeneral', (exports) => {
  let browserId = '';
  exports.getPushname = () => WASim.use('WAWebConnModel').Conn.pushname;
  exports.setBrowserId = (value) => { browserId = value; };
  exports.getBrowserId = () => browserId;
  exports.getUserPrivacySettings = () => ({
    readReceipts: 'all', profilePicture: 'all', status: 'all', lastSeen: 'all',
  });
  exports.getTheme = () => 'light';
  exports.setTheme = () => {};
  for (const kind of ['Photos', 'Audio', 'Videos', 'Documents']) {
    let enabled = false;
    exports[`getAutoDownload${kind}`] = () => enabled;
    exports[`setAutoDownload${kind}`] = (value) => { enabled = value; };
  }
});

WASim.define('WAWebSetPushnameConnAction', (exports) => {
  exports.setPushname = async (name) => {
    await WASim.use('SimWire').request('set_pushname', { name });
    WASim.use('WAWebConnModel').Conn.set('pushname', name);
  };
});
