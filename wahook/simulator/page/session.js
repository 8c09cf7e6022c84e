// From the wire to a logged-in page: QR, pairing, login, reconnection, conflict, ban, logout.
'use strict';

WASim.define('SimSession', (exports) => {
  const RECONNECTS_UNTIL_TIMEOUT = 3;
  const LOGOUT_NAVIGATION_MS = 50;
  const wire = WASim.use('SimWire');
  const { Stream } = WASim.use('WAWebStreamModel');
  const { Socket } = WASim.use('WAWebSocketModel');
  const { Conn } = WASim.use('WAWebConnModel');
  const me = WASim.use('WAWebUserPrefsMeUser');
  const backend = (...event) => WASim.use('WAWebBackendEventBus').BackendEventBus.trigger(...event);
  const cmd = () => WASim.use('WAWebCmd').Cmd;
  let device = null;

  exports.start = (stored) => {
    device = stored;
    me.setMe(device);
    Socket.set('state', 'OPENING');
    wire.connect();
  };

  // No answer comes while this number's network is down; the server then hangs up.
  async function greet() {
    const answer = await wire.request('hello', { device, keys: WASim.use('SimKeys').publicParts() }, { first: true });
    ({ unpaired: showCodes, login: enter, removed: leave, banned: stayOut })[answer.kind](answer);
  }

  wire.on('open', greet);

  wire.on('closed', ({ attempts }) => {
    Socket.set('stream', 'DISCONNECTED');
    if (!['OPENING', 'CONNECTED', 'UNPAIRED', 'UNPAIRED_IDLE', 'PAIRING'].includes(Socket.state)) return;
    backend('socket_stream_disconnected');
    Socket.set('state', attempts >= RECONNECTS_UNTIL_TIMEOUT ? 'TIMEOUT' : 'OPENING');
    Stream.set('info', attempts >= RECONNECTS_UNTIL_TIMEOUT ? 'OFFLINE' : 'CONNECTING');
  });

  function showCodes() {
    wire.becomeReady();
    Socket.set('state', 'UNPAIRED');
    Stream.set('mode', 'QR');
    Stream.set('info', 'NORMAL');
  }

  wire.on('ref', ({ ref, ttl, matrix }) => {
    WASim.use('SimScreen').showCode(exports.fullCode(ref), matrix);
    Socket.set('state', 'UNPAIRED');
    Conn.set('refTTL', ttl);
    Conn.set('ref', ref);
  });

  wire.on('refs_over', () => {
    WASim.use('SimScreen').hideCode();
    Socket.set('state', 'UNPAIRED_IDLE');
  });

  exports.fullCode = (ref) => {
    const parts = WASim.use('SimKeys').publicParts();
    return [ref, parts.static, parts.identity, parts.secret].join(',');
  };

  exports.refreshQR = () => {
    backend('refresh_qr');
    wire.notify('refresh_ref');
  };

  wire.on('paired', async ({ device: issued }) => {
    Socket.set('state', 'PAIRING');
    Stream.set('info', 'PAIRING');
    await WASim.use('SimStorage').writeDevice(issued);
    device = issued;
    me.setMe(device);
    Conn.set('ref', null);
    Stream.set('info', 'SYNCING');
    Stream.set('mode', 'SYNCING');
    await greet();
  });

  function enter({ me: mine, sync, syncDelay }) {
    Conn.set({
      connected: true, pushname: mine.pushname, platform: mine.platform, ref: null, wid: me.getMaybeMePnUser(),
    });
    const returning = Stream.mode === 'MAIN'; // a reconnection, not a page load
    if (!returning) Stream.set('info', 'SYNCING');
    WASim.use('SimChatSync').load(sync);
    if (!cmd().isMainLoaded) cmd().mainLoaded();
    Stream.set('info', 'NORMAL');
    Stream.set('mode', 'MAIN');
    Socket.set('stream', 'CONNECTED');
    Socket.set('state', 'CONNECTED');
    WASim.value('WAWebNetworkStatus').set('online', true);
    WASim.use('SimScreen').showMain(mine);
    wire.becomeReady();
    wire.notify('sync_done');
    setTimeout(finishSync, syncDelay * 1000);
  }

  function finishSync() {
    const bus = WASim.use('WAWebBackendEventBus').BackendEventBus;
    bus.isMainStreamReadyMd = true;
    backend('main_stream_mode_ready');
    cmd().trigger('offline_progress_update_from_bridge');
    Socket.set('hasSynced', true);
  }

  wire.on('offline_done', () => {
    WASim.use('WAWebBackendEventBus').BackendEventBus.isOfflineDeliveryEnd = true;
    backend('offline_delivery_end');
  });

  // Another page of this device connected: stay silent until takeover().
  wire.on('replaced', () => {
    wire.stop();
    Socket.set('state', 'CONFLICT');
    Stream.set('mode', 'CONFLICT');
  });

  exports.takeover = () => {
    Socket.set('state', 'OPENING');
    wire.connect();
  };

  wire.on('banned', (ban) => stayOut(ban));

  // Temporarily banned: no retry from this page; a page loaded after `seconds` gets in again.
  function stayOut({ seconds }) {
    wire.stop();
    backend('account_temporarily_banned', { code: 101, expire: seconds, expiresAt: Date.now() / 1000 + seconds });
    Socket.set('state', 'TOS_BLOCK');
    Stream.set('mode', 'TOS_BLOCK');
  }

  wire.on('logout', ({ reason }) => leave({ reason }));

  exports.logoutByUser = (reason) => {
    const goodbye = wire.request('logout', { reason });
    Promise.race([goodbye, new Promise((resolve) => { setTimeout(resolve, 1000); })]).then(() => leave({ reason }));
  };

  async function leave({ reason }) {
    if (device === null) return;
    device = null;
    wire.stop();
    backend('starting_logout');
    WASim.use('WAWebLogoutReason').setPrevLogoutReasonCode(
      WASim.use('WAWebLogoutReason').getErrorCodeFromLogoutReason(reason));
    await WASim.use('SimStorage').clearDevice();
    me.setMe(null);
    Conn.set('connected', false);
    Socket.set('state', 'UNPAIRED');
    cmd().logout();
    Stream.set('mode', 'QR');
    setTimeout(() => {
      location.assign(`/?post_logout=1&logout_reason=${encodeURIComponent(reason)}`);
    }, LOGOUT_NAVIGATION_MS);
  }
});

WASim.define('WAWebLinkDeviceEvents', (exports) => {
  const EventEmitter = WASim.value('WAWebEventEmitter');
  exports.WAWebLinkDeviceEvents = new class LinkDeviceEvents extends EventEmitter {
    triggerRefreshAltLinkingCode() { this.trigger('link_device_events:refresh_alt_linking_code'); }
  }();
});

WASim.define('WAWebAltDeviceLinkingApi', (exports) => {
  let type = 'QR';
  exports.setPairingType = (value) => { type = value; };
  exports.getPairingType = () => type;
  exports.initializeAltDeviceLinking = async () => { type = 'ALT_DEVICE_LINKING'; };
  exports.initializeQRLinking = async () => { type = 'QR'; };
  exports.genLinkDeviceCodeForPhoneNumber = async (phone) => {
    const { code } = await WASim.use('SimWire').request('link_code', { phone: String(phone).replace(/\D/g, '') });
    WASim.use('SimScreen').showPairingCode(code);
    return code;
  };
  exports.startAltLinkingFlow = (phone) => exports.genLinkDeviceCodeForPhoneNumber(phone);
});

WASim.define('WAWebLaunchSocketUtils', (exports) => {
  exports.refreshQR = () => WASim.use('SimSession').refreshQR();
});
