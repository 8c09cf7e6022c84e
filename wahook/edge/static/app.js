// The dashboard: asks for the key, then shows sessions and the tree as they change.

import { api, key } from './api.js';
import { Detail } from './detail.js';
import { $, h, show, toast } from './dom.js';
import { connect } from './live.js';
import { Store } from './store.js';
import { sessionRow, transitionRow } from './views.js';

const URGENCY = ['error', 'qr', 'reconnecting', 'initializing', 'authenticated', 'ready', 'stopped'];
const store = new Store();
const detail = new Detail(store);
let socket = null;

// --- the gate ---------------------------------------------------------------

async function enter() {
  try {
    store.setSessions(await api.sessions());
  } catch (error) {
    gate(error.status === 401 ? 'That is not the key of this service.' : `The service does not answer: ${error.message}`);
    return;
  }
  show($('gate'), false);
  show($('app'), true);
  socket = connect(key.get(), store, { unknown: fetchSession, state: linkState, again: refresh });
  follow();
}

function gate(message = '') {
  if (message) key.forget();
  socket?.close();
  show($('app'), false);
  show($('gate'), true);
  $('key-error').textContent = message;
  show($('key-error'), Boolean(message));
  $('key').focus();
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key.set($('key').value.trim());
  $('key').value = '';
  enter();
});
$('leave').addEventListener('click', () => {
  key.forget();
  location.reload();
});

// --- live -------------------------------------------------------------------

const LINK = { live: 'live', down: 'reconnecting…', refused: 'refused' };

function linkState(word) {
  $('link').dataset.state = word;
  $('link').textContent = LINK[word];
  if (word === 'refused') gate('The key is no longer accepted.');
}

async function refresh() {
  try {
    store.setSessions(await api.sessions());
    if (detail.id) store.setMessages(detail.id, await api.messages(detail.id));
    if (!$('view-tree').hidden) drawTree();
  } catch (error) {
    toast(error.message);
  }
}

const asked = new Set();

async function fetchSession(id) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    store.put(await api.session(id));
  } catch (error) {
    if (error.status !== 404) toast(error.message);
  } finally {
    asked.delete(id);
  }
}

// --- drawing, at most once per frame -----------------------------------------

const dirty = new Set();

store.addEventListener('change', ({ detail: { what } }) => {
  if (!dirty.size) requestAnimationFrame(draw);
  dirty.add(what);
});

function draw() {
  const what = new Set(dirty);
  dirty.clear();
  if (what.has('sessions')) drawSessions();
  if (what.has('sessions') || what.has('messages')) detail.draw();
  if (what.has('tree') && !$('view-tree').hidden) drawTreeSoon();
}

function drawSessions() {
  const all = [...store.sessions.values()].sort((a, b) =>
    URGENCY.indexOf(a.status) - URGENCY.indexOf(b.status) || a.sessionId.localeCompare(b.sessionId));
  $('sessions').replaceChildren(...all.map((each) => sessionRow(each, each.sessionId === detail.id)));
  const ready = all.filter((each) => each.status === 'ready').length;
  $('count').textContent = all.length ? `${ready} of ${all.length} ready` : '';
  show($('no-sessions'), !all.length);
  if (detail.id && !store.sessions.has(detail.id)) location.hash = '#/';
}

let treeTimer = null;

function drawTreeSoon() {
  treeTimer ??= setTimeout(() => {
    treeTimer = null;
    drawTree();
  }, 300);
}

async function drawTree() {
  try {
    $('tree').textContent = await api.tree();
    if (!store.transitions.length) store.transitions = (await api.transitions()).slice(-60);
  } catch (error) {
    toast(error.message);
  }
  $('transitions').replaceChildren(...store.transitions.slice().reverse().map(transitionRow));
}

// --- where we are -----------------------------------------------------------

function follow() {
  const place = location.hash.slice(1) || '/';
  const onTree = place === '/tree';
  const id = place.startsWith('/s/') ? decodeURIComponent(place.slice(3)) : null;
  show($('view-tree'), onTree);
  show($('view-sessions'), !onTree);
  document.body.classList.toggle('one', Boolean(id));
  for (const link of document.querySelectorAll('nav [data-view]')) {
    link.toggleAttribute('aria-current', (link.dataset.view === 'tree') === onTree);
  }
  if (onTree) drawTree();
  else {
    detail.open(id && store.sessions.has(id) ? id : null);
    drawSessions();
  }
}

window.addEventListener('hashchange', follow);
setInterval(() => { if (socket && !$('view-tree').hidden && !document.hidden) drawTree(); }, 5000);

// --- a new session ----------------------------------------------------------

$('new-session').addEventListener('click', () => {
  const open = $('create-form').hidden;
  show($('create-form'), open);
  $('new-session').setAttribute('aria-expanded', String(open));
  if (open) $('user-id').focus();
});

$('create-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { userId, accountId } = event.target.elements;
  show($('create-error'), false);
  try {
    const made = await api.create(userId.value.trim(), accountId.value.trim());
    store.put(made);
    event.target.reset();
    $('new-session').click();
    location.hash = `#/s/${encodeURIComponent(made.sessionId)}`;
  } catch (error) {
    $('create-error').textContent = error.message;
    show($('create-error'), true);
  }
});

detail.open(null);
if (key.get()) enter();
else gate();
