// Contacts, LID mapping, number check, pictures, status texts, presence.
'use strict';

WASim.define('WAWebContactModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class Contact extends BaseModel {
    get displayName() { return this.name ?? this.verifiedName ?? this.pushname ?? WASim.formatPhone(this.id); }
    get phoneNumber() {
      return this.id.isLid() ? WASim.use('WAWebApiContact').getPhoneNumber(this.id) : this.id;
    }
    isBlocked() { return this.isContactBlocked; }
    getProfilePicThumb() { return WASim.use('WAWebProfilePicThumbCollection').ProfilePicThumbCollection.gadd(this.id); }
  }
  exports.Contact = defineModel(Contact, {
    proxyName: 'contact',
    props: {
      id: undefined, name: undefined, shortName: undefined, pushname: undefined, type: 'in', verifiedName: undefined,
      isBusiness: false, isEnterprise: false, verifiedLevel: undefined, privacyMode: undefined, statusMute: undefined,
      labels: undefined, disappearingModeDuration: undefined, disappearingModeSettingTimestamp: undefined,
      username: undefined, isAddressBookContact: 0, syncToAddressbook: false,
    },
    session: { isContactBlocked: false, stale: false, status: undefined },
  });
});

WASim.formatPhone = (wid) => (wid.isUser() && !wid.isLid() ? `+${wid.user}` : wid.user);

WASim.define('WAWebContactCollection', (exports) => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  exports.ContactCollectionImpl = class ContactCollectionImpl extends BaseCollection {
    static model = WASim.use('WAWebContactModel').Contact;
    getMeContact() { return this.get(WASim.use('WAWebUserPrefsMeUser').getMaybeMePnUser()); }
  };
  exports.ContactCollection = new exports.ContactCollectionImpl();
});

// Both must stay before the contact getters: whoever looks for getCurrentLid + getPhoneNumber takes the first.
WASim.define('WAWebApiContact', (exports) => {
  const toLid = new Map();
  const toPn = new Map();
  const createWid = (text) => WASim.use('WAWebWidFactory').createWid(text);
  exports.learn = (number, lid) => {
    toLid.set(`${number}@c.us`, createWid(`${lid}@lid`));
    toPn.set(`${lid}@lid`, createWid(`${number}@c.us`));
  };
  exports.getCurrentLid = (wid) => toLid.get(String(wid)) ?? null;
  exports.getPhoneNumber = (wid) => toPn.get(String(wid)) ?? null;
  exports.getAlternateUserWid = (wid) => exports.getCurrentLid(wid) ?? exports.getPhoneNumber(wid);
  exports.lidPnCache = {
    getCurrentLid: (wid) => exports.getCurrentLid(wid), getPhoneNumber: (wid) => exports.getPhoneNumber(wid),
  };
});

WASim.define('WAWebDBCreateLidPnMappings', (exports) => {
  exports.createLidPnMappings = async ({ mappings }) => {
    for (const { lid, pn } of mappings) WASim.use('WAWebApiContact').learn(pn.user, lid.user);
  };
});

WASim.define('WAWebLidMigrationUtils', (exports) => {
  const contacts = () => WASim.use('WAWebApiContact');
  exports.Lid1X1MigrationUtils = {
    isLidMigrated: () => false, isSyncdSessionMigrated: () => false,
    shouldApplyNonMigratedMessagingRules: () => true,
  };
  exports.shouldHaveAccountLid = (wid) => wid.isUser();
  exports.toPn = (wid) => (wid.isLid() ? contacts().getPhoneNumber(wid) : wid);
  exports.toLid = (wid) => (wid.isLid() ? wid : contacts().getCurrentLid(wid));
  exports.toUserLid = (wid) => exports.toLid(wid);
  exports.toUserLidOrThrow = (wid) => {
    const lid = exports.toLid(wid);
    if (!lid) throw new Error('No LID for user');
    return lid;
  };
});

WASim.define('WAWebQueryExistsJob', (exports) => {
  // {wid, biz, bizInfo} or null when the number is not on WhatsApp.
  exports.queryWidExists = async (wid) => {
    const answer = await WASim.use('SimWire').request('query_exists', { number: wid.user, lid: wid.isLid() });
    if (!answer.exists) return null;
    WASim.use('WAWebApiContact').learn(answer.number, answer.lid);
    return { wid: WASim.use('WAWebWidFactory').createWid(`${answer.number}@c.us`), biz: answer.business };
  };
  exports.queryPhoneExists = (phone) => exports.queryWidExists(
    WASim.use('WAWebWidFactory').createWid(`${String(phone).replace(/\D/g, '')}@c.us`));
});

WASim.define('WAWebContactGetters', (exports) => {
  const me = () => WASim.use('WAWebUserPrefsMeUser');
  Object.assign(exports, {
    getNotifyName: (contact) => contact.pushname,
    getPremiumMessageName: () => undefined,
    getUserid: (contact) => contact.id.user,
    getUserhash: () => null,
    getIsMe: (contact) => me().isMeAccount(contact.id),
    getIsUser: (contact) => contact.id.isUser(),
    getIsGroup: (contact) => contact.id.isGroup(),
    getIsBroadcast: (contact) => contact.id.isBroadcast(),
    getIsNewsletter: (contact) => contact.id.isNewsletter(),
    getIsPSA: (contact) => contact.id.isPSA(),
    getIsIAS: () => false,
    getIsSupportAccount: () => false,
    getIsWAContact: (contact) => contact.id.isUser(),
    getIsBusiness: (contact) => contact.isBusiness,
    getIsEnterprise: (contact) => contact.isEnterprise,
    getName: (contact) => contact.name,
    getShortName: (contact) => contact.shortName,
    getPushname: (contact) => contact.pushname,
    getVerifiedName: (contact) => contact.verifiedName,
    getVerifiedLevel: (contact) => contact.verifiedLevel,
    getType: (contact) => contact.type,
    getLabels: (contact) => contact.labels,
    getStatusMute: (contact) => contact.statusMute,
    getSectionHeader: () => undefined,
    getIsContactBlocked: (contact) => contact.isContactBlocked,
    getCanRequestPhoneNumber: () => false,
    getShowBusinessCheckmarkAsPrimary: () => false,
    getShowBusinessCheckmarkAsSecondary: () => false,
    getShowBusinessCheckmarkInChatlist: () => false,
    getIsDisplayNameApproved: () => true,
    getShouldForceBusinessUpdate: () => false,
  });
});

WASim.define('WAWebFrontendContactGetters', (exports) => {
  const displayName = (contact) => contact.displayName;
  const phone = (contact) => WASim.formatPhone(contact.id);
  Object.assign(exports, {
    getPhoneNumber: (contact) => contact.phoneNumber,
    getTextStatusString: () => '',
    getPnForLid: ({ id }) => (id.isLid() ? WASim.use('WAWebApiContact').getPhoneNumber(id) : undefined),
    getDisplayName: (contact) => displayName(contact),
    getDisplayNameOrPnForLid: (contact) => displayName(contact),
    getUserDisplayNameForLid: (contact) => displayName(contact),
    getFormattedPhone: (contact) => phone(contact),
    getFormattedUsernameOrPhone: (contact) => phone(contact),
    getFormattedShortNameWithNonBreakingSpaces: (contact) => displayName(contact).replaceAll(' ', '\u00a0'),
    getFormattedShortName: (contact) => contact.shortName ?? displayName(contact),
    getFormattedName: (contact) => displayName(contact),
    getFormattedUser: (contact) => phone(contact),
    getSearchName: (contact) => displayName(contact).toLowerCase(),
    getSearchVerifiedName: (contact) => contact.verifiedName?.toLowerCase(),
    getHeader: (contact) => displayName(contact).charAt(0).toUpperCase(),
    getIsMyContact: (contact) => contact.isAddressBookContact === 1 || contact.name !== undefined,
    getMentionName: (contact) => displayName(contact),
  });
});

WASim.define('WAWebProfilePicThumbCollection', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class ProfilePicThumb extends BaseModel {}
  defineModel(ProfilePicThumb, {
    proxyName: 'profile_pic_thumb',
    props: {
      id: undefined, eurl: undefined, previewEurl: undefined, tag: undefined, img: undefined, imgFull: undefined,
    },
  });
  class ProfilePicThumbCollectionImpl extends BaseCollection {
    static model = ProfilePicThumb;
    async query(wid) {
      const { path } = await WASim.use('SimWire').request('picture', { number: wid.user });
      const url = path ? new URL(path, location.origin).href : undefined;
      return { id: wid, eurl: url, previewEurl: url, img: url, imgFull: url };
    }
  }
  exports.ProfilePicThumbCollectionImpl = ProfilePicThumbCollectionImpl;
  exports.ProfilePicThumbCollection = new ProfilePicThumbCollectionImpl();
});

WASim.define('WAWebContactProfilePicThumbBridge', (exports) => {
  const collection = () => WASim.use('WAWebProfilePicThumbCollection').ProfilePicThumbCollection;
  exports.requestProfilePicFromServer = async (wid) => collection().find(wid);
  exports.profilePicFind = async (wid) => collection().find(wid);
  exports.sendSetPicture = async (wid, thumb, picture) => {
    await WASim.use('SimWire').request('set_picture', { data: picture });
    collection().remove(wid);
    return { status: 200 };
  };
  exports.requestDeletePicture = async (wid) => {
    await WASim.use('SimWire').request('set_picture', { data: null });
    collection().remove(wid);
    return { status: 200 };
  };
});

WASim.define('WAWebTextStatusCollection', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class TextStatus extends BaseModel {}
  defineModel(TextStatus, { proxyName: 'text_status', props: { id: undefined, status: undefined } });
  class TextStatusCollectionImpl extends BaseCollection {
    static model = TextStatus;
    async query(wid) {
      const { text } = await WASim.use('SimWire').request('about', { number: wid.user });
      return { id: wid, status: text };
    }
  }
  exports.TextStatusCollectionImpl = TextStatusCollectionImpl;
  exports.TextStatusCollection = new TextStatusCollectionImpl();
});

WASim.define('WAWebContactStatusBridge', (exports) => {
  exports.getStatus = async ({ token, wid }) => WASim.use('WAWebTextStatusCollection').TextStatusCollection
    .find(wid ?? token);
  exports.setMyStatus = async (text) => WASim.use('SimWire').request('set_about', { text });
  exports.queryStatusAll = async () => [];
});

WASim.define('WAWebPresenceCollection', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class Chatstate extends BaseModel {}
  defineModel(Chatstate, {
    proxyName: 'chatstate', props: { id: undefined, type: undefined, t: undefined, deny: false },
  });
  class ChatstateCollection extends BaseCollection { static model = Chatstate; }
  class Presence extends BaseModel {
    initialize() { this.chatstates = new ChatstateCollection(); }
    get isUser() { return this.id.isUser(); }
    get isGroup() { return this.id.isGroup(); }
    async subscribe() {
      if (this.isSubscribed) return;
      this.isSubscribed = true;
      WASim.use('SimWire').notify('subscribe', { chat: String(this.id) });
    }
  }
  defineModel(Presence, {
    proxyName: 'presence', props: { id: undefined }, children: ['chatstate'],
    session: { isOnline: false, hasData: false, isSubscribed: false, chatstate: undefined },
  });
  class PresenceCollectionImpl extends BaseCollection {
    static model = Presence;
    gadd(id) {
      return this.get(id) ?? this.add({ id, chatstate: new Chatstate({ id }) });
    }
  }
  // no PresenceCollectionImpl: a client would take the class for the store
  Object.assign(exports, { Chatstate, ChatstateCollection, Presence });
  exports.PresenceCollection = new PresenceCollectionImpl();

  // chat: the chat's wid text; who: the one who types (differs in groups); type: available|composing|recording|…
  WASim.use('SimWire').on('chatstate', ({ chat, type, t }) => {
    const createWid = WASim.use('WAWebWidFactory').createWid;
    const presence = exports.PresenceCollection.gadd(createWid(chat));
    presence.set({ hasData: true, isOnline: type !== 'unavailable' });
    presence.chatstate.set({ type, t });
  });
});

WASim.define('WAWebContactPresenceBridge', (exports) => {
  const subscribe = async (wid) => WASim.use('WAWebPresenceCollection').PresenceCollection.gadd(wid).subscribe();
  exports.subscribeUserPresence = async (wid) => subscribe(wid);
  exports.subscribeGroupPresence = async (wid) => subscribe(wid);
});

WASim.define('WAWebChatStateBridge', (exports) => {
  const send = (type) => async (wid) => WASim.use('SimWire').notify('chatstate', { chat: String(wid), type });
  Object.assign(exports, {
    sendChatStateComposing: send('composing'), sendChatStateRecording: send('recording'),
    sendChatStatePaused: send('available'),
  });
});

WASim.define('WAWebPresenceChatAction', (exports) => {
  const bridge = () => WASim.use('WAWebChatStateBridge');
  exports.markComposing = async (chat) => bridge().sendChatStateComposing(chat.id);
  exports.markRecording = async (chat) => bridge().sendChatStateRecording(chat.id);
  exports.markPaused = async (chat) => bridge().sendChatStatePaused(chat.id);
});
