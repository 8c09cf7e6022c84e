"""What the page knows of chats, people and groups, asked over REST of a whole service."""

import base64
from typing import Any

import pytest

from tests.service.house import API

PHONE = "491510000001"
FRIEND = "491769999999"
SECOND = "491510000002"
pytestmark = [pytest.mark.browser]


async def refused(client, method: str, path: str, body: Any = None) -> tuple[int, str]:
    status, problem = await client.call(method, path, body)
    return status, problem["code"]


async def test_chats_and_their_history_are_read_in_parts(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    base = f"{API}/{session_id}/chats"
    for number in range(5):
        await client.write(PHONE, FRIEND, f"number {number}")
    await client.write(PHONE, "491769999998", "somebody else")
    sent = await client.send(session_id, FRIEND, "the answer")
    await client.delivered(session_id, sent["messageId"])
    found = await client.ok("GET", base)
    assert found["total"] == 2
    first = found["chats"][0]
    assert (first["number"], first["isGroup"], first["lastMessage"]["body"]) == (FRIEND, False, "the answer")
    assert first["unread"] == 5
    assert len((await client.ok("GET", f"{base}?limit=1&offset=1"))["chats"]) == 1

    read, cursor = [], ""
    while cursor is not None:
        tail = f"&cursor={cursor}" if cursor else ""
        part = await client.ok("GET", f"{base}/{FRIEND}/messages?limit=4{tail}")
        read += part["messages"]
        cursor = part["next"]
    assert [one["body"] for one in read] == ["the answer", *(f"number {n}" for n in (4, 3, 2, 1, 0))]
    assert (read[0]["fromMe"], read[0]["messageId"]) == (True, sent["waMessageId"])
    assert await client.ok("POST", f"{base}/{FRIEND}/seen") == {"unread": 5}
    assert (await client.ok("GET", base))["chats"][0]["unread"] == 0
    assert (await client.call("POST", f"{base}/{FRIEND}/typing", {"state": "recording"}))[0] == 204
    assert (await client.call("PUT", f"{API}/{session_id}/presence", {"available": True}))[0] == 204
    assert await refused(client, "GET", f"{base}/491711111111/messages") == (404, "unknown_chat")


async def test_people_are_looked_up_blocked_and_remembered(house):
    client = house.client
    face = base64.b64encode(b"\xff\xd8\xff a face").decode()
    await client.phone(f"{SECOND}/profile", {"name": "Zoe", "about": "Counting", "picture": face})
    session_id = await client.linked("1", "2", PHONE)
    base = f"{API}/{session_id}"
    await client.received(session_id, await client.write(PHONE, SECOND, "hello"))
    contacts = (await client.ok("GET", f"{base}/contacts?q=zo"))["contacts"]
    assert [(one["number"], one["pushName"], one["isBlocked"]) for one in contacts] == [
        (SECOND, "Zoe", False)
    ]
    assert (await client.ok("GET", f"{base}/contacts/{SECOND}/about"))["about"] == "Counting"
    picture = await client.ok("GET", f"{base}/contacts/{SECOND}/picture")
    async with client.http.get(picture["url"]) as answer:
        assert await answer.read() == b"\xff\xd8\xff a face"
    assert (await client.ok("GET", f"{base}/contacts/{FRIEND}/picture"))["url"] is None
    assert await refused(client, "GET", f"{base}/contacts/99912345678/about") == (404, "unknown_contact")

    for number, exists in ((SECOND, True), ("99912345678", False)):
        for _ in range(2):
            assert (await client.ok("GET", f"{base}/contacts/{number}"))["exists"] is exists
    counts = house.service.page_cache.counts["number"]
    assert (counts.hits, counts.misses) == (2, 2)

    assert (await client.ok("POST", f"{base}/contacts/{SECOND}/block"))["blocked"] is True
    assert (await client.ok("GET", f"{base}/contacts/{SECOND}"))["isBlocked"] is True
    unheard = await client.phone(f"{PHONE}/messages", {"from": SECOND, "text": "are you there?"})
    assert (await client.ok("POST", f"{base}/contacts/{SECOND}/unblock"))["blocked"] is False
    heard = await client.write(PHONE, SECOND, "and now?")
    await client.received(session_id, heard)
    history = await client.ok("GET", f"{base}/chats/{SECOND}/messages")
    ids = [one["messageId"] for one in history["messages"]]
    assert heard in ids
    assert unheard["id"] not in ids
    assert (await client.call("PUT", f"{base}/about", {"about": "Away"}))[0] == 204
    assert (await client.ok("GET", f"{base}/contacts/{PHONE}/about"))["about"] == "Away"


async def test_groups_are_made_changed_written_to_and_left(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    base = f"{API}/{session_id}/groups"
    made = await client.ok("POST", base, {"subject": "Team", "participants": [FRIEND]})
    one = f"{base}/{made['id']}"
    group = await client.ok("GET", one)
    assert (group["subject"], group["isAdmin"], group["owner"]) == ("Team", True, PHONE)
    assert {each["number"]: each["isAdmin"] for each in group["participants"]} == {PHONE: True, FRIEND: False}
    for action, wanted in (
        ("add", {PHONE: True, FRIEND: False, SECOND: False}),
        ("promote", {PHONE: True, FRIEND: False, SECOND: True}),
        ("demote", {PHONE: True, FRIEND: False, SECOND: False}),
        ("remove", {PHONE: True, FRIEND: False}),
    ):
        change = {"action": action, "participants": [SECOND]}
        group = await client.ok("POST", f"{one}/participants", change)
        assert {each["number"]: each["isAdmin"] for each in group["participants"]} == wanted
    assert (await client.ok("PUT", f"{one}/subject", {"subject": "Team 2"}))["subject"] == "Team 2"
    codes = [(await client.ok("POST", f"{one}/invite", {"renew": renew}))["code"] for renew in (False, True)]
    assert codes[0] != codes[1]
    sent = await client.ok(
        "POST", f"{API}/{session_id}/messages?wait=20", {"to": made["id"], "text": "to all"}
    )
    assert sent["status"] in ("sent", "delivered", "read")
    assert (await client.on_wire())[sent["waMessageId"]] == 1
    assert [each["subject"] for each in (await client.ok("GET", base))["groups"]] == ["Team 2"]
    assert (await client.call("POST", f"{one}/leave"))[0] == 204
    status, code = await refused(
        client, "POST", f"{one}/participants", {"action": "add", "participants": [SECOND]}
    )
    assert status in (404, 409), code
    assert await refused(client, "GET", f"{base}/120363999999999999@g.us") == (404, "unknown_chat")


async def test_labels_are_for_business_accounts_only(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    assert await refused(client, "GET", f"{API}/{session_id}/labels") == (409, "not_business")
    await client.phone(f"{SECOND}/profile", {"business": True, "labels": ["new customer", "paid"]})
    business = await client.linked("2", "2", SECOND)
    labels = (await client.ok("GET", f"{API}/{business}/labels"))["labels"]
    assert [one["name"] for one in labels] == ["new customer", "paid"]
    assert await refused(client, "GET", f"{API}/user_9_wa_9/labels") == (404, "unknown_session")
