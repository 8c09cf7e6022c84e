// What the server can do to a page: hang it, crash it, reload it, make it grow, take its network away.
'use strict';

WASim.define('SimFaults', () => {
  const grown = [];

  const acts = {
    // Blocks the main thread; 0 seconds: for ever.
    hang({ seconds }) {
      const end = seconds > 0 ? Date.now() + seconds * 1000 : Infinity;
      while (Date.now() < end); // the point of it
    },

    reload() { location.reload(); },

    // More elements than the engine's arrays may have: it aborts the renderer process. The first way takes
    // milliseconds; engines that answer it with an error instead still fall for one of the slower ones.
    crash() {
      const tooLarge = new Uint8Array(2 ** 28);
      const ways = [
        () => Array.prototype.toSorted.call(tooLarge), () => 'x'.repeat(2 ** 28).split(''), () => [...tooLarge],
      ];
      for (const way of ways) {
        try { grown.push(way()); } catch { /* the next one */ }
      }
    },

    // Memory that stays: written to, so that it is resident.
    grow({ megabytes }) {
      for (let count = 0; count < megabytes; count += 1) grown.push(new Uint8Array(2 ** 20).fill(count % 255 + 1));
    },

    offline() {
      WASim.value('WAWebNetworkStatus').set('online', false);
    },

    online() {
      WASim.value('WAWebNetworkStatus').set('online', true);
    },
  };

  // In a task of its own, so that the page has first answered what came before.
  WASim.use('SimWire').on('fault', (fault) => setTimeout(() => acts[fault.kind]?.(fault), 0));
});
