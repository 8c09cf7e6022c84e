// A part of the bridge: files come in and go out in pieces, so that no single message of DevTools is large.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { Refusal, store, ready, text, keyOf, find, common, senders } = kit;
  const FORGET_AFTER_MS = 10 * 60 * 1000;
  const TYPES = { image: 'image', video: 'video', audio: 'audio', voice: 'audio', document: 'document', sticker: 'sticker' };

  const incoming = new Map(); // id -> {parts, size, at}: blobs, which Chromium keeps outside of the page's heap
  const outgoing = new Map(); // handle -> {blob, at}

  const toBytes = (data) => (Uint8Array.fromBase64
    ? Uint8Array.fromBase64(data) : Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0)));

  function toText(bytes) {
    if (bytes.toBase64) return bytes.toBase64();
    let signs = '';
    for (let start = 0; start < bytes.length; start += 0x8000) {
      signs += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
    }
    return btoa(signs);
  }

  function forgetOld() {
    for (const held of [incoming, outgoing]) {
      for (const [id, { at }] of held) if (Date.now() - at > FORGET_AFTER_MS) held.delete(id);
    }
  }

  function mediaPut({ id, offset, data }) {
    forgetOld();
    if (offset === 0) incoming.set(id, { parts: [], size: 0 });
    const held = incoming.get(id);
    if (held?.size !== offset) throw new Refusal('media_gap', 'a piece of the file is missing');
    const bytes = toBytes(data);
    held.parts.push(new Blob([bytes]));
    held.size += bytes.length;
    held.at = Date.now();
  }

  async function sendFile(chat, message, options) {
    const { id, kind, mimetype, filename, size } = message.content.media;
    const held = incoming.get(id);
    if (held?.size !== size) throw new Refusal('media_gap', 'the file is not in the page');
    incoming.delete(id);
    // What a failed try has left: wa-js waits until the message is added, which it would not be again.
    const stale = store().MsgStore.get(options.messageId);
    if (stale) for (const collection of [chat.msgs, store().MsgStore]) collection.remove(stale);
    const name = filename ?? `${kind}.${mimetype.split('/')[1].replace(/[^a-z0-9]/gi, '')}`;
    const file = new File(held.parts, name, { type: mimetype });
    return window.WPP.chat.sendFileMessage(text(chat.id), file, {
      ...await common(message, options), type: TYPES[kind], filename: name, mimetype,
      ...(message.body && { caption: message.body }), ...(kind === 'voice' && { isPtt: true }),
    });
  }
  for (const kind of Object.keys(TYPES)) senders[kind] = sendFile;

  // --- out of the page --------------------------------------------------------------------------------------------

  let handles = 0;

  async function mediaOpen({ message }) {
    ready();
    forgetOld();
    const msg = await find(message);
    if (!msg.mediaData && !msg.filehash) throw new Refusal('media_gone', 'this message has no file');
    let blob;
    try {
      blob = await window.WPP.chat.downloadMedia(String(keyOf(msg)));
    } catch (error) {
      if (error?.code === 'media_not_found') throw new Refusal('media_gone', 'WhatsApp no longer has this file');
      throw error;
    }
    handles += 1;
    outgoing.set(handles, { blob, at: Date.now() });
    return {
      handle: handles, size: blob.size, mimetype: msg.mimetype ?? blob.type ?? '', filename: msg.filename ?? null,
    };
  }

  async function mediaRead({ handle, offset, count }) {
    const held = outgoing.get(handle);
    if (!held) throw new Refusal('media_gap', 'the file is not open');
    held.at = Date.now();
    return toText(new Uint8Array(await held.blob.slice(offset, offset + count).arrayBuffer()));
  }

  return { mediaPut, mediaOpen, mediaRead, mediaClose: ({ handle }) => { outgoing.delete(handle); } };
});
