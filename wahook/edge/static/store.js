// What the page knows, and who wants to hear of changes. Events and answers meet here and nowhere else.

export class Store extends EventTarget {
  sessions = new Map();
  codes = new Map(); // session id -> QR data URL
  loading = new Map(); // session id -> {percent, message}
  messages = new Map(); // session id -> Map of message id -> message, oldest first
  transitions = [];

  changed(what, id) {
    this.dispatchEvent(new CustomEvent('change', { detail: { what, id } }));
  }

  setSessions(list) {
    this.sessions = new Map(list.map((each) => [each.sessionId, each]));
    for (const [id, each] of this.sessions) if (each.status !== 'qr') this.codes.delete(id);
    this.changed('sessions');
  }

  put(session) {
    this.sessions.set(session.sessionId, session);
    this.changed('sessions', session.sessionId);
  }

  forget(id) {
    for (const each of [this.sessions, this.codes, this.loading, this.messages]) each.delete(id);
    this.changed('sessions', id);
  }

  patch(id, fields) {
    const known = this.sessions.get(id);
    if (known) this.put({ ...known, ...fields });
    return Boolean(known);
  }

  setMessages(id, newestFirst) {
    const seen = this.messages.get(id) ?? new Map();
    const all = new Map([...newestFirst].reverse().map((each) => [each.messageId, each]));
    for (const [key, each] of seen) if (!all.has(key)) all.set(key, each);
    this.messages.set(id, all);
    this.changed('messages', id);
  }

  putMessage(id, message) {
    const all = this.messages.get(id) ?? new Map();
    all.set(message.messageId, { ...all.get(message.messageId), ...message });
    this.messages.set(id, all);
    this.changed('messages', id);
  }

  patchMessage(id, messageId, fields) {
    const known = this.messages.get(id)?.get(messageId);
    if (known) this.putMessage(id, { ...known, ...fields });
  }

  pushTransitions(entries) {
    this.transitions = [...this.transitions, ...entries].slice(-60);
    this.changed('tree');
  }
}
