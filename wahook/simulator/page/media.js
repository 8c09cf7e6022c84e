// Media: opaque blobs, preparation, upload, message attachments, download and its caches.
'use strict';

WASim.defineDefault('WAWebMediaOpaqueData', () => class OpaqueData {
  constructor(blob, type) { Object.assign(this, { _blob: blob, _type: type || blob.type }); }
  static async createFromData(data, type) {
    return new OpaqueData(new Blob([data], { type: type || data.type }), type);
  }

  type() { return this._type; }
  size() { return this._blob.size; }
  forceToBlob() { return this._blob; }
  formData() { return this._blob; }
  url() { this._url ??= URL.createObjectURL(this._blob); return this._url; }
  autorelease() {}
  release() { if (this._url) URL.revokeObjectURL(this._url); }
  throwIfReleased() {}
});

WASim.define('WAWebMediaDataModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class MediaData extends BaseModel {
    get mediaObject() { return WASim.use('WAWebMediaStorage').getOrCreateMediaObject(this.filehash); }
    isDownloadable() { return true; }
  }
  exports.MediaData = defineModel(MediaData, {
    proxyName: 'media_data',
    props: {
      type: undefined, filehash: undefined, mimetype: undefined, size: undefined, filename: undefined,
      mediaStage: undefined, fullHeight: undefined, fullWidth: undefined, duration: undefined, isGif: false,
      waveform: undefined, preview: undefined, directPath: undefined, mediaKey: undefined, encFilehash: undefined,
      clientUrl: undefined, deprecatedMms3Url: undefined, mediaKeyTimestamp: undefined,
    },
    session: { mediaBlob: undefined, renderableUrl: undefined },
  });
});

WASim.define('WAWebMediaStorage', (exports) => {
  const objects = new Map();
  exports.getOrCreateMediaObject = (filehash) => {
    if (!objects.has(filehash)) {
      objects.set(filehash, {
        filehash, type: 'UNKNOWN', size: 0, contentInfo: {}, entries: {},
        consolidate(data) { Object.assign(this.contentInfo, data); },
      });
    }
    return objects.get(filehash);
  };
});

WASim.define('WAWebMmsMediaTypes', (exports) => {
  exports.msgToMediaType = ({ type }) => type;
  exports.castToV4 = (type) => String(type).toLowerCase();
});

WASim.define('WAWebMediaDataUtils', (exports) => { exports.shouldUseMediaCache = () => true; });

WASim.define('WAWebMediaInMemoryBlobCache', (exports) => {
  exports.InMemoryMediaBlobCacheImpl = class InMemoryMediaBlobCacheImpl {
    blobs = new Map();
    put(hash, blob) { this.blobs.set(hash, blob); }
    get(hash) { return this.blobs.get(hash); }
    has(hash) { return this.blobs.has(hash); }
  };
  exports.InMemoryMediaBlobCache = new exports.InMemoryMediaBlobCacheImpl();
});

WASim.define('WAWebLruMediaStore', (exports) => {
  const buffers = new Map();
  exports.LruMediaStore = {
    get: async (hash) => buffers.get(hash) ?? null,
    put: async (hash, buffer) => { buffers.set(hash, buffer); },
    del: async (hash) => { buffers.delete(hash); },
    has: async (hash) => buffers.has(hash),
    clear: async () => buffers.clear(),
    count: async () => buffers.size,
  };
});

WASim.define('WAWebMediaGatingUtils', (exports) => {
  const MEGABYTE = 2 ** 20;
  exports.getUploadLimit = (type) => (type === 'document' ? 2048 : 64) * MEGABYTE;
});

WASim.define('SimMedia', (exports) => {
  const base64 = (buffer) => WASim.use('WABase64').encodeB64(buffer);
  exports.hash = async (blob) => base64(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));

  // Answers {filehash, directPath, size}; rejects when the server refuses.
  exports.upload = async (blob) => {
    const answer = await fetch('/media', {
      method: 'POST', body: blob, headers: { 'Content-Type': blob.type || 'application/octet-stream' },
    });
    if (!answer.ok) throw new Error(`media upload failed: ${answer.status}`);
    return answer.json();
  };

  exports.attach = (msg) => {
    if (msg.attributes.mediaData) return;
    const { MediaData } = WASim.use('WAWebMediaDataModel');
    const { type, filehash, mimetype, size, filename, duration, isGif } = msg;
    const known = { type, filehash, mimetype, size, filename, duration, isGif };
    const mediaData = new MediaData({ ...known, mediaStage: 'NEED_POKE' });
    mediaData.mediaObject.type = String(type).toUpperCase();
    msg.set('mediaData', mediaData, { silent: true });
  };

  exports.download = async (msg) => {
    msg.mediaData.mediaStage = 'FETCHING';
    const answer = await fetch(`/media/${encodeURIComponent(msg.filehash)}`);
    if (!answer.ok) { msg.mediaData.mediaStage = 'ERROR_MISSING'; return; }
    const blob = new Blob([await answer.arrayBuffer()], { type: msg.mimetype });
    WASim.use('WAWebMediaInMemoryBlobCache').InMemoryMediaBlobCache.put(msg.filehash, blob);
    msg.mediaData.mediaBlob = await WASim.value('WAWebMediaOpaqueData').createFromData(blob, msg.mimetype);
    msg.mediaData.mediaStage = 'RESOLVED';
  };
});

WASim.define('WAWebDownloadManager', (exports) => {
  exports.downloadManager = {
    downloadAndMaybeDecrypt: async ({ filehash }) => (
      await fetch(`/media/${encodeURIComponent(filehash)}`)).arrayBuffer(),
  };
});

WASim.define('WAWebPrepRawMedia', (exports) => {
  function kindOf(mimetype, { isPtt, asDocument, asSticker }) {
    if (asSticker) return 'sticker';
    if (asDocument) return 'document';
    const kind = /^(image|video|audio)\//.exec(mimetype)?.[1] ?? 'document';
    return kind === 'audio' && isPtt ? 'ptt' : kind;
  }

  async function sizeOf(blob) {
    const bitmap = await createImageBitmap(blob).catch(() => null);
    return bitmap ? { fullWidth: bitmap.width, fullHeight: bitmap.height } : {};
  }

  class MediaPrep {
    constructor(opaque, options) {
      this.opaque = opaque;
      this.options = options;
      this.prepared = this._prepare();
      this.prepared.catch(() => {}); // told to whoever waits for it
    }

    async _prepare() {
      const { MediaData } = WASim.use('WAWebMediaDataModel');
      const blob = this.opaque.forceToBlob();
      const mimetype = this.opaque.type();
      const type = kindOf(mimetype, this.options);
      this.mediaData = new MediaData({
        type, mimetype, filehash: await WASim.use('SimMedia').hash(blob), size: blob.size, mediaBlob: this.opaque,
        isGif: Boolean(this.options.asGif), ...this.options.precomputedFields,
        ...(type === 'image' && await sizeOf(blob)),
      });
      Object.assign(this.mediaData.mediaObject, { type: type.toUpperCase(), size: blob.size, blob });
      return this.mediaData;
    }

    async waitForPrep() { return this.prepared; }

    // Adds the message in a later task: callers listen for it only after this has returned.
    async sendToChat({ chat, options }) {
      const mediaData = await this.prepared;
      await new Promise((resolve) => { setTimeout(resolve, 0); });
      const raw = await this._message(chat, options, mediaData);
      const msg = WASim.use('SimOutgoing').add(chat, raw);
      mediaData.mediaStage = 'UPLOADING';
      await WASim.use('SimMedia').upload(this.opaque.forceToBlob());
      mediaData.mediaStage = 'RESOLVED';
      return WASim.use('SimOutgoing').send(msg, raw);
    }

    async _message(chat, { productMsgOptions, caption, footer, isViewOnce }, mediaData) {
      const { type, mimetype, filehash, size, duration, isGif, waveform } = mediaData;
      const raw = { ...(productMsgOptions ?? await this._ownKey(chat)) };
      const media = {
        type, mimetype, filehash, size, duration, isGif, waveform, mediaData, caption, footer, isViewOnce,
      };
      for (const [name, value] of Object.entries(media)) if (value !== undefined) raw[name] = value;
      if (type !== 'document' && caption === undefined) delete raw.caption;
      return raw;
    }

    async _ownKey(chat) {
      const me = WASim.use('WAWebUserPrefsMeUser').getMePnUserOrThrow();
      const MsgKey = WASim.value('WAWebMsgKey');
      const id = new MsgKey({ from: me, to: chat.id, id: await MsgKey.newId(), selfDir: 'out' });
      const t = WASim.use('WATimeUtils').unixTime();
      return { id, t, from: me, to: chat.id, self: 'out', isNewMsg: true, local: true };
    }
  }

  exports.MediaPrep = MediaPrep;
  exports.prepRawMedia = (opaque, options = {}) => new MediaPrep(opaque, options);
  exports.uploadProductImage = async () => { throw new Error('product images are not simulated'); };
});

WASim.define('WAWebMediaMmsV4Upload', (exports) => {
  exports.uploadMedia = async ({ mediaObject }) => {
    const stored = await WASim.use('SimMedia').upload(mediaObject.blob);
    return {
      mediaEntry: {
        mmsUrl: stored.directPath, directPath: stored.directPath, deprecatedMms3Url: stored.directPath,
        mediaKey: 'none', mediaKeyTimestamp: WASim.use('WATimeUtils').unixTime(), encFilehash: stored.filehash,
      },
    };
  };
  exports.uploadUnencryptedMedia = async (data) => exports.uploadMedia(data);
});

WASim.define('WAWebVideoUtils', (exports) => {
  exports.generateVideoThumbsAndDuration = async () => ({ duration: 0, thumbs: [] });
});

WASim.define('WAWebProcessRawSticker', (exports) => {
  exports.processRawSticker = async (opaque) => ({ mediaBlob: opaque });
});
