// A part of the bridge: what arrived while nobody listened, and what became of it.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { push, described, store, text, keyOf, plain, isTheirs, isIncoming, ready, tellAck, remember } = kit;
  const { seen, undecrypted } = kit;

  const PAGE = 50; // messages
  const LIMIT = 20000; // messages of one chat: more than anybody misses
  const REVOCABLE_S = 2 * 24 * 3600; // WhatsApp lets messages be changed or deleted for about so long

  const unreadable = new Map(); // by chat: how often in a row

  // Once is an accident, to be asked for again; more must not keep the other chats from being read.
  async function earlier(chat, anchor) {
    const id = text(chat.id);
    try {
      const options = { id: String(anchor), count: PAGE, direction: 'before' };
      const page = await window.WPP.chat.getMessages(id, options);
      unreadable.delete(id);
      return page;
    } catch (error) {
      ready();
      unreadable.set(id, (unreadable.get(id) ?? 0) + 1);
      if (unreadable.get(id) === 1) throw error;
      push('trouble', { where: 'history', ...described(error) });
      return [];
    }
  }

  async function historyOf(chat, since) {
    let found = new Map();
    // Older ones go in front: stamps are whole seconds, so only the place keeps the order within one.
    const take = (msgs) => { found = new Map([...msgs.map((msg) => [keyOf(msg).id, msg]), ...found]); };
    take(chat.msgs.getModelsArray());
    let oldest = Math.min(...[...found.values()].map((msg) => msg.t));
    let anchor = chat.msgs.head()?.id ?? chat.lastReceivedKey;
    while (anchor && !(oldest < since) && found.size < LIMIT) {
      const before = found.size;
      const page = await earlier(chat, anchor);
      take(page);
      if (found.size === before) break;
      const first = page.reduce((a, b) => (b.t < a.t ? b : a));
      oldest = first.t;
      anchor = keyOf(first);
    }
    return [...found.values()].filter((msg) => msg.t >= since);
  }

  // What is left of a message that came and was deleted for everyone before anybody could tell of it.
  const isTrace = (msg) => msg.type === 'revoked' && isTheirs(keyOf(msg)) && !seen.has(keyOf(msg).id);

  async function recentIncoming({ since }) {
    ready();
    const chats = store().ChatStore.getModelsArray().filter((chat) => !(chat.t < since));
    const found = [];
    for (const chat of chats) found.push(...await historyOf(chat, since));
    for (const msg of found) if (msg.type === 'ciphertext') remember(undecrypted, keyOf(msg).id);
    const loaded = store().MsgStore.getModelsArray().filter((msg) => msg.t >= since - REVOCABLE_S);
    const changed = new Map([...found, ...loaded].map((msg) => [keyOf(msg).id, msg]));
    for (const msg of changed.values()) if (msg.ack >= 1) tellAck(keyOf(msg), msg.ack);
    const messages = found.filter((msg) => isIncoming(msg) || isTrace(msg)).map(plain);
    return [...messages.sort((a, b) => a.t - b.t), ...kit.changesOf([...changed.values()])];
  }

  return { recentIncoming };
});
