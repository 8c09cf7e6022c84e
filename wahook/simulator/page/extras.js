// Parts that clients look up or wrap at start and that have little or nothing to do here.
// Each has its own function objects: clients find the owner of a function by the function's identity.
'use strict';

WASim.define('WAWebE2EProtoGenerator', (exports) => {
  exports.createMsgProtobuf = (msg) => (msg.type === 'chat'
    ? { extendedTextMessage: { text: msg.body } } : { [`${msg.type}Message`]: {} });
});

WASim.define('WAWebBackendJobsCommon', (exports) => {
  exports.mediaTypeFromProtobuf = (proto) => Object.keys(proto)
    .map((name) => /^(image|video|audio|document|sticker)Message$/.exec(name)?.[1]).find(Boolean) ?? null;
  exports.encodeMaybeMediaType = (type) => type ?? WASim.use('WAWap').DROP_ATTR;
});

WASim.define('WAWebE2EProtoUtils', (exports) => {
  exports.typeAttributeFromProtobuf = (proto) => (
    WASim.use('WAWebBackendJobsCommon').mediaTypeFromProtobuf(proto) ? 'media' : 'text');
});

WASim.define('WAWap', (exports) => {
  exports.DROP_ATTR = Symbol('DROP_ATTR');
  exports.wap = (tag, attrs = {}, content = null) => ({ tag, attrs, content });
  exports.smax = (tag, attrs = {}, content = null) => ({ tag, attrs, content });
  exports.WapNode = class WapNode {
    constructor(tag, attrs, content) { Object.assign(this, { tag, attrs, content }); }
  };
  let next = 0;
  exports.generateId = () => { next += 1; return String(next); };
});

WASim.define('WAWebSendMsgCreateFanoutStanza', (exports) => {
  exports.createFanoutMsgStanza = async ({ msgRecord }) => WASim.use('WAWap').wap('message', { id: msgRecord?.id }, []);
});

WASim.define('WAWebABProps', (exports) => {
  const values = { web_status_posting_enabled: true, link_preview_wait_time: 7 };
  exports.getABPropConfigValue = (name) => values[name];
});

WASim.define('WAWebStatusSendGatingUtils', (exports) => { exports.primaryFeatureEnabled = () => true; });

WASim.define('WALinkify', (exports) => {
  const LINK = /\bhttps?:\/\/[^\s<>"]+/gi;
  const toLink = (url) => ({ url, href: url, domain: new URL(url).hostname, suspiciousCharacters: new Set() });
  const find = (text) => [...String(text ?? '').matchAll(LINK)].map(([url]) => toLink(url));
  exports.findLinks = (text) => find(text);
  exports.findLink = (text) => find(text)[0] ?? null;
  exports.findFirstWebLink = (text) => find(text)[0]?.url;
});

WASim.define('WAWebLinkPreviewChatAction', (exports) => { exports.getLinkPreview = async () => null; });

WASim.define('WAWebMinimalLinkPreview', (exports) => {
  exports.genMinimalLinkPreview = async (link) => ({ url: link.url ?? link, data: null });
});

WASim.define('WAWebChatSearchQuery', (exports) => {
  exports.SearchQuery = class SearchQuery {
    filter = {};
    updateLabelQuery(filter) { this.filter = filter; }
  };
});

WASim.define('WAWebInboxFilterUtils', (exports) => {
  exports.isFilterExcludedFromSearchTreatmentInInboxFlow = () => false;
});

WASim.define('WAWebChatPinUtils', (exports) => {
  exports.getNumChatsPinned = () => WASim.use('WAWebChatCollection').ChatCollection.filter((chat) => chat.pin).length;
});

WASim.define('WAWebMsgUnreadUtils', (exports) => {
  exports.getIsUnreadType = (msg) => !WASim.use('WAWebMsgType').SYSTEM_MESSAGE_TYPES.includes(msg.type);
});

WASim.define('WAWebHistorySyncProgressUtils', (exports) => {
  exports.getHistorySyncProgressModel = () => ({ realProgress: 100, remainingPausedSeconds: 0 });
});

WASim.define('WAWebQuotedMsgModelUtils', (exports) => {
  exports.getQuotedMsgObj = (msg) => {
    if (!msg.quotedStanzaID) return null;
    const MsgKey = WASim.value('WAWebMsgKey');
    const keys = [true, false].map((fromMe) => new MsgKey({ fromMe, remote: msg.id.remote, id: msg.quotedStanzaID }));
    const found = keys.map((key) => WASim.use('WAWebMsgCollection').MsgCollection.get(key)).find(Boolean);
    const { Msg } = WASim.use('WAWebMsgModel');
    return found ?? new Msg({ ...msg.quotedMsg, id: keys[1], t: msg.t, from: msg.quotedParticipant });
  };
});

WASim.define('WAWebFrontendVcardUtils', (exports) => {
  exports.vcardFromContactModel = (contact) => {
    const name = contact.formattedName ?? contact.displayName;
    const { user } = contact.id;
    return {
      displayName: name,
      vcard: `BEGIN:VCARD\nVERSION:3.0\nN:;${name};;;\nFN:${name}\nTEL;type=CELL;waid=${user}:+${user}\nEND:VCARD`,
    };
  };
});

// A store of nothing, under a proxy name.
(() => {
  const emptyStore = (exports, name, proxyName, methods = {}) => {
    const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
    const { BaseCollection } = WASim.use('WAWebBaseCollection');
    class Entry extends BaseModel {}
    defineModel(Entry, { proxyName, props: { id: undefined } });
    class Store extends BaseCollection { static model = Entry; }
    Object.assign(Store.prototype, methods);
    exports[name] = new Store();
    return Store;
  };

  WASim.define('WAWebBlocklistCollection', (exports) => emptyStore(exports, 'BlocklistCollection', 'blocklist'));

  WASim.define('WAWebStatusCollection', (exports) => {
    exports.StatusCollectionImpl = emptyStore(exports, 'StatusCollection', 'status_v3', statusMethods);
  });

  const statusMethods = {
    getMyStatus() { return { msgs: WASim.use('WAWebFindChatAction').addChat(WASim.statusWid()).msgs }; },
    addStatusMessages() {},
    handleUpdate() {},
  };

  WASim.define('WAWebMsgInfoCollection', (exports) => {
    emptyStore(exports, 'MsgInfoCollection', 'msg_info', {
      async find(key) {
        const msg = WASim.use('WAWebMsgCollection').MsgCollection.get(key);
        const reached = (ack) => (msg?.ack >= ack ? [{ id: msg.to, t: msg.t }] : []);
        return { delivery: reached(2), read: reached(3), played: reached(4) };
      },
    });
  });
  WASim.define('WAWebMuteCollection', (exports) => emptyStore(exports, 'MuteCollection', 'mute_entry'));
  WASim.define('WAWebPinInChatCollection', (exports) => emptyStore(exports, 'PinInChatCollection', 'pin_in_chat'));

  WASim.defineDefault('WAWebNewsletterCollection', () => {
    const exports = {};
    emptyStore(exports, 'NewsletterCollection', 'newsletter');
    return exports.NewsletterCollection;
  });

  WASim.defineDefault('WAWebCallCollection', () => {
    const exports = {};
    emptyStore(exports, 'CallCollection', 'call');
    const store = exports.CallCollection;
    return Object.assign(store, {
      pendingVoipCapChecks: new Map(),
      processIncomingCall: (call) => { store.add({ id: call.id }); return call; },
      setActiveCall: (call) => { store.activeCall = call; return call; },
    });
  });
})();

WASim.statusWid = () => WASim.use('WAWebWidFactory').createWid('status@broadcast');

WASim.define('WAWebCallModel', (exports) => {
  const EventEmitter = WASim.value('WAWebEventEmitter');
  exports.default = class CallModel extends EventEmitter {};
  exports.CallState = { ReceivedCall: 3, ReceivedCallWithoutOffer: 9 };
});

WASim.define('WAWebPollsUpsertVotes', (exports) => {
  exports.upsertVotesDb = async () => {};
  WASim.use('SimWire').on('vote', ({ chat, id, from, options, t }) => {
    const createWid = WASim.use('WAWebWidFactory').createWid;
    const poll = WASim.use('WAWebChatCollection').ChatCollection.get(createWid(chat))
      ?.msgs.findFirst((msg) => msg.id.id === id);
    if (!poll) return;
    WASim.use('WAWebPollsUpsertVotes').upsertVotesDb([{
      parentMsgKey: poll.id, selectedOptionLocalIds: options, senderTimestampMs: t, sender: createWid(from),
    }]);
  });
});

WASim.define('SimCalls', () => {
  WASim.use('SimWire').on('call', ({ id, from, video, t }) => {
    const call = {
      id, peerJid: from, isGroup: false, isVideo: video, offerTime: t, outgoing: false,
      getState: () => WASim.use('WAWebCallModel').CallState.ReceivedCall,
    };
    WASim.value('WAWebCallCollection').processIncomingCall(call);
  });
});

WASim.define('WAWebPollsVotesSchema', (exports) => { exports.getTable = () => ({ name: "poll-votes" }); });

WASim.define('WAWebAddonPollVoteTableMode', (exports) => {
  exports.pollVoteTableMode = { bulkUpsert: async () => {} };
});

WASim.define('WAWebLabelCollection', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class Label extends BaseModel {
    get labelItemCollection() { return { _models: [], getModelsArray: () => [], length: 0 }; }
  }
  defineModel(Label, { proxyName: 'label', props: { id: undefined, name: undefined, colorIndex: 0 } });
  class LabelStore extends BaseCollection {
    static model = Label;
    getNextAvailableColor() { return 0; }
    async addOrRemoveLabels() { return []; }
  }
  exports.LabelCollection = new LabelStore();
});

WASim.define('WAWebLabelColors', (exports) => {
  const COLORS = ['#FF9485', '#64C4FF', '#FFD429'];
  exports.getAllLabelColors = () => COLORS;
  exports.colorIndexToHex = (index) => COLORS[index % COLORS.length];
});

WASim.define('WAWebLabelUpdates', (exports) => {
  exports.addToLabelCollection = async () => {};
  exports.removeLabelFromCollection = async () => {};
  exports.createLabelItemId = (label, item) => `${label}-${item}`;
  exports.getParentCollection = () => undefined;
  exports.initializeLabels = () => {};
});

WASim.define('WAWebChatClearBridge', (exports) => {
  // The name of WAWebStateUtils in this text is what clients recognise the function by.
  exports.sendClear = async (chat) => { /* WAWebStateUtils */
    const { MsgCollection } = WASim.use('WAWebMsgCollection');
    MsgCollection.remove(chat.msgs.toArray());
    chat.msgs.reset();
    await WASim.use('SimWire').request('clear', { chat: String(chat.id) });
  };
});

WASim.define('WAWebDeleteChatAction', (exports) => {
  exports.sendDelete = async (chat) => {
    await WASim.use('WAWebChatClearBridge').sendClear(chat);
    WASim.use('WAWebChatCollection').ChatCollection.remove(chat);
    return { status: 200 };
  };
});

WASim.define('WAWebBlockContactAction', (exports) => {
  const block = async (contact, blocked) => {
    contact.set('isContactBlocked', blocked);
    await WASim.use('SimWire').request('block', { number: contact.id.user, blocked });
    const { BlocklistCollection } = WASim.use('WAWebBlocklistCollection');
    if (blocked) BlocklistCollection.add({ id: contact.id }); else BlocklistCollection.remove(contact.id);
    BlocklistCollection.sort();
  };
  exports.blockContact = async ({ contact }) => block(contact, true);
  exports.unblockContact = async (contact) => block(contact.contact ?? contact, false);
});
