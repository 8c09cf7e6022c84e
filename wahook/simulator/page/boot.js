// Start: read the profile's credentials, ask how this page load is to behave, register, connect.
'use strict';

(async () => {
  const VERSION = '2.3000.1045213319';
  // Modules that listen to the wire from the start.
  const LISTENERS = [
    'SimSession', 'SimMessages', 'SimReceipts', 'SimMessageActions', 'SimGroups', 'SimFaults',
    'WAWebReactionsMsgAction', 'WAWebPresenceCollection', 'WAWebPollsUpsertVotes', 'SimCalls',
  ];

  // The device is read before the registry opens, so from the database, not through a module.
  const readNumber = () => {
    const match = /(\d+):/.exec(localStorage.getItem('last-wid-md') ?? '');
    return match ? match[1] : '';
  };

  const shape = await (await fetch(`/boot?number=${readNumber()}`)).json();
  if (shape.delay > 0) await new Promise((resolve) => { setTimeout(resolve, shape.delay * 1000); });
  WASim.open({ missing: shape.missing, version: VERSION });
  for (const id of LISTENERS) {
    if (!shape.missing.includes(id)) WASim.use(id);
  }
  WASim.use('SimSession').start(await WASim.use('SimStorage').readDevice());
})();
