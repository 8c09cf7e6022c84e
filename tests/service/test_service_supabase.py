import asyncio
from datetime import UTC, datetime

import pytest

from actors import tree
from actors.durable import AddMirrorChanges, MirrorChange, SetAsideMirrorChanges
from actors.messages import AccountChanges, RecordIncoming, SaveAccount, UpdateAccount
from actors.model import Account, IncomingMessage
from tests.service.house import API, until
from tests.supabase.postgrest import KEY, Postgrest
from wahook.asking import write
from wahook.journal import open_journal

PHONE = "491510000001"
FRIEND = "491769999999"

pytestmark = [pytest.mark.browser]


@pytest.fixture
async def postgrest():
    server = Postgrest()
    await server.start()
    yield server
    await server.stop()


def settings(postgrest):
    return {"supabase_url": postgrest.url, "supabase_service_key": KEY, "heartbeat_interval": 1}


async def test_supabase_follows_a_sessions_life_and_an_outage_costs_it_nothing(open_house, postgrest):
    house = await open_house(**settings(postgrest))
    client = house.client
    session_id = await client.create("1", "2")
    await client.status(session_id, "qr")
    await until("a sign of life", lambda: connected(client, True))
    assert [one for one in postgrest.requests if one[0] != "GET"] == [], "nothing is written at a code"

    await client.link(session_id, PHONE)
    row = await until("the account's row", lambda: account(postgrest, status="ready"))
    assert (row["id"], row["user_id"], row["session_id"]) == ("2", "1", session_id)
    assert row["phone_number"] == PHONE
    await until("a heartbeat", lambda: account(postgrest, beats=True))

    first = await client.send(session_id, FRIEND, "before")
    await client.delivered(session_id, first["messageId"])
    await until("the message", lambda: message(postgrest, first["waMessageId"], "read"))

    await postgrest.stop()
    await until("that it is away", lambda: connected(client, False))
    out = [await client.send(session_id, FRIEND, f"meanwhile {number}") for number in range(5)]
    arrived = [await client.write(PHONE, FRIEND, f"and back {number}") for number in range(5)]
    for one in out:
        await client.delivered(session_id, one["messageId"])
    status, health = await client.call("GET", "/api/health")
    assert (status, health["status"]) == (200, "healthy"), "the service does its job without its mirror"

    await postgrest.start()
    for one in out:
        await until("what was sent", lambda one=one: message(postgrest, one["waMessageId"], "read"))
    for one in arrived:
        await until("what arrived", lambda one=one: message(postgrest, one, None))
    there = [one for one in postgrest.rows("messages", "wa_message_id") if one in client.sent]
    assert there == client.sent
    assert sorted(postgrest.rows("messages", "wa_message_id")) == sorted(client.sent + arrived)

    await client.phone(f"{PHONE}/unlink")
    await client.status(session_id, "error")
    row = await until("the loss", lambda: account(postgrest, status="error"))
    assert row["error_message"] == "LOGOUT"
    await client.ok("DELETE", f"{API}/{session_id}")
    await until("the end", lambda: nothing_left(postgrest))


async def test_a_session_that_only_supabase_knows_can_be_started(open_house, postgrest):
    known = {"id": "9", "user_id": "8", "session_id": "user_8_wa_9", "status": "ready", "phone_number": PHONE}
    postgrest.tables["whatsapp_accounts"].append(known)
    house = await open_house(**settings(postgrest))

    async def listed():
        return (await house.client.ok("GET", API))["sessions"]

    (session,) = await until("the session", listed)
    assert (session["sessionId"], session["status"], session["userId"]) == ("user_8_wa_9", "stopped", "8")
    await house.client.ok("POST", f"{API}/user_8_wa_9/start")
    await house.client.status("user_8_wa_9", "qr")


def lived(data):
    """A journal with a past, in which nothing was mirrored; its messages' ids."""
    data.mkdir(mode=0o700)
    with open_journal(f"sqlite:///{data}/wahook.db") as journal:
        journal.writer.write([SaveAccount(Account("user_1_wa_2", "1", "2", desired=False))])
        known = AccountChanges(phone_number=PHONE, connected_at=datetime.now(UTC))
        journal.writer.write([UpdateAccount("user_1_wa_2", known)])
        ids = [f"3EB0{number}" for number in range(20)]
        came = (IncomingMessage(one, f"{FRIEND}@c.us", FRIEND, "hi", "chat", 1_767_268_800) for one in ids)
        journal.writer.write([RecordIncoming("user_1_wa_2", tuple(came))])
    return ids


async def test_a_mirror_that_is_set_up_later_is_given_what_there_was(open_house, postgrest, tmp_path):
    ids = lived(tmp_path / "data")
    house = await open_house(**settings(postgrest))
    client = house.client

    async def copied():
        state = await client.ok("GET", "/api/mirror")
        return postgrest.tables["messages"] and not state["open"] and not state["copying"] and state

    state = await until("all of it", copied)
    assert (state["configured"], state["connected"], state["setAside"]) == (True, True, 0)
    assert postgrest.rows("messages", "wa_message_id") == ids
    assert (await account(postgrest))["phone_number"] == PHONE

    await set_aside(house, ids[7])
    postgrest.tables["messages"].clear()
    assert 'wahook_mirror_changes{state="set_aside"} 1' in await client.ok("GET", "/metrics")
    (aside,) = (await client.ok("GET", "/api/mirror/set-aside"))["changes"]
    assert (aside["key"], aside["sessionId"], aside["error"]) == (ids[7], "user_1_wa_2", "HTTP 400 22P05")
    assert await client.ok("POST", "/api/mirror/retry") == {"retried": 1}

    async def tried_again():
        return postgrest.rows("messages", "wa_message_id") == [ids[7]]

    await until("the one that was refused", tried_again)


async def set_aside(house, wa_message_id):
    """As if Supabase had refused this message three times."""
    writer = house.service.system.handle(tree.WRITER)
    place = {"session": "user_1_wa_2", "direction": "in"}
    change = MirrorChange("message", wa_message_id, place)
    every = tuple(range(2, 1000))  # the first is the copy
    refused = AddMirrorChanges((change,)), SetAsideMirrorChanges(every, "HTTP 400 22P05")
    await asyncio.gather(*(write(writer, one, 10) for one in refused))


async def test_without_a_mirror_the_next_one_is_given_everything(open_house, postgrest, tmp_path):
    lived(tmp_path / "data")
    first = await open_house(**settings(postgrest))
    queues = first.service._journal.queues

    async def copied():
        return queues.copied() and queues.count_changes() == (0, 0)

    await until("the copy", copied)
    await asyncio.to_thread(first.service.stop)
    plain = await open_house()
    assert not plain.service._journal.queues.copied()
    assert (await plain.client.ok("GET", "/api/mirror"))["configured"] is False
    assert (await plain.client.call("POST", "/api/mirror/copy"))[0] == 409


async def connected(client, wanted):
    found = (await client.call("GET", "/api/health"))[1]["supabase"]
    return found["connected"] is wanted and (not wanted or found["age"] < 60)


async def account(postgrest, status=None, *, beats=False):
    for row in postgrest.tables["whatsapp_accounts"]:
        if status in (None, row.get("status")) and (not beats or row.get("last_check")):
            return row
    return None


async def message(postgrest, wa_message_id, status):
    return (wa_message_id, status) in postgrest.rows("messages", "wa_message_id", "status")


async def nothing_left(postgrest):
    return not any(postgrest.tables.values())
