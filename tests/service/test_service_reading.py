"""What the page knows of chats, people and groups, asked over REST of a whole service."""

import base64
import time
from typing import Any

import pytest

from tests.service.house import API, until

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

    async def told():
        theirs = [entry for entry in await client.ledger() if entry["from"] == FRIEND]
        return len(theirs) == 5 and all(entry["acks"][-1]["ack"] == 3 for entry in theirs)

    await until("who wrote is told that all of it was read", told)
    assert await refused(client, "GET", f"{base}/491711111111/messages") == (404, "unknown_chat")


async def test_history_is_read_whole_and_in_order_though_all_of_it_has_one_stamp(house):
    client = house.client
    t = int(time.time()) - 3600
    written = [
        (await client.phone(f"{PHONE}/messages", {"from": FRIEND, "text": f"number {number}", "t": t}))["id"]
        for number in range(30)
    ]
    session_id = await client.linked("1", "2", PHONE)  # a login brings the last 20
    read, cursor = [], ""
    while cursor is not None:
        path = f"{API}/{session_id}/chats/{FRIEND}/messages?limit=25"
        part = await client.ok("GET", f"{path}&cursor={cursor}" if cursor else path)
        read += [one["messageId"] for one in part["messages"]]
        cursor = part["next"]
    assert read == written[::-1]
    other = await client.write(PHONE, SECOND, "somebody else")
    await client.received(session_id, other)
    elsewhere = f"{API}/{session_id}/chats/{SECOND}/messages?cursor=false_{FRIEND}@c.us_{written[9]}"
    assert await refused(client, "GET", elsewhere) == (404, "unknown_message")


async def test_typing_recording_and_presence_are_what_whatsapp_is_shown(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)

    async def shown():
        async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as answer:
            return await answer.json()

    async def typed(state: str, as_shown: str) -> None:
        path = f"{API}/{session_id}/chats/{FRIEND}/typing"
        assert (await client.call("POST", path, {"state": state}))[0] == 204

        async def seen():
            return (await shown())["chatstates"] == {f"{FRIEND}@c.us": as_shown}

        await until(state, seen)

    for state, as_shown in (("composing",) * 2, ("recording",) * 2, ("paused", "available")):
        await typed(state, as_shown)
    for available in (False, True):
        body = {"available": available}
        assert (await client.call("PUT", f"{API}/{session_id}/presence", body))[0] == 204

        async def online(wanted=available):
            return (await shown())["available"] is wanted

        await until("presence", online)


async def test_who_is_not_to_be_seen_is_not_shown_by_heartbeats_either_nor_after_a_new_start(open_house):
    client = (await open_house(heartbeat_interval=0.3)).client
    session_id = await client.linked("1", "2", PHONE)
    presence = f"{API}/{session_id}/presence"

    async def online(wanted: bool) -> None:
        async def shown():
            async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as answer:
                return (await answer.json())["available"] is wanted

        await until(f"available is {wanted}", shown)

    async def beats(count: int) -> None:
        for _ in range(count):
            last = (await client.session(session_id))["lastSeen"]

            async def later(last=last):
                return (await client.session(session_id))["lastSeen"] != last

            await until("a heartbeat", later)

    await online(True)
    assert (await client.call("PUT", presence, {"available": False}))[0] == 204
    await beats(2)
    await online(False)
    await client.ok("POST", f"{API}/{session_id}/restart")
    await client.status(session_id, "ready")
    await beats(2)
    await online(False)
    assert (await client.call("PUT", presence, {"available": True}))[0] == 204
    await beats(2)
    await online(True)


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


async def test_who_is_known_by_lid_only_is_known_by_number_too(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    hidden = {"from": FRIEND, "text": "hello", "lid": True}
    arrived = (await client.phone(f"{PHONE}/messages", hidden))["id"]
    await client.received(session_id, arrived)
    contact = f"{API}/{session_id}/contacts/{FRIEND}"
    found = await client.ok("GET", contact)
    assert (found["name"], found["isBlocked"]) == (f"Phone {FRIEND[-4:]}", False)
    await client.ok("POST", f"{contact}/block")
    assert (await client.ok("GET", contact))["isBlocked"] is True
    listed = await client.ok("GET", f"{API}/{session_id}/contacts?q={FRIEND}")
    assert [each["isBlocked"] for each in listed["contacts"]] == [True] * listed["total"]
    history = await client.ok("GET", f"{API}/{session_id}/chats/{FRIEND}/messages")
    assert [each["messageId"] for each in history["messages"]] == [arrived]


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

    async def left():
        return (await client.ok("GET", base))["groups"] == []

    await until("it is no group of ours", left)
    unsent = await client.ok(
        "POST", f"{API}/{session_id}/messages?wait=20", {"to": made["id"], "text": "still there?"}
    )
    assert (unsent["status"], unsent["error"].partition(":")[0]) == ("failed", "not_allowed")
    change = {"action": "add", "participants": [SECOND]}
    assert await refused(client, "POST", f"{one}/participants", change) == (404, "unknown_chat")
    assert await refused(client, "GET", f"{base}/120363999999999999@g.us") == (404, "unknown_chat")


async def test_what_cannot_be_done_in_a_group_is_refused_in_words_and_what_is_so_already_is_fine(house):
    client = house.client
    mine = await client.linked("1", "2", PHONE)
    theirs = await client.linked("2", "2", SECOND)
    body = {"subject": "Team", "participants": [SECOND, FRIEND]}
    made = await client.ok("POST", f"{API}/{mine}/groups", body)
    ours, others = (f"{API}/{one}/groups/{made['id']}" for one in (mine, theirs))

    async def change(action: str, number: str) -> tuple[int, str]:
        path = f"{ours}/participants"
        status, answer = await client.call("POST", path, {"action": action, "participants": [number]})
        return status, answer.get("code")

    for action in ("demote", "promote", "promote", "remove"):
        assert await change(action, FRIEND) == (200, None)
    for action in ("remove", "promote", "demote"):
        assert await change(action, FRIEND) == (404, "unknown_contact")
    assert await change("remove", PHONE) == (409, "not_allowed")
    nobody = {"subject": "Nobody", "participants": [SECOND, "99912345678"]}
    assert await refused(client, "POST", f"{API}/{mine}/groups", nobody) == (404, "unknown_contact")
    body = {"action": "add", "participants": [FRIEND, SECOND, "99912345678"]}
    changed = await client.ok("POST", f"{ours}/participants", body)
    assert {each["number"] for each in changed["participants"]} == {PHONE, SECOND, FRIEND}
    unknown = {"number": "99912345678", "added": False, "inviteCode": None}
    assert changed["refused"] == [unknown]
    more = await client.ok("POST", f"{API}/{mine}/groups", nobody)  # which the page has as a contact by now
    assert [each for each in more["participants"] if not each["added"]] == [unknown]
    assert await change("remove", FRIEND) == (200, None)

    async def there():
        return (await client.call("GET", others))[0] == 200

    await until("they know of it", there)
    for method, path, body in (
        ("PUT", "subject", {"subject": "Mine"}),
        ("POST", "invite", {}),
        ("POST", "participants", {"action": "add", "participants": [FRIEND]}),
    ):
        assert await refused(client, method, f"{others}/{path}", body) == (409, "not_allowed")


async def test_in_a_group_an_admin_deletes_others_messages_for_everyone_and_nobody_else_does(house):
    client = house.client
    mine = await client.linked("1", "2", PHONE)
    theirs = await client.linked("2", "2", SECOND)
    made = await client.ok("POST", f"{API}/{mine}/groups", {"subject": "Team", "participants": [SECOND]})
    send = "messages?wait=20"
    by_me = await client.ok("POST", f"{API}/{mine}/{send}", {"to": made["id"], "text": "mine"})
    await client.received(theirs, by_me["waMessageId"])
    by_them = await client.ok("POST", f"{API}/{theirs}/{send}", {"to": made["id"], "text": "theirs"})
    await client.received(mine, by_them["waMessageId"])

    async def revoked(session_id: str, message: str) -> str:
        path = f"{API}/{session_id}/messages/{message}/revoke?wait=20"
        return (await client.ok("POST", path))["status"]

    async def read(session_id: str) -> list[str]:
        history = await client.ok("GET", f"{API}/{session_id}/chats/{made['id']}/messages")
        return [one["type"] for one in history["messages"]]

    assert await revoked(theirs, by_me["waMessageId"]) == "failed"
    assert await read(theirs) == ["chat", "chat"], "a refusal deletes it nowhere"
    assert await revoked(mine, by_them["waMessageId"]) in ("sent", "delivered", "read")

    async def gone():
        return await read(theirs) == await read(mine) == ["revoked", "chat"]

    await until("it is gone on both sides", gone)

    async def journaled():
        return [(one["type"], one["body"]) for one in await client.incoming(mine)] == [("revoked", "")]

    await until("and in the journal", journaled)


async def test_labels_are_for_business_accounts_only(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    assert await refused(client, "GET", f"{API}/{session_id}/labels") == (409, "not_business")
    await client.phone(f"{SECOND}/profile", {"business": True, "labels": ["new customer", "paid"]})
    business = await client.linked("2", "2", SECOND)
    labels = (await client.ok("GET", f"{API}/{business}/labels"))["labels"]
    assert [one["name"] for one in labels] == ["new customer", "paid"]
    assert await refused(client, "GET", f"{API}/user_9_wa_9/labels") == (404, "unknown_session")
