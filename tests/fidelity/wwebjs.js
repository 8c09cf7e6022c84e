// Runs the unmodified whatsapp-web.js against a simulator; tells what happens as JSON lines.
// usage: node wwebjs.js CHROMIUM TLS_PORT PROFILE SEND_TO
'use strict';

const { Client, LocalAuth, MessageMedia } = require('whatsapp-web.js');

const [chromium, port, profile, sendTo] = process.argv.slice(2);
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'
  + '+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const tell = (event, value) => process.stdout.write(`${JSON.stringify({ event, value })}\n`);

const client = new Client({
  authStrategy: new LocalAuth({ dataPath: profile }),
  webVersionCache: { type: 'none' },
  puppeteer: {
    executablePath: chromium,
    args: [
      '--no-sandbox', `--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:${port}`, '--ignore-certificate-errors',
    ],
  },
});

client.on('message', ({ body, from }) => tell('received', { body, from }));
client.on('message_ack', ({ id }, ack) => tell('ack', { ack, id: id._serialized }));
process.on('unhandledRejection', (error) => tell('error', String(error && error.stack)));
client.on('ready', async () => {
  tell('linked', client.info.wid._serialized);
  const sent = await client.sendMessage(`${sendTo}@c.us`, 'from whatsapp-web.js');
  tell('sent', sent.id._serialized);
  const dot = new MessageMedia('image/png', PNG, 'dot.png');
  const image = await client.sendMessage(`${sendTo}@c.us`, dot, { caption: 'A dot' });
  tell('image', image.id._serialized);
});
const started = client.initialize();
// It shows the code before it listens for the login; a person who scans is never that quick, a test is.
client.on('qr', (code) => started.then(() => tell('qr', code)));
started.catch((error) => { tell('error', String(error && error.stack)); process.exit(1); });
