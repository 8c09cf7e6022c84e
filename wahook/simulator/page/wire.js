// The one WebSocket to the simulator's server: numbered requests, pushed events, reconnection with back-off.
//
// A request made while the wire is down waits; one that was under way when it broke is sent again with
// `retransmit: true` after the next login, as the real page does, so that the server can tell it from a double.
'use strict';

WASim.define('SimWire', (exports) => {
  const BACKOFF_BASE_MS = 200;
  const BACKOFF_CAP_MS = 5000;
  const listeners = new Map();
  const waiting = new Map();
  let socket = null;
  let nextRequest = 1;
  let attempts = 0;
  let ready = false; // hello answered: queued requests may go
  let stopped = false;

  const address = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/chat`;
  const tell = (event, payload) => { for (const listener of listeners.get(event) ?? []) listener(payload); };

  // events: open, closed {attempts}, and every event that the server pushes
  exports.on = (event, listener) => {
    listeners.set(event, [...(listeners.get(event) ?? []), listener]);
  };

  function transmit(id, entry) {
    entry.sent = true;
    const { payload, op, retransmit } = entry;
    socket.send(JSON.stringify({ ...payload, op, request: id, ...(retransmit && { retransmit }) }));
  }

  // Resolves with the server's answer; rejects only when the server says {error}.
  exports.request = (op, payload = {}, { first = false } = {}) => new Promise((resolve, reject) => {
    const id = nextRequest;
    nextRequest += 1;
    const entry = { op, payload, resolve, reject, first };
    waiting.set(id, entry);
    if (socket?.readyState === WebSocket.OPEN && (ready || first)) transmit(id, entry);
  });

  // Fire and forget; dropped while the wire is down.
  exports.notify = (op, payload = {}) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ...payload, op }));
  };

  exports.becomeReady = () => {
    ready = true;
    attempts = 0;
    for (const [id, entry] of waiting) if (!entry.sent) transmit(id, entry);
  };

  function onMessage({ data }) {
    const message = JSON.parse(data);
    if (message.re === undefined) { tell(message.event, message); return; }
    const entry = waiting.get(message.re);
    waiting.delete(message.re);
    if (!entry) return;
    if (message.error) entry.reject(Object.assign(new Error(message.error), { status: message.status }));
    else entry.resolve(message);
  }

  function onClose() {
    socket = null;
    ready = false;
    attempts += 1;
    for (const [id, entry] of waiting) {
      if (entry.first) waiting.delete(id); // belongs to the handshake that just died
      else if (entry.sent) Object.assign(entry, { sent: false, retransmit: true });
    }
    tell('closed', { attempts });
    if (!stopped) setTimeout(exports.connect, Math.min(BACKOFF_BASE_MS * 2 ** (attempts - 1), BACKOFF_CAP_MS));
  }

  exports.connect = () => {
    if (socket !== null) return;
    stopped = false;
    socket = new WebSocket(address());
    socket.addEventListener('open', () => tell('open', {}));
    socket.addEventListener('message', onMessage);
    socket.addEventListener('close', onClose);
  };

  // Closes without reconnecting, until connect() is called again.
  exports.stop = () => {
    stopped = true;
    socket?.close();
  };

  // Drops the connection as a broken network would; reconnection goes on.
  exports.drop = () => socket?.close();
});
