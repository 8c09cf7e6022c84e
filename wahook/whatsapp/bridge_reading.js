// A part of the bridge: what the page knows of chats, people and groups, and what is changed in them.
(window.__wahookParts ??= []).push((kit) => {
  'use strict';
  const { Refusal, store, text, wid, digits, keyOf, plain, ready, knownChats, wasLeft, isBlocked } = kit;

  const personOf = (number) => wid(number.includes('@') ? number : `${number}@c.us`);
  const isGroup = (chat) => text(chat.id).endsWith('@g.us');
  // The codes of wa-js that say: not with the rights that we have; it is so already; nobody of that number there.
  const FORBIDDEN = /not_allowed|not_admin|is_not_a_group_member|can_not|cannot|_error$/;
  const DONE = /_is_already_/;
  const ABSENT = {
    participant_not_exists: 'on WhatsApp', group_participant_not_found: 'in this group',
    not_valid_group_participants: 'in this group',
  };

  const allowed = async (work) => {
    try {
      return await work();
    } catch (error) {
      const code = String(error?.code);
      if (DONE.test(code)) return null;
      if (code in ABSENT) throw new Refusal('unknown_contact', `a number is not ${ABSENT[code]}`);
      if (FORBIDDEN.test(code)) throw new Refusal('not_allowed', String(error.message ?? code));
      throw error;
    }
  };

  function chatFor(address) {
    const [chat] = knownChats(address);
    if (!chat) throw new Refusal('unknown_chat', 'this account has no such chat');
    return chat;
  }

  function message(msg) {
    const key = keyOf(msg);
    const { id, chat, sender, body, type, t, media } = plain(msg);
    return {
      messageId: id, key: String(key), chatId: chat, from: sender, fromMe: key.fromMe, type, body, hasMedia: media,
      timestamp: t, ack: Number(msg.ack ?? 0), quotedId: msg.quotedStanzaID ?? null,
    };
  }

  // --- chats ------------------------------------------------------------------------------------------------------

  function chatView(chat) {
    const last = chat.msgs?.last?.();
    return {
      id: text(chat.id), number: isGroup(chat) ? null : digits(chat.id), name: chat.formattedTitle ?? chat.name ?? null,
      isGroup: isGroup(chat), unread: Number(chat.unreadCount ?? 0), timestamp: Number(chat.t ?? 0),
      archived: Boolean(chat.archive), pinned: Boolean(chat.pin), muted: Boolean(chat.mute?.isMuted),
      lastMessage: last ? message(last) : null,
    };
  }

  function chats({ limit, offset }) {
    ready();
    const all = store().ChatStore.getModelsArray()
      .filter((chat) => !/@(broadcast|newsletter)$/.test(text(chat.id)))
      .sort((a, b) => (b.t ?? 0) - (a.t ?? 0));
    return { chats: all.slice(offset, offset + limit).map(chatView), total: all.length };
  }

  // Newest first; `before` is the key of the oldest message of the page before.
  async function history({ chat: address, before, limit }) {
    ready();
    const chat = chatFor(address);
    if (before && text(store().MsgKey.fromString(before).remote) !== text(chat.id)) {
      throw new Refusal('unknown_message', 'the cursor is not of this chat');
    }
    const options = { count: limit, direction: 'before', ...(before && { id: before }) };
    const page = await window.WPP.chat.getMessages(text(chat.id), options);
    const here = before ? [] : chat.msgs.getModelsArray();
    const loaded = new Set(here.map((msg) => keyOf(msg).id));
    // What is not loaded is older: stamps are whole seconds, so only the place keeps the order within one.
    const found = [...page.filter((msg) => !loaded.has(keyOf(msg).id)), ...here];
    const sorted = found.sort((a, b) => a.t - b.t).slice(-limit).reverse();
    const last = sorted.at(-1);
    return { messages: sorted.map(message), next: sorted.length === limit ? String(keyOf(last)) : null };
  }

  // --- people -----------------------------------------------------------------------------------------------------

  async function contacts() {
    ready();
    const all = await window.WPP.contact.list();
    return all.filter((contact) => /@(c\.us|lid)$/.test(text(contact.id))).map((contact) => ({
      id: text(contact.id), number: digits(contact.id), name: contact.name ?? null, pushName: contact.pushname ?? null,
      verifiedName: contact.verifiedName ?? null, isMyContact: Boolean(contact.isMyContact),
      isBusiness: Boolean(contact.isBusiness), isBlocked: isBlocked(contact.id) || Boolean(contact.isContactBlocked),
      isMe: Boolean(contact.isMe),
    }));
  }

  async function existing(number) {
    ready();
    const address = personOf(number);
    if (text(address).endsWith('@g.us')) return address;
    const found = await store().functions.queryWidExists(address);
    if (!found) throw new Refusal('unknown_contact', 'this number is not on WhatsApp');
    return address;
  }

  async function picture({ contact }) {
    const url = await window.WPP.contact.getProfilePictureUrl(text(await existing(contact)));
    return { url: url ?? null };
  }

  async function about({ contact }) {
    return { about: (await window.WPP.contact.getStatus(text(await existing(contact)))) ?? null };
  }

  async function block({ contact, blocked }) {
    const address = text(await existing(contact));
    const { blocklist } = window.WPP;
    await (blocked ? blocklist.blockContact(address) : blocklist.unblockContact(address));
    return { blocked };
  }

  async function labels() {
    ready();
    if (!window.WPP.profile.isBusiness()) throw new Refusal('not_business', 'only business accounts have labels');
    const all = await window.WPP.labels.getAllLabels();
    return all.map(({ id, name, hexColor, count }) => ({
      id: String(id), name: String(name), color: hexColor ?? null, count: Number(count ?? 0),
    }));
  }

  // --- groups -----------------------------------------------------------------------------------------------------

  async function metadata(address) {
    ready();
    if (!address.endsWith('@g.us')) throw new Refusal('unknown_chat', 'this is no group');
    const found = await store().GroupMetadataStore.find(wid(address)).catch(() => undefined);
    if (!found || wasLeft(found)) throw new Refusal('unknown_chat', 'this account is in no such group');
    return found;
  }

  const groupView = (group) => ({
    id: text(group.id), subject: group.subject ?? '', description: group.desc ?? null,
    owner: group.owner ? digits(group.owner) : null, createdAt: Number(group.creation ?? 0),
    isAdmin: Boolean(group.participants?.iAmAdmin?.()), size: Number(group.participants?.length ?? group.size ?? 0),
  });

  const fullView = (group) => ({
    ...groupView(group),
    participants: group.participants.map((one) => ({
      number: digits(one.id), id: text(one.id), isAdmin: Boolean(one.isAdmin || one.isSuperAdmin),
      isOwner: Boolean(one.isSuperAdmin),
    })),
  });

  async function groups() {
    ready();
    const all = store().ChatStore.getModelsArray().filter(isGroup);
    const found = await Promise.all(all.map((chat) => store().GroupMetadataStore.find(chat.id).catch(() => null)));
    return found.filter((one) => one && !wasLeft(one)).map(groupView);
  }

  const group = async ({ group: address }) => fullView(await metadata(address));

  const THERE = 409; // who is to be added is in it
  const invited = (answers) => Object.entries(answers).map(([id, answer]) => ({
    number: digits(id), added: !answer?.error && (Number(answer?.code ?? 200) < 400 || Number(answer.code) === THERE),
    inviteCode: answer?.invite_code ?? null,
  }));

  async function groupCreate({ subject, numbers }) {
    ready();
    const made = await allowed(() => window.WPP.group.create(subject, numbers.map((number) => text(personOf(number)))));
    return { id: text(made.gid), subject, participants: invited(made.participants ?? {}) };
  }

  const CHANGES = {
    add: 'addParticipants', remove: 'removeParticipants', promote: 'promoteParticipants', demote: 'demoteParticipants',
  };

  async function administered(address) {
    const found = await metadata(address);
    if (!found.participants?.iAmAdmin?.()) throw new Refusal('not_allowed', 'only an admin of the group may do that');
    return found;
  }

  async function groupMembers({ group: address, action, numbers }) {
    await administered(address);
    const people = numbers.map((number) => text(personOf(number)));
    const answer = await allowed(() => window.WPP.group[CHANGES[action]](address, people));
    const refused = action === 'add' ? invited(answer ?? {}).filter(({ added }) => !added) : [];
    return { ...fullView(await metadata(address)), refused };
  }

  async function groupSubject({ group: address, subject }) {
    const found = await metadata(address);
    if (found.canSetSubject && !found.canSetSubject()) throw new Refusal('not_allowed', 'only an admin may rename it');
    await allowed(() => window.WPP.group.setSubject(address, subject));
    return groupView(await metadata(address));
  }

  async function groupInvite({ group: address, renew }) {
    await administered(address);
    const { getInviteCode, revokeInviteCode } = window.WPP.group;
    const answer = await allowed(() => (renew ? revokeInviteCode(address) : getInviteCode(address)));
    const code = String(answer?.code ?? answer);
    return { code, link: `https://chat.whatsapp.com/${code}` };
  }

  async function groupLeave({ group: address }) {
    await metadata(address);
    await window.WPP.group.leave(address);
  }

  return {
    chats, history, contacts, picture, about, block, labels, groups, group, groupCreate, groupMembers, groupSubject,
    groupInvite, groupLeave,
    setAbout: async ({ text: words }) => { ready(); await window.WPP.profile.setMyStatus(words); },
  };
});
