// Messages: model, collection, what arrives, receipts, looking up.
'use strict';

WASim.define('WAWebMsgModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  let order = 0;
  class Msg extends BaseModel {
    initialize() {
      order += 1;
      Object.defineProperty(this, 'order', { value: order });
      if (this.filehash || this.attributes.mediaData) WASim.use('SimMedia').attach(this);
    }

    get senderObj() {
      return WASim.use('WAWebContactCollection').ContactCollection.gadd(this.sender);
    }

    get sender() {
      if (this.id.fromMe) return WASim.use('WAWebUserPrefsMeUser').getMaybeMePnUser();
      return this.author ?? this.from;
    }

    get isMedia() { return this.filehash !== undefined; }
    get isStatusV3() { return this.id.remote.isStatus(); }
    get isEphemeral() { return false; }
    get mediaObject() { return this.mediaData?.mediaObject; }
    isGroupMsgInner() { return this.id.remote.isGroup(); }
    canReply() { return true; }
    updateAck(ack) { if (ack > this.ack) this.ack = ack; }
    avParams() { return {}; }
    async downloadMedia() { await WASim.use('SimMedia').download(this); }

    msgContextInfo() {
      return {
        quotedMsg: { type: this.type, body: this.body, caption: this.caption }, quotedStanzaID: this.id.id,
        quotedParticipant: this.sender, quotedRemoteJid: undefined,
      };
    }

    serialize() {
      const out = super.serialize();
      return this.mediaData ? { ...out, mediaData: this.mediaData.serialize() } : out;
    }
  }
  const names = [
    'id', 'rowId', 'body', 'type', 'subtype', 't', 'notifyName', 'from', 'to', 'author', 'self', 'caption',
    'clientUrl', 'loc', 'lat', 'lng', 'accuracy', 'speed', 'degrees', 'directPath', 'mimetype', 'duration',
    'waveform', 'filehash', 'encFilehash', 'size', 'filename', 'mediaKey', 'mediaKeyTimestamp', 'width', 'height',
    'thumbnail', 'pageCount', 'title', 'description', 'canonicalUrl', 'matchedText', 'richPreviewType',
    'doNotPlayInline', 'quotedMsg', 'quotedStanzaID', 'quotedParticipant', 'quotedRemoteJid', 'mentionedJidList', 'footer',
    'vcardList', 'vcardFormattedName',
    'pollName', 'pollOptions', 'pollSelectableOptionsCount', 'pollEncKey', 'messageSecret', 'protocolMessageKey',
    'latestEditMsgKey', 'latestEditSenderTimestampMs', 'recipients', 'templateParams', 'isGif', 'list', 'buttons',
  ];
  exports.Msg = defineModel(Msg, {
    proxyName: 'msg',
    props: {
      ...Object.fromEntries(names.map((name) => [name, undefined])), ack: 0, isNewMsg: false, star: false,
      isForwarded: false, forwardingScore: 0, isViewOnce: false, isLive: false, isCaptionByUser: false, local: false,
      broadcast: false, kicNotified: false, hasReaction: false, isSendFailure: false,
    },
    session: { mediaData: undefined, isUnsentMedia: false },
    children: ['mediaData'],
  });
});

WASim.define('WAWebMsgCollection', (exports) => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class MsgCollectionImpl extends BaseCollection {
    static model = WASim.use('WAWebMsgModel').Msg;

    // Adds what is not there yet; answers the models. raws: attributes as `SimMessages.fromWire` makes them.
    async processMultipleMessages(chatWid, raws) {
      return raws.map((raw) => WASim.use('SimMessages').store(raw));
    }

    async getMessagesById(keys) {
      const messages = [];
      for (const key of keys) {
        const found = this.get(key) ?? await WASim.use('SimMessages').fetch(key);
        if (found) messages.push(found);
      }
      return { messages };
    }

    getStarred() { return this.filter((msg) => msg.star); }
  }
  exports.MsgCollectionImpl = MsgCollectionImpl;
  exports.MsgCollection = new MsgCollectionImpl();
});

WASim.define('SimMessages', (exports) => {
  const createWid = (text) => WASim.use('WAWebWidFactory').createWid(text);
  const msgs = () => WASim.use('WAWebMsgCollection').MsgCollection;
  const WIDS = ['from', 'to', 'author', 'quotedParticipant', 'quotedRemoteJid'];

  // The server's record {id, chat, fromMe, from, to, author?, t, ack, type, …} as message attributes.
  // number: whose LID the chat is, when it is one.
  exports.fromWire = ({ id, chat, fromMe, number, ...rest }) => {
    if (number && chat.endsWith('@lid')) WASim.use('WAWebApiContact').learn(number, chat.split('@')[0]);
    const MsgKey = WASim.value('WAWebMsgKey');
    const raw = { ...rest };
    for (const name of WIDS) if (raw[name]) raw[name] = createWid(raw[name]);
    if (raw.mentionedJidList) raw.mentionedJidList = raw.mentionedJidList.map(createWid);
    raw.self = fromMe ? 'out' : 'in';
    const participant = raw.to?.isGroup() || raw.from?.isGroup() ? raw.author : undefined;
    raw.id = new MsgKey({ fromMe, remote: createWid(chat), id, participant });
    return raw;
  };

  // Into the collections and its chat, once per id; chats and senders that are not known yet are made.
  exports.store = (raw) => {
    const known = msgs().get(raw.id);
    if (known) return known;
    const chat = WASim.use('WAWebFindChatAction').addChat(raw.id.remote);
    if (raw.notifyName && !raw.id.fromMe) {
      WASim.use('WAWebContactCollection').ContactCollection.gadd(raw.author ?? raw.from).pushname = raw.notifyName;
    }
    const msg = new (WASim.use('WAWebMsgModel').Msg)(raw);
    chat.msgs.add(msg);
    if (!(chat.t > msg.t)) chat.set({ t: msg.t, lastReceivedKey: msg.id });
    if (raw.isNewMsg && !raw.id.fromMe) chat.unreadCount = Math.max(chat.unreadCount, 0) + 1;
    const { ChatCollection } = WASim.use('WAWebChatCollection');
    if (ChatCollection.head() !== chat) ChatCollection.sort();
    msgs().add(msg);
    return msg;
  };

  exports.place = (record, { isNew }) => exports.store({ ...exports.fromWire(record), isNewMsg: isNew });

  exports.fetch = async (key) => {
    const MsgKey = WASim.value('WAWebMsgKey');
    const { id, remote } = MsgKey.from(key);
    const { message } = await WASim.use('SimWire').request('get_message', { chat: String(remote), id });
    return message ? exports.place(message, { isNew: false }) : undefined;
  };

  // Confirms in the same turn in which listeners were told: a page that dies before gets the message again.
  WASim.use('SimWire').on('message', async ({ message }) => {
    const raw = { ...exports.fromWire(message), isNewMsg: true };
    await WASim.use('WAWebHandleMsg').handleSingleMsg(raw.id.remote, raw);
    WASim.use('SimWire').notify('got', { ids: [message.id] });
  });
});

WASim.define('WAWebHandleMsg', (exports) => {
  exports.handleSingleMsg = async (chatWid, raw) => {
    await WASim.use('WAWebMsgCollection').MsgCollection.processMultipleMessages(chatWid, [raw], {}, 'relay');
  };
});

// Receipts: each kind has its own module, and each its own function object.
(() => {
  const apply = ({ externalIds, from, ack }) => {
    const chat = WASim.use('WAWebChatCollection').ChatCollection.get(from);
    for (const id of externalIds) {
      const msg = chat?.msgs.get(`true_${from}_${id}`) // in groups the key has a participant too
        ?? chat?.msgs.findFirst(({ id: key }) => key.fromMe && key.id === id);
      msg?.updateAck(ack);
    }
  };
  WASim.define('WAWebHandleChatSimpleReceipt', (exports) => {
    exports.handleChatSimpleReceipt = async (receipt) => apply(receipt);
  });
  WASim.define('WAWebHandleGroupSimpleReceipt', (exports) => {
    exports.handleGroupSimpleReceipt = async (receipt) => apply(receipt);
  });
  WASim.define('WAWebHandleStatusSimpleReceipt', (exports) => {
    exports.handleStatusSimpleReceipt = async (receipt) => apply(receipt);
  });

  WASim.define('SimReceipts', () => {
    const NAMES = { 2: 'delivery', 3: 'read', 4: 'played' };
    WASim.use('SimWire').on('ack', ({ chat, id, ack, participant }) => {
      const createWid = WASim.use('WAWebWidFactory').createWid;
      const receipt = {
        externalIds: [id], from: createWid(chat), participant: participant ? createWid(participant) : null,
        recipient: null, ack, ackString: NAMES[ack], ts: Math.floor(Date.now() / 1000), offline: null,
      };
      if (receipt.from.isGroup()) WASim.use('WAWebHandleGroupSimpleReceipt').handleGroupSimpleReceipt(receipt);
      else if (receipt.from.isStatus()) WASim.use('WAWebHandleStatusSimpleReceipt').handleStatusSimpleReceipt(receipt);
      else WASim.use('WAWebHandleChatSimpleReceipt').handleChatSimpleReceipt(receipt);
    });
  });
})();

WASim.define('WAWebDBMessageFindLocal', (exports) => {
  // Messages before or after the anchor key, oldest first, the anchor itself not among them.
  exports.msgFindByDirection = async ({ anchor, count, direction, media }) => {
    const { messages } = await WASim.use('SimWire').request('history', {
      chat: String(anchor.remote), anchor: anchor.id, direction, count: Number.isFinite(count) ? count : null, media,
    });
    return { messages: messages.map((record) => WASim.use('SimMessages').fromWire(record)) };
  };
  exports.msgFindBefore = async (query) => exports.msgFindByDirection({ ...query, direction: 'before' });
  exports.msgFindAfter = async (query) => exports.msgFindByDirection({ ...query, direction: 'after' });
  exports.msgFindMedia = async (query) => exports.msgFindByDirection({ ...query, media: query.mediaType });
  exports.msgFindCallLog = async () => [];
  exports.msgFindEvents = async () => [];
  exports.msgFindStarred = async () => ({ messages: [] });
  exports.msgFindSearch = async () => ({ messages: [] });
});

WASim.define('WAWebChatLoadMessages', (exports) => {
  exports.loadEarlierMsgs = async ({ chat }) => {
    const oldest = chat.msgs.head();
    if (!oldest) return [];
    const { messages } = await WASim.use('WAWebDBMessageFindLocal').msgFindBefore({ anchor: oldest.id, count: 50 });
    chat.msgs.msgLoadState.noEarlierMsgs = messages.length === 0;
    return messages.map((raw) => WASim.use('SimMessages').store(raw));
  };
  exports.loadRecentMsgs = async () => [];
});

WASim.define('WAWebChatMessageSearch', (exports) => {
  exports.getSearchContext = (query) => {
    const collection = WASim.use('WAWebMsgCollection').MsgCollection;
    collection.loadAroundPromise = WASim.use('SimMessages').fetch(query.msgKey).catch(() => undefined);
    return { collection, msg: undefined, key: query.msgKey, highlightMsg: true };
  };
});
