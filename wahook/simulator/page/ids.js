// Who and what things are called: wids, message keys, random ids, time, version, base64.
'use strict';

WASim.defineDefault('WAWebWid', () => class Wid {
  // text: "user[:device]@server". Throws for anything else.
  constructor(text) {
    const match = /^([^@:\s]*)(?::(\d+))?@(c\.us|s\.whatsapp\.net|lid|g\.us|broadcast|newsletter|bot|call|hosted)$/
      .exec(String(text));
    if (!match) throw new Error('wid error: invalid wid');
    [, this.user] = match;
    this.server = match[3] === 's.whatsapp.net' ? 'c.us' : match[3];
    if (match[2] !== undefined) this.device = Number(match[2]);
    this._serialized = `${this.user}${this.device === undefined ? '' : `:${this.device}`}@${this.server}`;
  }

  toString() { return this._serialized; }
  toJSON() { return this._serialized; }
  toJid() { return this._serialized.replace('@c.us', '@s.whatsapp.net'); }
  toLogString() { return `[wid ${this.server}]`; }
  equals(other) { return other !== null && other !== undefined && String(other) === this._serialized; }
  isSameAccount(other) { return this.user === other?.user && this.server === other?.server; }
  getDeviceId() { return this.device ?? 0; }
  getSignalAddress() { return `${this.user}.${this.getDeviceId()}`; }
  isUser() { return this.server === 'c.us' || this.server === 'lid' || this.server === 'bot'; }
  isRegularUser() { return this.server === 'c.us'; }
  isRegularUserPn() { return this.server === 'c.us'; }
  isLid() { return this.server === 'lid'; }
  isGroup() { return this.server === 'g.us'; }
  isBroadcast() { return this.server === 'broadcast'; }
  isStatus() { return this._serialized === 'status@broadcast'; }
  isStatusV3() { return this.isStatus(); }
  isNewsletter() { return this.server === 'newsletter'; }
  isBot() { return this.server === 'bot'; }
  isServer() { return this._serialized === 'server@c.us'; }
  isPSA() { return this._serialized === '0@c.us'; }
  isIAS() { return false; }
  isUserNotPSA() { return this.isUser() && !this.isPSA(); }
  isOfficialBizAccount() { return false; }
  isSupportAccount() { return false; }
  isGroupCall() { return this.server === 'call'; }
  isCompanion() { return this.device !== undefined && this.device !== 0; }
  isEligibleForUSync() { return this.isUser(); }
  isHosted() { return false; }
  isGreaterThan(other) { return this._serialized > String(other); }
  isLessThan(other) { return this._serialized < String(other); }
  canBeWid(text) { return Wid.isWid(text); }

  static isXWid(server, wid) { return String(wid).endsWith(`@${server}`); }
  static isWid(wid) { return /^[^@\s]*@[a-z.]+$/.test(String(wid)); }
  static isUser(wid) { return Wid.isXWid('c.us', wid) || Wid.isXWid('lid', wid); }
  static isLid(wid) { return Wid.isXWid('lid', wid); }
  static isGroup(wid) { return Wid.isXWid('g.us', wid); }
  static isBroadcast(wid) { return Wid.isXWid('broadcast', wid); }
  static isNewsletter(wid) { return Wid.isXWid('newsletter', wid); }
  static isStatus(wid) { return String(wid) === 'status@broadcast'; }
  static isStatusV3(wid) { return Wid.isStatus(wid); }
  static isServer(wid) { return String(wid) === 'server@c.us'; }
  static isPSA(wid) { return String(wid) === '0@c.us'; }
  static equals(a, b) { return String(a) === String(b); }
  static user(wid) { return String(wid).split('@')[0]; }
});

WASim.define('WAWebWidFactory', (exports) => {
  const Wid = WASim.value('WAWebWid');
  const make = (value) => (value instanceof Wid ? value : new Wid(value?._serialized ?? value));
  const withoutDevice = (wid) => (wid.device === undefined ? wid : make(`${wid.user}@${wid.server}`));
  exports.createWid = (value) => make(value);
  exports.createWidFromWidLike = (value) => make(value);
  exports.isWidlike = (value) => value instanceof Wid || typeof value?._serialized === 'string';
  // user: with or without its server, which clients leave in place for LIDs
  exports.createUserWid = (user, server = 'c.us') => make(`${String(user).split('@')[0]}@${server}`);
  exports.createUserWidOrThrow = (user, server = 'c.us') => make(`${String(user).split('@')[0]}@${server}`);
  exports.createUserLidOrThrow = (user) => make(`${String(user).split('@')[0]}@lid`);
  exports.createDeviceWid = (value) => make(value);
  exports.asUserWidOrThrow = (value) => withoutDevice(make(value));
  exports.asUserLidOrThrow = (value) => withoutDevice(make(value));
  exports.asChatWid = (value) => withoutDevice(make(value));
  exports.toUserWid = (value) => withoutDevice(make(value));
  exports.toUserWidOrThrow = (value) => withoutDevice(make(value));
  exports.toChatWid = (value) => withoutDevice(make(value));
});

WASim.define('WAWebWidToJid', (exports) => {
  for (const name of ['widToUserJid', 'widToGroupJid', 'widToChatJid', 'widToBroadcastJid', 'widToNewsletterJid']) {
    exports[name] = (wid) => wid.toJid();
  }
});

WASim.define('WAWebJidToWid', (exports) => {
  for (const name of ['userJidToUserWid', 'groupJidToWid', 'chatJidToChatWid', 'newsletterJidToWid']) {
    exports[name] = (jid) => WASim.use('WAWebWidFactory').createWid(jid);
  }
});

WASim.define('WAJids', (exports) => {
  Object.assign(exports, { STATUS_JID: 'status@broadcast', GROUP_JID: 'g.us', CHAT_JID: 's.whatsapp.net' });
  exports.toUserJid = (user) => `${String(user).split('@')[0]}@s.whatsapp.net`;
});

WASim.defineDefault('WAWebMsgKey', () => class MsgKey {
  // {fromMe, remote, id, participant?} or {from, to, id, selfDir: 'in'|'out', participant?}; wids as Wid.
  constructor(obj) {
    if (obj === null || obj === undefined) throw new Error('MsgKey error: obj is null/undefined');
    if (obj.selfDir !== undefined) {
      this.fromMe = obj.selfDir === 'out';
      this.remote = this.fromMe ? obj.to : obj.from;
    } else {
      this.fromMe = Boolean(obj.fromMe);
      this.remote = obj.remote;
    }
    if (!this.remote || !obj.id) throw new Error('MsgKey error: remote or id is missing');
    this.remote = WASim.use('WAWebWidFactory').createWid(this.remote);
    this.id = obj.id;
    if (obj.participant) this.participant = WASim.use('WAWebWidFactory').createWid(obj.participant);
    this._serialized = [this.fromMe, this.remote, this.id, this.participant].filter((part) => part !== undefined)
      .join('_');
  }

  toString() { return this._serialized; }
  equals(other) { return String(other) === this._serialized; }
  clone() { return new MsgKey(this); }

  static fromString(text) {
    const [fromMe, remote, id, participant] = String(text).split('_');
    const createWid = WASim.use('WAWebWidFactory').createWid;
    return new MsgKey({
      fromMe: fromMe === 'true', remote: createWid(remote), id, participant: participant && createWid(participant),
    });
  }

  static from(value) { return value instanceof MsgKey ? value : MsgKey.fromString(value); }
  static async newId() { return `3EB0${WASim.use('WARandomHex').randomHex(9)}`; }
  static newId_DEPRECATED() { return `3EB0${WASim.use('WARandomHex').randomHex(9)}`; }
});

WASim.define('WARandomHex', (exports) => {
  // Upper-case hex of `bytes` random bytes.
  exports.randomHex = (bytes) => Array.from(
    crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0'),
  ).join('').toUpperCase();
});

WASim.define('WABase64', (exports) => {
  exports.encodeB64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  exports.decodeB64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
});

WASim.define('WATimeUtils', (exports) => {
  exports.unixTime = () => Math.floor(Date.now() / 1000);
  exports.unixTimeMs = () => Date.now();
});

WASim.define('WAWebBuildConstants', (exports) => {
  Object.assign(exports, {
    VERSION_STR: '2.3000.1045213319', VERSION_BASE: '2.3000.1045213319', SANITIZED_VERSION_STR: '2.3000.1045213319',
    VERSION_PRIMARY: '2', VERSION_SECONDARY: '3000', VERSION_TERTIARY: '1045213319', WINDOWS_BUILD: null,
  });
});
