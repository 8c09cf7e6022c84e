// Chats: model, collection, creation, unread counts, the state a login brings.
'use strict';

WASim.define('WAWebMuteModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class Mute extends BaseModel {
    get isMuted() { return this.expiration !== 0; }
  }
  exports.Mute = defineModel(Mute, { proxyName: 'mute', props: { id: undefined, expiration: 0 } });
});

WASim.define('WAWebChatModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class Chat extends BaseModel {
    initialize() {
      const { ChatMsgsCollection } = WASim.use('WAWebChatMsgsCollection');
      const { Mute } = WASim.use('WAWebMuteModel');
      Object.assign(this.attributes, {
        msgs: new ChatMsgsCollection([], { parent: this }), mute: new Mute({ id: this.id }),
      });
    }

    get contact() {
      return WASim.use('WAWebContactCollection').ContactCollection.gadd(this.id);
    }

    get groupMetadata() {
      return this.id.isGroup() ? WASim.value('WAWebGroupMetadataCollection').get(this.id) : undefined;
    }

    set formattedTitle(title) { this.name = title; }
    get presence() { return WASim.use('WAWebPresenceCollection').PresenceCollection.gadd(this.id); }
    get formattedTitle() { return this.groupMetadata?.subject ?? this.name ?? this.contact.displayName; }
    get isBroadcast() { return this.id.isBroadcast(); }
    get isParentGroup() { return false; }
    get kind() { return this.id.isGroup() ? 'group' : 'chat'; }
    title() { return this.formattedTitle; }
    canUnread() { return true; }
    getLastReceivedMsg() { return this.msgs.last(); }
    async loadEarlierMsgs() { return WASim.use('WAWebChatLoadMessages').loadEarlierMsgs({ chat: this }); }
    serialize() { return { ...super.serialize(), formattedTitle: this.formattedTitle, msgs: this.msgs.serialize() }; }
  }
  exports.Chat = defineModel(Chat, {
    proxyName: 'chat',
    props: {
      id: undefined, t: undefined, name: undefined, unreadCount: 0, archive: false, pin: 0, isReadOnly: false,
      lastReceivedKey: undefined, notSpam: true, muteExpiration: 0, ephemeralDuration: undefined, trusted: true,
    },
    session: {
      active: false, msgs: undefined, mute: undefined, pausedTimerId: undefined, markedUnread: false, canSend: true,
      labels: undefined, stale: false, createdLocally: false, promises: () => ({}),
    },
  });
});

WASim.define('WAWebChatMsgsCollection', (exports) => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  exports.ChatMsgsCollection = class ChatMsgsCollection extends BaseCollection {
    static model = WASim.use('WAWebMsgModel').Msg;
    static comparator = (a, b) => a.t - b.t || a.order - b.order;
    msgLoadState = { noEarlierMsgs: false, isLoadingEarlierMsgs: false, contextLoaded: true };
  };
});

WASim.define('WAWebChatCollection', (exports) => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  exports.ChatCollectionImpl = class ChatCollectionImpl extends BaseCollection {
    static model = WASim.use('WAWebChatModel').Chat;
    static comparator = (a, b) => (b.t ?? 0) - (a.t ?? 0);
    async findQuery(id) { return (await WASim.use('WAWebFindChatAction').findOrCreateLatestChat(id)).chat; }
    active() { return this.findFirst((chat) => chat.active); }
  };
  exports.ChatCollection = new exports.ChatCollectionImpl();
});

WASim.define('WAWebFindChatAction', (exports) => {
  const chats = () => WASim.use('WAWebChatCollection').ChatCollection;
  // {chat, created}; rejects when the number is not on WhatsApp. One person has one chat, by number or by LID:
  // the answer's address may be the other one than was asked for.
  exports.findOrCreateLatestChat = async (value) => {
    const wid = WASim.use('WAWebWidFactory').createWid(value?.id ?? value);
    const known = chats().get(wid) ?? chats().get(WASim.use('WAWebApiContact').getAlternateUserWid(wid));
    if (known) return { chat: known, created: false };
    if (wid.isGroup() && !await WASim.value('WAWebGroupMetadataCollection').find(wid)) {
      throw new Error('findChat: not a member of this group');
    }
    if (wid.isUser() && !await WASim.use('WAWebQueryExistsJob').queryWidExists(wid)) {
      throw new Error('No LID for user');
    }
    return { chat: exports.addChat(wid, { createdLocally: true }), created: true };
  };
  exports.addChat = (wid, attributes = {}) => {
    WASim.use('WAWebContactCollection').ContactCollection.gadd(wid);
    return chats().get(wid) ?? chats().add({ id: wid, ...attributes });
  };
  exports.findChat = async (wid) => (await exports.findOrCreateLatestChat(wid)).chat;
  exports.findExistingChat = (wid) => chats().get(wid);
});

WASim.define('WAWebCreateChat', (exports) => {
  const find = (wid) => WASim.use('WAWebFindChatAction').findOrCreateLatestChat(wid);
  exports.createChat = async (wid) => (await find(wid)).chat;
  exports.createChatRecord = async (wid) => (await find(wid)).chat;
  exports.checkChatExistedOrCreate = async (wid) => (await find(wid)).chat;
});

WASim.define('WAWebChatGetters', (exports) => {
  Object.assign(exports, {
    getShouldAppearInList: () => true,
    getPreviewMessage: (chat) => chat.msgs.last(),
    getShowChangeNumberNotification: () => false,
    getShouldShowUnreadDivider: (chat) => chat.unreadCount > 0,
    getHasUnread: (chat) => chat.unreadCount !== 0 || chat.markedUnread,
    getIsNewsletter: (chat) => chat.id.isNewsletter(),
    getIsBroadcast: (chat) => chat.id.isBroadcast(),
    getIsGroup: (chat) => chat.id.isGroup(),
    getIsUser: (chat) => chat.id.isUser(),
  });
});

WASim.define('WAWebUpdateUnreadChatAction', (exports) => {
  exports.sendSeen = async ({ chat }) => {
    if (chat.unreadCount === 0 && !chat.markedUnread) return;
    const unread = chat.msgs.filter((msg) => !msg.id.fromMe && msg.ack < 3);
    for (const msg of unread) msg.ack = 3;
    chat.set({ unreadCount: 0, markedUnread: false });
    WASim.use('SimWire').notify('seen', { chat: String(chat.id) });
  };
  exports.markUnread = async (chat, unread = true) => {
    chat.set({ unreadCount: unread ? -1 : 0, markedUnread: unread });
    WASim.use('SimWire').notify('mark_unread', { chat: String(chat.id), unread });
  };
  exports.markPlayed = async (msg) => {
    msg.ack = 4;
    WASim.use('SimWire').notify('played', { chat: String(msg.id.remote), id: msg.id.id });
  };
  exports.canMarkPlayed = (msg) => msg.type === 'ptt';
});

WASim.define('SimChatSync', (exports) => {
  // Lays the server's state over the page's: contacts, groups, chats and their latest messages.
  exports.load = ({ contacts, groups, chats, labels = [], blocked = [] }) => {
    const createWid = WASim.use('WAWebWidFactory').createWid;
    const store = WASim.use('WAWebContactCollection').ContactCollection;
    for (const { number, lid, ...names } of contacts) {
      WASim.use('WAWebApiContact').learn(number, lid);
      store.add({ id: createWid(`${number}@c.us`), ...names }, { merge: true });
    }
    WASim.use('WAWebLabelCollection').LabelCollection.add(labels, { merge: true });
    for (const number of blocked) {
      WASim.use('WAWebBlocklistCollection').BlocklistCollection.add({ id: createWid(`${number}@c.us`) });
    }
    for (const group of groups) WASim.use('SimGroups').learn(group);
    for (const { id, messages, unreadCount, t } of chats) {
      const chat = WASim.use('WAWebFindChatAction').addChat(createWid(id), { t, unreadCount });
      for (const message of messages) {
        WASim.use('SimMessageActions').catchUp(message);
        WASim.use('SimMessages').place(message, { isNew: false });
      }
      chat.set({ t, unreadCount });
    }
    WASim.use('WAWebChatCollection').ChatCollection.sort();
  };
});
