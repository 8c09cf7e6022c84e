// Between WhatsApp's page and the service. Runs in every new document after wa-js; owns no policy.
//   out: binding(JSON) - events, numbered, the last ones kept for a service that was away
//   in:  __wahook.call(name, arguments) -> {ok: true, value} | {ok: false, code, message}, always plain data
(() => {
  'use strict';
  if (window.top !== window.self || !/^https?:$/.test(location.protocol) || window.__wahook) return;

  const BINDING = '__wahookEvent';
  const KEPT_EVENTS = 500;
  const KEPT_IDS = 2000;
  const STATE_PAUSE_MS = 20; // several models change at once; one event tells
  const STATE_NET_MS = 5000; // should an event of the page's be missing, this finds the change
  const SEARCHED = 50; // the newest messages of a chat, among which one that may have been sent is looked for
  // Not messages from somebody: notices, signals, and what is not decrypted yet.
  const IGNORED = new Set([
    'ciphertext', 'protocol', 'gp2', 'e2e_notification', 'notification', 'notification_template', 'call_log',
    'reaction', 'revoked', 'poll_update', 'debug', 'newsletter_notification', 'broadcast_notification',
  ]);

  class Refusal extends Error {
    constructor(code, message = code) { super(message); this.code = code; }
  }

  // --- events -------------------------------------------------------------------------------------------------

  const kept = [];
  let count = 0;

  const send = (event) => { if (typeof window[BINDING] === 'function') window[BINDING](JSON.stringify(event)); };

  function push(kind, fields) {
    count += 1;
    const event = { seq: count, document: performance.timeOrigin, kind, ...fields };
    kept.push(event);
    if (kept.length > KEPT_EVENTS) kept.shift();
    send(event);
  }

  const guarded = (name, handler) => (...args) => {
    try {
      const done = handler(...args);
      if (done instanceof Promise) done.catch((error) => push('trouble', { where: name, ...described(error) }));
    } catch (error) {
      push('trouble', { where: name, ...described(error) });
    }
  };

  // Error texts leave the page for people and logs: long numbers do not.
  const described = (error) => ({
    code: String(error?.code ?? error?.name ?? 'error').slice(0, 80),
    message: String(error?.message ?? error).replace(/\d{5,}/g, '…').slice(0, 300),
  });

  const store = () => window.WPP.whatsapp;
  const injected = () => window.WPP?.isInjected === true; // before, looking a module up can pin it to nothing

  // --- plain data ---------------------------------------------------------------------------------------------

  const text = (wid) => (wid === undefined || wid === null ? '' : wid._serialized ?? String(wid));
  const wid = (value) => store().WidFactory.createWid(text(value));

  // Digits of a person: of the phone number where the page knows it, else of the LID.
  function digits(value) {
    const serialized = text(value);
    const number = serialized.endsWith('@lid') ? store().lidPnCache?.getPhoneNumber(wid(serialized)) : null;
    return (text(number) || serialized).split('@')[0].split(':')[0].replace(/\D/g, '');
  }

  const keyOf = (msg) => (typeof msg.id === 'string' ? store().MsgKey.fromString(msg.id) : msg.id);

  function bodyOf(msg) {
    if (['chat', 'vcard', 'multi_vcard'].includes(msg.type)) return msg.body ?? '';
    return msg.caption ?? msg.pollName ?? msg.loc ?? ''; // the body of other kinds is a thumbnail
  }

  function plain(msg) {
    const key = keyOf(msg);
    const author = msg.author ?? key.participant ?? msg.from ?? key.remote;
    const gone = msg.type === 'revoked';
    return {
      id: key.id, chat: text(key.remote), sender: digits(author), body: gone ? '' : String(bodyOf(msg)),
      type: msg.type, t: Number(msg.t), group: text(key.remote).endsWith('@g.us'),
      media: !gone && Boolean(msg.mediaKey || msg.filehash || msg.directPath || msg.isMedia),
      name: msg.notifyName || store().ContactStore.get(wid(author))?.pushname || null,
    };
  }

  const isTheirs = ({ fromMe, remote }) => !fromMe && !text(remote).endsWith('@newsletter');
  const isIncoming = (msg) => isTheirs(keyOf(msg)) && !IGNORED.has(msg.type);

  // --- state --------------------------------------------------------------------------------------------------

  function state() {
    if (!injected()) return { authenticated: false, mode: '', socket: '', phone: null, name: null };
    const { Stream, Socket, Conn } = store();
    const authenticated = Boolean(window.WPP.conn.isAuthenticated());
    const mode = String(Stream?.mode ?? '');
    const deaf = mode === 'MAIN' && !window.WPP.isFullReady; // wa-js has not all its handlers yet, or never will
    return {
      authenticated, mode: deaf ? 'LOADING' : mode, socket: String(Socket?.state ?? ''),
      phone: authenticated ? digits(window.WPP.conn.getMyUserId()) : null,
      name: authenticated ? Conn?.pushname ?? null : null,
    };
  }

  let lastState = '';
  let stateTimer = null;

  function tellState() {
    stateTimer = null;
    const now = state();
    const flat = JSON.stringify(now);
    if (flat === lastState) return;
    lastState = flat;
    push('state', { state: now });
  }

  const stateMayHaveChanged = () => { stateTimer ??= setTimeout(guarded('state', tellState), STATE_PAUSE_MS); };

  // --- what the page tells ------------------------------------------------------------------------------------

  const seen = new Set();
  const undecrypted = new Set(); // of the history; wa-js tells of those that came live

  function remember(set, id) {
    set.add(id);
    if (set.size > KEPT_IDS) set.delete(set.values().next().value);
  }

  function tellMessage(msg) {
    const { id } = keyOf(msg);
    if (!isIncoming(msg) || seen.has(id)) return;
    remember(seen, id);
    push('message', { message: plain(msg) });
  }

  const tellDecrypted = (msg) => { if (undecrypted.delete(keyOf(msg).id)) tellMessage(msg); };

  // wa-js tells of levels from 1 up, of messages the page has not loaded too, but only once it is fully ready; the
  // models tell of failures and of the time before that.
  const levels = new Map();

  function tellAck(key, ack) {
    if (!key.fromMe || ack === 0 || ack <= (levels.get(key.id) ?? -Infinity)) return;
    levels.set(key.id, ack);
    if (levels.size > KEPT_IDS) levels.delete(levels.keys().next().value);
    push('ack', { id: key.id, ack });
  }

  let lastCode = '';

  function tellCode(code) {
    if (!code?.fullCode || code.fullCode === lastCode) return;
    lastCode = code.fullCode;
    push('qr', { code: lastCode });
  }

  const tellLogout = (reason) => { if (reason) push('logout', { reason: String(reason) }); };

  function tellBackend(name, detail) {
    if (name === 'account_temporarily_banned') push('banned', { seconds: Number(detail?.expire ?? 0) });
    stateMayHaveChanged();
  }

  let lastPercent = -1;

  function tellProgress(percent, message) {
    if (percent <= lastPercent || window.WPP.whatsapp.Stream?.mode === 'QR') return;
    lastPercent = percent;
    push('progress', { percent, message });
  }

  function offlineProgress() {
    const handler = window.require('WAWebOfflineHandler').OfflineMessageHandler;
    tellProgress(Math.round(handler.getOfflineDeliveryProgress()), 'messages');
  }

  function watchModels() {
    const { Socket, MsgStore, Cmd, Conn } = store();
    Socket?.on('change:state', stateMayHaveChanged);
    Conn?.on('change:pushname', stateMayHaveChanged);
    Cmd?.on('offline_progress_update_from_bridge', guarded('progress', offlineProgress));
    MsgStore?.on('change:ack', guarded('ack', (msg) => tellAck(msg.id, msg.ack)));
    MsgStore?.on('change:type', guarded('type', tellDecrypted));
    tellProgress(30, 'modules');
    stateMayHaveChanged();
  }

  function watch() {
    const on = (name, handler) => window.WPP.on(name, guarded(name, handler));
    for (const name of ['stream_mode_changed', 'stream_info_changed', 'authenticated', 'require_auth', 'logout',
      'main_loaded', 'main_ready', 'online', 'qrcode_idle', 'needs_update']) {
      on(`conn.${name}`, stateMayHaveChanged);
    }
    on('conn.auth_code_change', tellCode);
    on('conn.logout_reason', tellLogout);
    on('conn.backend_event', tellBackend);
    on('conn.main_loaded', () => tellProgress(80, 'chats'));
    on('conn.main_ready', () => tellProgress(100, 'ready'));
    on('chat.new_message', tellMessage);
    on('chat.msg_ack_change', ({ ack, ids }) => { for (const key of ids) tellAck(key, ack); });
    on('loader.full_ready', stateMayHaveChanged);
    for (const watcher of kit.watchers) watcher(on);
    if (injected()) watchModels();
    else on('loader.injected', () => setTimeout(guarded('models', watchModels), 0));
    setInterval(guarded('state', () => { if (injected()) tellState(); }), STATE_NET_MS);
  }

  // --- what is asked of the page ------------------------------------------------------------------------------

  function ready() {
    const { mode, socket } = state();
    if (mode !== 'MAIN' || socket !== 'CONNECTED') throw new Refusal('not_ready', `the page is ${mode}/${socket}`);
  }

  // A person's addresses: the number's and the LID's, as far as the page knows them.
  function addressesOf(address) {
    const cache = store().lidPnCache;
    const other = text(address).endsWith('@lid') ? cache?.getPhoneNumber(address) : cache?.getCurrentLid(address);
    return [address, other].filter(Boolean);
  }

  // One person has one chat, by number or by LID. An address with a server is the chat's own.
  function knownChats(to) {
    const addresses = to.includes('@') ? [wid(to)] : addressesOf(wid(`${to}@c.us`));
    return addresses.map((address) => store().ChatStore.get(address)).filter(Boolean);
  }

  // The page keeps the chat of a group that was left, and who is in it.
  const wasLeft = (group) => group?.participants?.length > 0 && group.participants.iAmMember?.() === false;

  // The server's own answer: errors throw, so that "no answer" is never taken for "no such number".
  const exists = (to) => store().functions.queryWidExists(wid(`${to}@c.us`));

  async function chatOf(to) {
    const [known] = knownChats(to);
    if (wasLeft(known?.groupMetadata)) throw new Refusal('not_allowed', 'this account is no longer in that group');
    if (known) return known;
    if (to.includes('@')) throw new Refusal('unknown_chat', 'this account has no such chat');
    const found = await exists(to);
    if (!found) throw new Refusal('not_on_whatsapp', 'this number is not on WhatsApp');
    return window.WPP.chat.find(text(found.wid));
  }

  // The level of a message that is on its way already.
  const settled = (msg) => new Promise((resolve, reject) => {
    const look = () => {
      if (msg.ack >= 1) resolve(msg.ack);
      else if (msg.ack < 0) reject(new Refusal('send_failed'));
      else return;
      msg.off?.('change:ack', look);
    };
    msg.on('change:ack', look);
    look();
  });

  // A call that was given up outside may still run in here: asked again, it is not started again.
  const sending = new Map();
  const failed = new Set(); // tried in this document, and nothing of it runs any more

  function sendMessage(message) {
    const { id } = message;
    const running = sending.get(id) ?? sendOnce(message).catch((error) => {
      failed.add(id);
      throw error;
    }).finally(() => sending.delete(id));
    sending.set(id, running);
    return running;
  }

  // Of the chat's own address: wa-js refuses another.
  function ownKey(chat, id) {
    const key = `true_${text(chat.id)}_${id}`;
    return text(chat.id).endsWith('@g.us') ? `${key}_${text(window.WPP.conn.getMyUserLid())}` : key;
  }

  const senders = {}; // by type: those that leave a message under its fixed id
  const commands = {}; // by type: those that change another message; done twice is as done once

  async function sendOnce(message) {
    ready();
    const { to, id, type } = message;
    if (type in commands) return (await commands[type](message)) ?? { ack: 1 };
    if (!(type in senders)) throw new Refusal('unknown_type', `cannot send ${type}`);
    const chat = await chatOf(to);
    const messageId = ownKey(chat, id);
    const known = store().MsgStore.get(messageId);
    // Not ours to repeat: the server has it, or the page is at it by itself since it was loaded.
    if (known && (known.ack >= 1 || (known.ack === 0 && !failed.has(id)))) return { ack: await settled(known) };
    const result = await senders[type](chat, message, {
      messageId, waitForAck: true, markIsRead: false, detectMentioned: false, linkPreview: false,
    });
    const outcome = result.sendMsgResult?.messageSendResult ?? 'OK';
    if (outcome !== 'OK') throw new Refusal(String(outcome));
    return { ack: Math.max(Number(result.ack ?? 0), 1) };
  }

  async function byKey(key) {
    try {
      return await window.WPP.chat.getMessageById(key);
    } catch (error) {
      if (error?.code === 'msg_not_found') return null;
      throw error;
    }
  }

  async function findSent({ to, id, type }) {
    ready();
    if (type in commands) return null;
    for (const chat of knownChats(to)) {
      const here = chat.msgs.findFirst((msg) => msg.id.fromMe && msg.id.id === id)
        ?? await byKey(ownKey(chat, id))
        ?? (await window.WPP.chat.getMessages(text(chat.id), { count: SEARCHED }))
          .find((msg) => keyOf(msg).fromMe && keyOf(msg).id === id);
      if (here) return { ack: Number(here.ack ?? 0) };
    }
    return null;
  }

  const isBlocked = (address) => addressesOf(address).some((one) => store().BlocklistStore?.get(one));

  async function numberStatus({ number }) {
    ready();
    const found = await exists(number);
    if (!found) return { exists: false };
    const addresses = addressesOf(found.wid);
    const known = addresses.map((address) => store().ContactStore.get(address)).filter(Boolean);
    const names = known.map(({ name, verifiedName, pushname }) => name ?? verifiedName ?? pushname);
    return {
      exists: true, id: text(found.wid), name: names.find(Boolean) ?? null,
      blocked: isBlocked(found.wid) || known.some((contact) => contact.isContactBlocked),
      business: Boolean(found.biz || known.some((contact) => contact.isBusiness)),
    };
  }

  const calls = {
    state,
    send: sendMessage,
    findSent,
    numberStatus,
    pairingCode: ({ number }) => window.WPP.conn.genLinkDeviceCodeForPhoneNumber(number, true),
    presence: async () => { ready(); await window.WPP.conn.markAvailable(kit.isShown()); },
    logout: async () => Boolean(await window.WPP.conn.logout()),
    wakeLock: async () => {
      const lock = await navigator.wakeLock?.request('screen').catch(() => null);
      return Boolean(lock);
    },
    // For a service that was away: what it has missed of this document, and all of another.
    replay: ({ document: known, after }) => {
      const missed = known === performance.timeOrigin ? kept.filter((event) => event.seq > after) : kept;
      for (const event of missed) send(event);
      return missed.length;
    },
  };

  const kit = {
    Refusal, push, guarded, described, store, text, wid, digits, keyOf, bodyOf, plain, isTheirs, isIncoming, ready,
    knownChats, wasLeft, isBlocked, chatOf, byKey, senders, commands, watchers: [],
    tellAck, remember, seen, undecrypted,
  };
  for (const part of window.__wahookParts ?? []) Object.assign(calls, part(kit));
  delete window.__wahookParts;

  async function call(name, args) {
    try {
      if (!injected() && name !== 'state' && name !== 'replay') throw new Refusal('not_ready', 'the page loads');
      return { ok: true, value: (await calls[name](args)) ?? null };
    } catch (error) {
      return { ok: false, ...described(error) };
    }
  }

  Object.defineProperty(window, '__wahook', { value: Object.freeze({ call }) });
  push('document', { url: location.href });
  if (window.WPP) guarded('watch', watch)();
  else push('trouble', { where: 'preload', code: 'no_wa_js', message: 'wa-js is not in the page' });
})();
