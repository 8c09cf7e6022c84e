// REST calls with the key, which lives in this tab's sessionStorage and nowhere else.

const KEY = 'wahook-key';

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** An answer that is not 2xx; `message` is the problem's own sentence. */
export class Refused extends Error {
  constructor(status, problem) {
    const fields = (problem.errors ?? []).map((each) => `${each.at} ${each.message}`).join('; ');
    super(fields || problem.detail || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code;
  }
}

async function call(method, path, { body, accept = 'application/json', headers = {} } = {}) {
  const answer = await fetch(path, {
    method,
    cache: 'no-store',
    signal: AbortSignal.timeout(30000),
    headers: {
      Accept: accept,
      'X-Api-Key': key.get() ?? '',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

const SESSIONS = '/api/whatsapp/sessions';
const one = (id) => `${SESSIONS}/${encodeURIComponent(id)}`;

export const api = {
  sessions: async () => (await (await call('GET', SESSIONS)).json()).sessions,
  session: async (id) => (await call('GET', one(id))).json(),
  create: async (userId, accountId) => (await call('POST', SESSIONS, { body: { userId, accountId } })).json(),
  act: async (id, verb) => (await call('POST', `${one(id)}/${verb}`)).json(),
  remove: (id) => call('DELETE', one(id)),
  pair: async (id, phoneNumber) =>
    (await (await call('POST', `${one(id)}/pairing-code`, { body: { phoneNumber } })).json()).code,
  messages: async (id) => (await (await call('GET', `${one(id)}/messages?limit=100`)).json()).messages,
  send: async (id, to, text) =>
    (await call('POST', `${one(id)}/messages`, {
      body: { to, text },
      headers: { 'Idempotency-Key': crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` },
    })).json(),
  tree: async () => (await call('GET', '/api/supervision/tree', { accept: 'text/plain' })).text(),
  transitions: async () => (await (await call('GET', '/api/supervision/transitions')).json()).transitions,
  openapi: async () => (await call('GET', '/openapi.json')).json(),
};
