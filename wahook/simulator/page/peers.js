// What other clients than wa-js look up by its exact name.
'use strict';

WASim.define('WAWebCollections', (exports) => {
  const named = (id, name) => WASim.use(id)[name];
  Object.assign(exports, {
    Msg: named('WAWebMsgCollection', 'MsgCollection'),
    Chat: named('WAWebChatCollection', 'ChatCollection'),
    Contact: named('WAWebContactCollection', 'ContactCollection'),
    GroupMetadata: WASim.value('WAWebGroupMetadataCollection'),
    WAWebGroupMetadataCollection: WASim.value('WAWebGroupMetadataCollection'),
    ProfilePicThumb: named('WAWebProfilePicThumbCollection', 'ProfilePicThumbCollection'),
    Label: named('WAWebLabelCollection', 'LabelCollection'),
    Blocklist: named('WAWebBlocklistCollection', 'BlocklistCollection'),
    Status: named('WAWebStatusCollection', 'StatusCollection'),
    WAWebCallCollection: WASim.value('WAWebCallCollection'),
    WAWebNewsletterCollection: WASim.value('WAWebNewsletterCollection'),
  });
});

WASim.define('WAWebMiscBrowserUtils', (exports) => { exports.info = () => WASim.value('WAWebBrowserInfo').info(); });

WASim.define('WAWebOfflineHandler', (exports) => {
  exports.OfflineMessageHandler = { getOfflineDeliveryProgress: () => 100 };
});

WASim.define('WAWebSyncGatingUtils', (exports) => { exports.isOfflineProgressEnabled = () => false; });
