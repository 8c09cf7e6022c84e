// The linked device's credentials in the browser profile: IndexedDB decides, localStorage follows.
'use strict';

WASim.define('SimStorage', (exports) => {
  const request = (operation) => new Promise((resolve, reject) => {
    operation.onsuccess = () => resolve(operation.result);
    operation.onerror = () => reject(operation.error);
  });

  async function open() {
    const opening = indexedDB.open('wawc', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('user');
    return request(opening);
  }

  // Runs act(store) in one transaction that is on disk when the promise resolves.
  async function transact(mode, act) {
    const database = await open();
    try {
      const transaction = database.transaction('user', mode, { durability: 'strict' });
      const result = await request(act(transaction.objectStore('user')));
      if (mode === 'readwrite') {
        await new Promise((resolve, reject) => {
          transaction.oncomplete = resolve;
          transaction.onabort = () => reject(transaction.error);
        });
      }
      return result;
    } finally {
      database.close();
    }
  }

  const MIRRORED = 'last-wid-md';

  exports.readDevice = async () => {
    const device = await transact('readonly', (store) => store.get('device'));
    if (!device) localStorage.removeItem(MIRRORED); // a wid without keys is no login
    return device ?? null;
  };

  // device: {number, id, secret, lid}
  exports.writeDevice = async (device) => {
    await transact('readwrite', (store) => store.put(device, 'device'));
    localStorage.setItem(MIRRORED, JSON.stringify(`${device.number}:${device.id}@c.us`));
  };

  exports.clearDevice = async () => {
    await transact('readwrite', (store) => store.delete('device'));
    localStorage.removeItem(MIRRORED);
  };
});

WASim.define('SimKeys', (exports) => {
  // The keys of this page load, shown in the QR code; a paired device keeps its own secret instead.
  const random = () => crypto.getRandomValues(new Uint8Array(32));
  const encode = (bytes) => WASim.use('WABase64').encodeB64(bytes);
  const own = { noise: random(), identity: random(), adv: encode(random()) };
  exports.keys = own;
  exports.publicParts = () => ({ static: encode(own.noise), identity: encode(own.identity), secret: own.adv });
});

WASim.define('WAWebUserPrefsInfoStore', (exports) => {
  exports.waNoiseInfo = {
    get: async () => ({ staticKeyPair: { pubKey: WASim.use('SimKeys').keys.noise.buffer } }),
  };
});

WASim.define('WAWebSignalStoreApi', (exports) => {
  exports.waSignalStore = {
    getRegistrationInfo: async () => ({ identityKeyPair: { pubKey: WASim.use('SimKeys').keys.identity.buffer } }),
  };
});

WASim.define('WAWebAdvSignatureApi', (exports) => {
  exports.getADVSecretKey = async () => WASim.use('SimKeys').keys.adv;
  exports.setADVSignedIdentity = async () => {};
});

WASim.define('WAWebUserPrefsMultiDevice', (exports) => {
  exports.getADVSecretKey = () => WASim.use('SimKeys').keys.adv;
});

WASim.define('WAWebCompanionRegClientUtils', (exports) => { exports.DEVICE_PLATFORM = '1'; });
