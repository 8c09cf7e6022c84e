// The observable state of the page: Stream, Socket, Conn, network, commands, backend events, enums.
'use strict';

WASim.define('WAWebStreamModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class StreamModel extends BaseModel {
    markAvailable() { this.set('available', true); WASim.use('SimWire').notify('presence', { available: true }); }
    markUnavailable() { this.set('available', false); WASim.use('SimWire').notify('presence', { available: false }); }
    get displayInfo() { return this.info; }
  }
  defineModel(StreamModel, {
    proxyName: 'stream',
    session: { mode: undefined, info: 'OPENING', needsUpdate: false, available: false, phoneAuthed: true },
  });
  exports.Stream = new StreamModel();
});

WASim.define('WAWebSocketModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class SocketModel extends BaseModel {
    poke() { WASim.use('WAWebCmd').Cmd.refreshQR(); }
    reconnect() { WASim.use('SimWire').drop(); }
    takeover() { WASim.use('SimSession').takeover(); }
    logout(sendLogout = true, reason = 'user_initiated') { WASim.use('SimSession').logoutByUser(reason); }
  }
  defineModel(SocketModel, {
    proxyName: 'socket',
    session: { state: 'UNLAUNCHED', stream: 'DISCONNECTED', hasSynced: false, launched: true },
  });
  exports.Socket = new SocketModel();
});

WASim.define('WAWebSocketConstants', (exports) => {
  const same = (...names) => Object.fromEntries(names.map((name) => [name, name]));
  exports.SOCKET_STATE = same(
    'OPENING', 'PAIRING', 'UNPAIRED', 'UNPAIRED_IDLE', 'CONNECTED', 'TIMEOUT', 'CONFLICT', 'UNLAUNCHED',
    'PROXYBLOCK', 'TOS_BLOCK', 'SMB_TOS_BLOCK', 'DEPRECATED_VERSION',
  );
  exports.SOCKET_STREAM = same('DISCONNECTED', 'SYNCING', 'RESUMING', 'CONNECTED');
  exports.WATCHED_SOCKET_STATE = same('OPEN', 'CLOSED');
});

WASim.define('WAWebConnModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class ConnModel extends BaseModel {
    canSetMyPushname() { return true; }
    get isSMB() { return ['smba', 'smbi'].includes(this.platform); }
  }
  defineModel(ConnModel, {
    proxyName: 'conn',
    props: {
      id: 'conn', ref: undefined, refTTL: undefined, wid: undefined, connected: false, pushname: undefined,
      platform: undefined, battery: undefined, plugged: undefined, lg: 'en', lc: 'US', is24h: true,
    },
  });
  exports.ConnImpl = ConnModel;
  exports.Conn = new ConnModel();
});

WASim.defineDefault('WAWebNetworkStatus', () => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class NetworkStatus extends BaseModel {
    checkOnline() { this.set('online', navigator.onLine); return this.online; }
  }
  defineModel(NetworkStatus, { proxyName: 'networkstatus', session: { online: true } });
  const status = new NetworkStatus();
  for (const name of ['online', 'offline']) window.addEventListener(name, () => status.checkOnline());
  return status;
});

WASim.define('WAWebBackendEventBus', (exports) => {
  const EventEmitter = WASim.value('WAWebEventEmitter');
  exports.BackendEvent = Object.fromEntries([
    'app_state_sync_completed', 'logout', 'refresh_qr', 'starting_logout', 'on_initial_chat_synced',
    'on_recent_chat_history_synced', 'on_full_chat_history_synced', 'on_critical_sync_done',
    'storage_initialization_error', 'socket_stream_disconnected', 'open_socket_stream', 'reconnect_socket',
    'set_socket_state', 'account_temporarily_banned', 'unexpected_logout_modal', 'initial_load_ready',
    'main_stream_mode_ready', 'service_unavailable_503', 'offline_process_ready', 'offline_delivery_end',
  ].map((name) => [name.toUpperCase(), name]));
  exports.BackendEventBus = new class BackendEventBus extends EventEmitter {
    isMainStreamReadyMd = false;
    isOfflineDeliveryEnd = false;
    onStorageInitializationError(handler) { return this.on('storage_initialization_error', handler); }
  }();
});

WASim.define('WAWebCmd', (exports) => {
  const EventEmitter = WASim.value('WAWebEventEmitter');
  exports.CmdImpl = class CmdImpl extends EventEmitter {
    isMainLoaded = false;
    mainLoaded() { this.isMainLoaded = true; this.trigger('main_loaded'); }
    refreshQR() { WASim.use('SimSession').refreshQR(); }
    logout() { this.isMainLoaded = false; this.trigger('logout'); }
    sendRevokeMsgs(chat, { list }, options) { return WASim.use('SimMessageActions').revoke(chat, list, options); }
    sendDeleteMsgs(chat, { list }) { return WASim.use('SimMessageActions').remove(chat, list); }
    markChatUnread(chat, unread) { return WASim.use('WAWebUpdateUnreadChatAction').markUnread(chat, unread); }
    archiveChat(chat, archive) { chat.archive = archive; }
    pinChat(chat, pin) { chat.pin = pin ? Math.floor(Date.now() / 1000) : 0; }
    muteChat(chat, mute) { chat.mute.set('expiration', mute ? -1 : 0); }
    setActiveFilter() {}
    async openChatBottom({ chat }) { return this._open(chat); }
    async openChatFromUnread({ chat }) { return this._open(chat); }
    async openChatAt({ chat }) { return this._open(chat); }
    closeChat(chat) { chat.active = false; }

    _open(chat) {
      for (const other of WASim.use('WAWebChatCollection').ChatCollection) other.active = other === chat;
      return true;
    }
  };
  exports.Cmd = new exports.CmdImpl();
});

WASim.define('WAWebUserPrefsMeUser', (exports) => {
  const createWid = (text) => WASim.use('WAWebWidFactory').createWid(text);
  let device = null;
  exports.setMe = (value) => { device = value; };
  exports.getMaybeMePnUser = () => (device ? createWid(`${device.number}@c.us`) : undefined);
  exports.getMaybeMeLidUser = () => (device ? createWid(`${device.lid}@lid`) : undefined);
  exports.getMePnUserOrThrow = () => exports.getMaybeMePnUser() ?? exports.refuse();
  exports.getMeLidUserOrThrow = () => exports.getMaybeMeLidUser() ?? exports.refuse();
  exports.getMe = () => (device ? createWid(`${device.number}:${device.id}@c.us`) : undefined);
  exports.getMaybeMeDevicePn = () => exports.getMe();
  exports.isMeAccount = (wid) => [exports.getMaybeMePnUser(), exports.getMaybeMeLidUser()]
    .some((mine) => mine !== undefined && mine.user === wid?.user && mine.server === wid?.server);
  exports.refuse = () => { throw new Error('getMe: not logged in'); };
});

WASim.define('WAWebApiAuth', (exports) => {
  exports.isLoggedIn = () => WASim.use('WAWebUserPrefsMeUser').getMaybeMePnUser() !== undefined;
});

WASim.define('WAWebUserPrefsRegistration', (exports) => {
  exports.isRegistered = () => WASim.use('WAWebUserPrefsMeUser').getMaybeMePnUser() !== undefined;
});

WASim.define('WAWebLogoutReasonConstants', (exports) => {
  exports.LogoutReason = {
    UserInitiated: 'user_initiated', SyncdFailure: 'syncd_failure', InvalidAdvStatus: 'invalid_adv_status',
    UnknownCompanion: 'unknown_companion', ClientVersionOutdated: 'client_version_outdated',
    PrimaryIdentityKeyChange: 'primary_identity_key_change', AccountLocked: 'account_locked',
    AccountSyncError: 'account_sync_error', StorageQuotaExceeded: 'storage_quota_exceeded',
  };
  exports.LOGOUT_REASON_CODE = {
    CLIENT_FATAL: '0', SYNC_FAIL: '1', INITIAL_HISTORY_SYNC_TIMEOUT: '2', ACCOUNT_LOCKED: '3',
  };
});

WASim.define('WAWebLogoutReason', (exports) => {
  let code = null;
  let text = null;
  exports.getErrorCodeFromLogoutReason = (reason) => (reason === 'account_locked' ? '3' : '0');
  exports.setPrevLogoutReasonCode = (value) => { code = value; };
  exports.getPrevLogoutReasonCode = () => code;
  exports.setPrevCustomLogoutMessage = (value) => { text = value; };
  exports.getPrevCustomLogoutMessage = () => text;
});

WASim.define('WAWebIsOfficialClient', (exports) => { exports.isOfficialClient = false; });

WASim.defineDefault('WAWebBrowserInfo', () => ({
  id: '', startDownloading: () => {}, hardRefresh: () => location.reload(),
  info: () => ({ os: 'Linux', version: undefined, name: 'Chrome', ua: navigator.userAgent }),
}));
