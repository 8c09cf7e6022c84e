// Groups: metadata, participants, creation and changes.
'use strict';

WASim.define('WAWebParticipantModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class Participant extends BaseModel {
    get contact() { return WASim.use('WAWebContactCollection').ContactCollection.gadd(this.id); }
  }
  exports.Participant = defineModel(Participant, {
    proxyName: 'participant', props: { id: undefined, isAdmin: false, isSuperAdmin: false },
  });
});

WASim.defineDefault('WAWebParticipantCollection', () => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  const mine = (participant) => WASim.use('WAWebUserPrefsMeUser').isMeAccount(participant.id);
  return class ParticipantCollection extends BaseCollection {
    static model = WASim.use('WAWebParticipantModel').Participant;
    iAmMember() { return this.some(mine); }
    iAmAdmin() { return this.some((participant) => mine(participant) && participant.isAdmin); }
    iAmSuperAdmin() { return this.some((participant) => mine(participant) && participant.isSuperAdmin); }
    canAdd() { return this.iAmAdmin(); }
    canRemove(participant) { return this.iAmAdmin() && !mine(participant); }
    canPromote(participant) { return this.iAmAdmin() && !participant.isAdmin; }
    canDemote(participant) { return this.iAmAdmin() && participant.isAdmin && !mine(participant); }
  };
});

WASim.define('WAWebGroupMetadataModel', (exports) => {
  const { BaseModel, defineModel } = WASim.use('WAWebBaseModel');
  class GroupMetadata extends BaseModel {
    initialize() {
      const ParticipantCollection = WASim.value('WAWebParticipantCollection');
      Object.assign(this.attributes, {
        participants: new ParticipantCollection([], { parent: this }),
        pastParticipants: new ParticipantCollection([], { parent: this }),
      });
    }

    canSetSubject() { return this.participants.iAmAdmin(); }
    canSetDescription() { return this.participants.iAmAdmin(); }
    canSetGroupProperty() { return this.participants.iAmAdmin(); }
  }
  exports.GroupMetadata = defineModel(GroupMetadata, {
    proxyName: 'group-metadata',
    props: {
      id: undefined, subject: undefined, creation: undefined, owner: undefined, desc: undefined, announce: false,
      restrict: false, size: 0, participants: undefined, isLidAddressingMode: false, isParentGroup: false,
      groupType: 'DEFAULT', ephemeralDuration: 0,
    },
    session: { stale: false, pastParticipants: undefined, inviteCode: undefined },
  });
});

WASim.defineDefault('WAWebGroupMetadataCollection', () => {
  const { BaseCollection } = WASim.use('WAWebBaseCollection');
  class GroupMetadataCollection extends BaseCollection {
    static model = WASim.use('WAWebGroupMetadataModel').GroupMetadata;
    _handleParentGroupChange() {}
    async findQuery(id) {
      const { group } = await WASim.use('SimWire').request('group', { id: String(id) });
      return group ? WASim.use('SimGroups').learn(group) : undefined;
    }
  }
  return new GroupMetadataCollection();
});

WASim.define('SimGroups', (exports) => {
  const createWid = (text) => WASim.use('WAWebWidFactory').createWid(text);
  const store = () => WASim.value('WAWebGroupMetadataCollection');

  // group: {id, subject, desc, creation, owner, participants: [{number, admin}], announce}
  exports.learn = ({ id, participants, owner, ...rest }) => {
    const group = store().gadd(createWid(id));
    group.set({ ...rest, owner: createWid(`${owner}@c.us`), size: participants.length, stale: false });
    const wanted = participants.map(({ number, admin }) => ({
      id: createWid(`${number}@c.us`), isAdmin: admin, isSuperAdmin: number === owner,
    }));
    group.participants.add(wanted, { merge: true });
    group.participants.remove(group.participants.filter(
      (known) => !wanted.some(({ id: kept }) => kept.equals(known.id))));
    WASim.use('WAWebFindChatAction').addChat(group.id, { t: rest.creation });
    return group;
  };

  exports.change = async (id, action, payload) => {
    const answer = await WASim.use('SimWire').request('group_change', { group: String(id), action, ...payload });
    exports.learn(answer.group);
    return answer;
  };

  WASim.use('SimWire').on('group', ({ group, action, participants, author }) => {
    exports.learn(group);
    WASim.use('WAWebGroupActionDB').updateDBForGroupAction(
      { chatId: createWid(group.id), author: createWid(`${author}@c.us`) },
      { actionType: action, participants: participants.map((number) => createWid(`${number}@c.us`)) });
  });
});

WASim.define('WAWebGroupActionDB', (exports) => { exports.updateDBForGroupAction = async () => {}; });

WASim.define('WAWebGroupCreateJob', (exports) => {
  exports.GroupAlreadyExistsError = class GroupAlreadyExistsError extends Error {};
  exports.createGroup = async ({ title, subject }, participants) => {
    const numbers = participants.map(({ phoneNumber }) => (phoneNumber.user ?? String(phoneNumber).split('@')[0]));
    const answer = await WASim.use('SimWire').request('group_create', { subject: title ?? subject, numbers });
    const known = WASim.use('SimGroups').learn(answer.group);
    const wid = (number) => WASim.use('WAWebWidFactory').createWid(`${number}@c.us`);
    const refused = answer.refused.map((number) => ({ wid: wid(number), error: 404 }));
    return { wid: known.id, participants: [...known.participants.map(({ id }) => ({ wid: id, error: null })), ...refused] };
  };
});

WASim.define('WAWebGroupQueryJob', (exports) => {
  exports.queryAllGroups = async () => WASim.value('WAWebGroupMetadataCollection').map(({ id }) => ({ id }));
});

WASim.define('WAWebGroupInviteJob', (exports) => {
  exports.queryGroupInviteCode = async (wid) => WASim.use('SimWire').request('group_invite', { group: String(wid) });
  exports.resetGroupInviteCode = async (wid) => WASim.use('SimWire')
    .request('group_invite', { group: String(wid), reset: true });
});

(() => {
  // members: wids, or {phoneNumber, lid} pairs
  const changed = async (group, action, members) => {
    const wids = members.map((member) => member.phoneNumber ?? member);
    const { refused } = await WASim.use('SimGroups').change(group, action, { numbers: wids.map((wid) => wid.user) });
    const code = (wid) => (refused.includes(wid.user) ? '404' : '200');
    return { status: 200, participants: wids.map((userWid) => ({ userWid, code: code(userWid) })) };
  };

  WASim.define('WAWebGroupParticipantsJob', (exports) => {
    exports.addGroupParticipants = (group, wids) => changed(group, 'add', wids);
    exports.removeGroupParticipants = (group, wids) => changed(group, 'remove', wids);
    exports.promoteGroupParticipants = (group, wids) => changed(group, 'promote', wids);
    exports.demoteGroupParticipants = (group, wids) => changed(group, 'demote', wids);
  });

  WASim.define('WAWebModifyParticipantsGroupAction', (exports) => {
    const ids = (models) => models.map((model) => model.id);
    exports.addParticipants = (chat, models) => changed(chat.id, 'add', ids(models));
    exports.removeParticipants = (chat, models) => changed(chat.id, 'remove', ids(models));
    exports.promoteParticipants = (chat, models) => changed(chat.id, 'promote', ids(models));
    exports.demoteParticipants = (chat, models) => changed(chat.id, 'demote', ids(models));
    exports.promoteCommunityParticipants = async () => {};
    exports.demoteCommunityParticipants = async () => {};
  });
})();

WASim.define('WAWebGroupModifyInfoJob', (exports) => {
  const change = (group, action, payload) => WASim.use('SimGroups').change(group, action, payload);
  exports.setGroupSubject = async (group, subject) => change(group, 'subject', { text: subject });
  exports.setGroupDescription = async (group, text) => change(group, 'description', { text });
  exports.setGroupProperty = async (group, name, value) => change(group, 'property', { name, value: Boolean(value) });
});

WASim.define('WAWebExitGroupAction', (exports) => {
  exports.sendExitGroup = async (chat) => {
    await WASim.use('SimWire').request('group_change', { group: String(chat.id), action: 'leave' });
    return { status: 200 };
  };
});
