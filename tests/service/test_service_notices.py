"""What others do to messages, their votes and calls, as a program outside hears it; and what is not heard."""

import pytest

from tests.service.house import API, until

PHONE = "491510000001"
FRIEND = "491769999999"
pytestmark = [pytest.mark.browser]


async def test_edits_revokes_reactions_votes_and_calls_are_events(house):
    client = house.client
    await house.listen()
    session_id = await client.linked("1", "2", PHONE)
    mine = await client.send(session_id, FRIEND, "look")
    await client.delivered(session_id, mine["messageId"])
    poll = await client.ok(
        "POST",
        f"{API}/{session_id}/messages?wait=20",
        {"to": FRIEND, "poll": {"question": "Tea?", "options": ["yes", "no"]}},
    )
    theirs = await client.write(PHONE, FRIEND, "teh answer")
    await house.heard("message:received", id=theirs)
    base = {"from": FRIEND}
    await client.phone(f"{PHONE}/edit", {**base, "message": theirs, "text": "the answer"})
    edited = await house.heard("message:edited", id=theirs)
    assert (edited["from"], edited["body"], edited["fromMe"]) == (FRIEND, "the answer", False)
    assert edited["chatId"] == f"{FRIEND}@c.us"
    await client.phone(f"{PHONE}/react", {**base, "message": mine["waMessageId"], "text": "👍"})
    assert (await house.heard("message:reaction", id=mine["waMessageId"]))["emoji"] == "👍"
    await client.phone(f"{PHONE}/vote", {**base, "message": poll["waMessageId"], "options": ["no"]})
    vote = await house.heard("poll:vote", id=poll["waMessageId"])
    assert (vote["from"], vote["options"]) == (FRIEND, ["no"])
    call = await client.phone(f"{PHONE}/call", {**base, "video": True})
    heard = await house.heard("call", id=call["id"])
    assert (heard["from"], heard["isVideo"], heard["isGroup"]) == (FRIEND, True, False)
    await client.phone(f"{PHONE}/revoke", {**base, "message": theirs})
    assert (await house.heard("message:revoked", id=theirs))["fromMe"] is False
    names = ("message:edited", "message:reaction", "poll:vote", "call", "message:revoked")
    assert sorted(house.names(*names)) == sorted(names), "each once"


async def test_groups_are_not_heard_when_they_are_to_be_ignored(open_house):
    house = await open_house(ignore_groups=True)
    client = house.client
    await house.listen()
    session_id = await client.linked("1", "2", PHONE)
    group = await client.ok(
        "POST", f"{API}/{session_id}/groups", {"subject": "Team", "participants": [FRIEND]}
    )
    unheard = await client.phone(f"{PHONE}/messages", {"from": FRIEND, "text": "all", "group": group["id"]})
    heard = await client.write(PHONE, FRIEND, "you")
    await house.heard("message:received", id=heard)

    async def in_page():
        history = await client.ok("GET", f"{API}/{session_id}/chats/{group['id']}/messages")
        return unheard["id"] in [one["messageId"] for one in history["messages"]]

    await until("the page has it", in_page)
    assert [one["waMessageId"] for one in await client.incoming(session_id)] == [heard]
