"""What others do to messages, their votes and calls, as a program outside hears it; and what is not heard."""

import time

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


async def test_what_was_changed_while_the_session_was_away_is_told_once_and_read_as_it_is(open_house):
    house = await open_house()
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    there = []
    for text, age in (("teh first", 5000), ("a secret", 5000), ("as it was", 0)):  # seconds: older ones, too
        body = {"from": FRIEND, "text": text, "t": int(time.time()) - age}
        there.append((await client.phone(f"{PHONE}/messages", body))["id"])

    async def journaled():
        return [one["waMessageId"] for one in await client.incoming(session_id)] == there

    await until("all are journaled", journaled)
    await client.ok("POST", f"{API}/{session_id}/stop")
    away = [await client.write(PHONE, FRIEND, text) for text in ("teh third", "never mind")]
    for message, text in ((there[0], "the first"), (away[0], "the third")):
        await client.phone(f"{PHONE}/edit", {"from": FRIEND, "message": message, "text": text})
    for message in (there[1], away[1]):
        await client.phone(f"{PHONE}/revoke", {"from": FRIEND, "message": message})
    await house.listen()
    last = []
    for _ in range(2):  # the second time nothing is new
        await client.ok("POST", f"{API}/{session_id}/start")
        await client.status(session_id, "ready")
        last.append(await client.write(PHONE, FRIEND, "that is all"))
        await house.heard("message:received", id=last[-1])
        await client.ok("POST", f"{API}/{session_id}/stop")
    names = ("message:received", "message:edited", "message:revoked")
    told = [(name, body["id"]) for name, body in house.events if name in names and body["id"] not in last]
    assert told == [
        ("message:received", away[0]),
        ("message:revoked", away[1]),  # nothing else is left of it
        ("message:edited", there[0]),
        ("message:revoked", there[1]),
    ]
    rows = {one["waMessageId"]: (one["type"], one["body"]) for one in await client.incoming(session_id)}
    assert {message: rows[message] for message in rows if message not in last} == {
        there[0]: ("chat", "the first"),
        there[1]: ("revoked", ""),
        there[2]: ("chat", "as it was"),
        away[0]: ("chat", "the third"),
        away[1]: ("revoked", ""),
    }


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
