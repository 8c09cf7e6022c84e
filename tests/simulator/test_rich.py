"""Media, cards, polls, replies, reactions, edits, deletes and groups, from page to page."""

import base64
import io
import wave

import pytest

from .conftest import MINE, OTHER, OUTSIDE, Phones, link
from .devtools import Tab

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def friend(linked: Tab, simulator, devtools, phones: Phones) -> Tab:
    """A second page, linked to OTHER."""
    tab = await devtools.tab(simulator.url)
    await link(tab, phones, OTHER)
    return tab


def second_of_sound() -> str:
    """A WAV file as a data URL."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes((i * 7) % 256 for i in range(8000)))
    return f"data:audio/wav;base64,{base64.b64encode(buffer.getvalue()).decode()}"


async def received(friend: Tab, kind: str) -> str:
    """The key of the first message of this type that the friend got."""
    return (await friend.event("chat.new_message", type=kind))["id"]


DOWNLOAD = "WPP.chat.downloadMedia('{}').then((blob) => [blob.size, blob.type])"


async def test_an_image_arrives_with_its_bytes_and_caption(linked: Tab, friend: Tab):
    sent = await linked.run(
        f"WPP.chat.sendFileMessage('{OTHER}@c.us', '{PNG}', {{type: 'image', caption: 'A dot'}})"
    )
    assert (sent["ack"], sent["sendMsgResult"]["messageSendResult"]) == (1, "OK")
    key = await received(friend, "image")
    assert await friend.run(DOWNLOAD.format(key)) == [70, "image/png"]
    assert await friend.run(f"WPP.chat.getMessageById('{key}').then((msg) => msg.caption)") == "A dot"


async def test_a_voice_message_can_be_played_which_is_ack_4(linked: Tab, friend: Tab, phones: Phones):
    options = "{type: 'audio', isPtt: true}"
    await linked.run(f"WPP.chat.sendFileMessage('{OTHER}@c.us', '{second_of_sound()}', {options})")
    key = await received(friend, "ptt")
    assert await friend.run(f"WPP.chat.getMessageById('{key}').then((msg) => msg.waveform.length)") == 64
    await friend.run(f"WPP.chat.markPlayed('{key}').then(() => 1)")
    await linked.event("chat.msg_ack_change", ack=4)
    assert (await phones.ledger())[0]["acks"][-1]["ack"] == 4


async def test_a_phone_sends_media_and_a_missing_file_is_an_error(linked: Tab, phones: Phones):
    data = base64.b64encode(b"hello").decode()
    media = {"data": data, "mimetype": "text/plain", "filename": "a.txt"}
    answer = await phones.post(MINE, "messages", 201, **{"from": OUTSIDE}, media=media)
    key = await received(linked, "document")
    assert key.endswith(answer["id"])
    assert await linked.run(DOWNLOAD.format(key)) == [5, "text/plain"]


async def test_location_card_and_poll_keep_their_fields(linked: Tab, friend: Tab):
    to = f"'{OTHER}@c.us'"
    await linked.run(f"WPP.chat.sendLocationMessage({to}, {{lat: 1.5, lng: 2.5, name: 'Here'}})")
    await linked.run(f"WPP.chat.sendVCardContactMessage({to}, {{id: '{OUTSIDE}@c.us', name: 'Zoe'}})")
    await linked.run(f"WPP.chat.sendCreatePollMessage({to}, 'Tea?', ['yes', 'no'])")
    key = await received(friend, "location")
    assert await friend.run(
        f"(({{lat, lng, loc}}) => [lat, lng, loc])(WPP.whatsapp.MsgStore.get('{key}'))"
    ) == [
        1.5,
        2.5,
        "Here",
    ]
    key = await received(friend, "vcard")
    assert f"waid={OUTSIDE}" in await friend.run(f"WPP.whatsapp.MsgStore.get('{key}').body")
    key = await received(friend, "poll_creation")
    assert await friend.run(f"WPP.whatsapp.MsgStore.get('{key}').pollOptions.map(({{name}}) => name)") == [
        "yes",
        "no",
    ]


async def test_reply_reaction_edit_and_revoke_reach_the_other_page(linked: Tab, friend: Tab):
    base = (await linked.run(f"WPP.chat.sendTextMessage('{OTHER}@c.us', 'base')"))["id"]
    theirs = await received(friend, "chat")
    reply = f"WPP.chat.sendTextMessage('{MINE}@c.us', 'reply', {{quotedMsg: '{theirs}'}})"
    answer = (await friend.run(reply))["id"].replace("true_", "false_", 1).replace(MINE, OTHER)
    await linked.event("chat.new_message", id=answer)
    assert await linked.run(f"String(WPP.whatsapp.MsgStore.get('{answer}').quotedMsgId)") == base
    await friend.run(f"WPP.chat.sendReactionToMessage('{theirs}', '+')")
    reaction = await linked.event("chat.new_reaction")
    assert (reaction["reactionText"], reaction["msgId"]["_serialized"]) == ("+", base)
    await linked.run(f"WPP.chat.editMessage('{base}', 'better').then(() => 1)")
    await friend.event("chat.msg_edited")
    assert await friend.run(f"WPP.whatsapp.MsgStore.get('{theirs}').body") == "better"
    await linked.run(f"WPP.chat.deleteMessage('{OTHER}@c.us', '{base}', true, true)")
    await friend.event("chat.msg_revoke")
    assert await friend.run(f"WPP.whatsapp.MsgStore.get('{theirs}').type") == "revoked"
    assert (linked.errors, friend.errors) == ([], [])


async def test_a_message_deleted_for_me_is_gone_here_only(linked: Tab, friend: Tab):
    base = (await linked.run(f"WPP.chat.sendTextMessage('{OTHER}@c.us', 'base')"))["id"]
    theirs = await received(friend, "chat")
    result = await linked.run(f"WPP.chat.deleteMessage('{OTHER}@c.us', '{base}')")
    assert (result["isDeleted"], result["isRevoked"]) == (True, False)
    assert await friend.run(f"WPP.whatsapp.MsgStore.get('{theirs}').body") == "base"


async def test_a_group_is_made_written_to_changed_and_left(linked: Tab, friend: Tab, phones: Phones):
    group = await linked.run(f"WPP.group.create('Team', ['{OTHER}@c.us']).then(({{gid}}) => String(gid))")
    await friend.event("group.participant_changed", operation="add")
    sent = await linked.run(f"WPP.chat.sendTextMessage('{group}', 'to all')")
    message = await friend.event("chat.new_message", type="chat")
    assert message["from"] == group
    assert await friend.run(f"String(WPP.whatsapp.MsgStore.get('{message['id']}').author)") == f"{MINE}@c.us"
    await linked.event("chat.msg_ack_change", ack=2)
    assert await linked.run(f"WPP.chat.getMessageById('{sent['id']}').then((msg) => msg.ack)") == 2
    await linked.run(f"WPP.group.addParticipants('{group}', ['{OUTSIDE}@c.us'])")
    await linked.run(f"WPP.group.promoteParticipants('{group}', ['{OTHER}@c.us']).then(() => 1)")
    await linked.run(f"WPP.group.removeParticipants('{group}', ['{OUTSIDE}@c.us']).then(() => 1)")
    members = f"WPP.group.getParticipants('{group}').then((all) => all.map((p) => [p.id.user, p.isAdmin]))"
    assert await linked.run(members) == [[MINE, True], [OTHER, True]]
    await linked.run(f"WPP.group.setSubject('{group}', 'Team 2')")
    await friend.until(f"WPP.chat.get('{group}').formattedTitle === 'Team 2'")
    await friend.run(f"WPP.group.leave('{group}').then(() => 1)")
    await linked.until(f"WPP.chat.get('{group}').groupMetadata.participants.length === 1")
    assert (linked.errors, friend.errors) == ([], [])
