// Pieces of the page, drawn from the store's values.

import { h, when } from './dom.js';

export const WORDS = {
  initializing: 'starting',
  qr: 'scan to link',
  authenticated: 'linking',
  ready: 'ready',
  reconnecting: 'reconnecting',
  error: 'needs you',
  stopped: 'stopped',
};

export const title = (session) => session.profileName || `User ${session.userId} · account ${session.accountId}`;

export const badge = (status) => h('span', { class: 'badge', 'data-status': status }, WORDS[status] ?? status);

export function sessionRow(session, selected) {
  return h('li', {},
    h('a', {
      class: 'session', href: `#/s/${encodeURIComponent(session.sessionId)}`,
      'data-session': session.sessionId, 'aria-current': selected ? 'true' : null,
    },
    h('span', { class: 'dot', 'data-status': session.status }),
    h('span', { class: 'session-text' },
      h('strong', {}, title(session)),
      h('span', { class: 'quiet' }, session.phoneNumber ? `+${session.phoneNumber}` : session.sessionId)),
    badge(session.status)));
}

const TICKS = { queued: '◷', scheduled: '◷', sending: '◷', sent: '✓', delivered: '✓✓', read: '✓✓', failed: '!', cancelled: '×' };

export function bubble(message) {
  const out = message.direction === 'out';
  const person = out ? message.to : message.senderName || message.from;
  return h('li', { class: `bubble ${message.direction}`, 'data-message': message.messageId, 'data-status': message.status },
    h('span', { class: 'who' }, out ? `to ${person}` : person ?? ''),
    h('p', {}, message.body || `(${message.type})`),
    h('span', { class: 'foot' }, when(message.createdAt), ' ',
      out && h('span', { class: 'tick', title: message.error || message.status }, `${TICKS[message.status] ?? ''} ${message.status}`)));
}

export function transitionRow(entry) {
  return h('li', {},
    h('time', { class: 'quiet' }, when(entry.at)), ' ',
    h('strong', {}, entry.path || 'root'), ' ',
    h('span', { class: 'quiet' }, `#${entry.incarnation} ${entry.from} → `),
    h('span', { class: 'state', 'data-state': entry.to }, entry.to),
    entry.reason && h('span', { class: 'quiet' }, ` ${entry.reason}`),
    entry.by && h('span', { class: 'quiet' }, ` by ${entry.by}`));
}

/** What each status asks of the reader. */
export function advice(session, loading) {
  switch (session.status) {
    case 'initializing': return loading ? `${loading.message || 'Loading'} ${loading.percent} %` : 'The browser is starting.';
    case 'authenticated': return loading ? `Syncing: ${loading.percent} %` : 'Scanned. WhatsApp is syncing.';
    case 'reconnecting': return 'The connection was lost. It is being repaired; messages wait and are sent afterwards.';
    case 'error': return `This needs you${session.lastError ? `: ${session.lastError}` : ''}. Start it to scan again.`;
    case 'stopped': return 'Stopped. Its login is kept.';
    default: return '';
  }
}

export const VERBS = {
  stopped: ['start'],
  error: ['start'],
};
export const verbsOf = (status) => VERBS[status] ?? ['restart', 'stop', ...(status === 'ready' ? ['logout'] : [])];
