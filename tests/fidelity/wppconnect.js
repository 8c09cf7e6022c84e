// Runs the unmodified @wppconnect-team/wppconnect against a simulator; tells what happens as JSON lines.
// usage: node wppconnect.js CHROMIUM TLS_PORT PROFILE SEND_TO
'use strict';

const wppconnect = require('@wppconnect-team/wppconnect');

const [chromium, port, profile, sendTo] = process.argv.slice(2);
const PNG = 'data:image/png;base64,'
  + 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'
  + '+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const tell = (event, value) => process.stdout.write(`${JSON.stringify({ event, value })}\n`);

async function main() {
  const client = await wppconnect.create({
    session: 'fidelity',
    folderNameToken: profile,
    whatsappVersion: null,
    useChrome: false,
    updatesLog: false,
    logQR: false,
    autoClose: 0,
    disableWelcome: true,
    catchQR: (image, ascii, attempt, code) => tell('qr', code),
    puppeteerOptions: {
      executablePath: chromium,
      userDataDir: profile,
      args: [
        '--no-sandbox', `--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:${port}`, '--ignore-certificate-errors',
      ],
    },
  });
  tell('linked', await client.getWid());
  client.onAck(({ ack, id }) => tell('ack', { ack, id: id._serialized }));
  client.onMessage((message) => tell('received', { body: message.body, from: message.from }));
  const sent = await client.sendText(`${sendTo}@c.us`, 'from wppconnect');
  tell('sent', sent.id);
  const image = await client.sendImageFromBase64(`${sendTo}@c.us`, PNG, 'dot.png', 'A dot');
  tell('image', image.id);
}

main().catch((error) => { tell('error', String(error && error.stack)); process.exit(1); });
