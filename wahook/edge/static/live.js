// Socket.IO events into the store.

import { io } from '/static/socket.io.js';

/** Connect; `unknown(id)` is called for events of sessions the store does not have, `state(word)` for the link. */
export function connect(apiKey, store, { unknown, state, again }) {
  const socket = io({ auth: { apiKey }, transports: ['websocket', 'polling'] });
  let before = false;
  socket.on('connect', () => {
    state('live');
    if (before) again();
    before = true;
  });
  socket.on('disconnect', () => state('down'));
  socket.on('connect_error', (error) => state(error.message === 'unauthorized' ? 'refused' : 'down'));

  const patch = (id, fields) => { if (!store.patch(id, fields)) unknown(id); };
  const code = ({ sessionId, qr }) => {
    store.codes.set(sessionId, qr);
    patch(sessionId, { status: 'qr' });
  };
  socket.on('qr', code);
  socket.on('qr:updated', code);
  socket.on('loading', ({ sessionId, percent, message }) => {
    store.loading.set(sessionId, { percent, message });
    store.changed('sessions', sessionId);
  });
  socket.on('session:status', ({ sessionId, status }) => {
    if (status !== 'qr') store.codes.delete(sessionId);
    if (status === 'ready') store.loading.delete(sessionId);
    patch(sessionId, { status });
  });
  const up = ({ sessionId, phoneNumber, profileName }) => patch(sessionId, { phoneNumber, profileName, lastError: null });
  socket.on('ready', up);
  socket.on('reconnected', up);
  socket.on('disconnected', ({ sessionId, reason }) => patch(sessionId, { lastError: reason }));
  socket.on('auth_failure', ({ sessionId, reason }) => patch(sessionId, { lastError: reason }));
  socket.on('message:received', ({ sessionId, id, from, body, type, hasMedia, timestamp }) =>
    store.putMessage(sessionId, {
      messageId: id, direction: 'in', from, body, type, hasMedia, status: 'received',
      createdAt: new Date(timestamp * 1000).toISOString(),
    }));
  socket.on('message:sent', ({ sessionId, messageId }) => store.patchMessage(sessionId, messageId, { status: 'sent' }));
  socket.on('message:ack', ({ sessionId, messageId, status }) => store.patchMessage(sessionId, messageId, { status }));
  socket.on('message:failed', ({ sessionId, messageId, error }) =>
    store.patchMessage(sessionId, messageId, { status: 'failed', error }));
  socket.on('supervision:transition', (entry) => store.pushTransitions([entry]));
  return socket;
}
