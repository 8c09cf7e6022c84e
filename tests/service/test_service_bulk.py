"""Many at once, later, with typing first; what arrives too often; files fetched at once."""

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.service.house import API, until

PHONE = "491510000001"
FRIEND = "491769999999"
pytestmark = [pytest.mark.browser]


async def test_a_bulk_send_goes_out_once_in_order_and_shows_its_progress(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    url = f"{API}/{session_id}/messages/bulk"
    some = [{"to": f"4917600{number:05}", "text": "news"} for number in range(150)]
    some[7] = some[6]  # a duplicate
    some[9] = {"to": "99900000001", "text": "news"}  # not on WhatsApp
    some[11] = {"to": FRIEND, "text": "about nothing", "replyTo": "msg_00000000"}
    key = {"Idempotency-Key": "newsletter-1"}
    answer = await client.ok("POST", url, {"messages": some}, **key)
    assert (answer["accepted"], answer["refused"]) == (148, 2)
    assert {one["index"]: one["code"] for one in answer["messages"] if not one["accepted"]} == {
        7: "duplicate",
        11: "unknown_message",
    }
    again = await client.ok("POST", url, {"messages": some}, **key)
    assert again["batchId"] == answer["batchId"]
    assert [one["messageId"] for one in again["messages"]] == [one["messageId"] for one in answer["messages"]]

    async def done():
        found = await client.ok("GET", f"{url}/{answer['batchId']}")
        return found if found["done"] == found["total"] else None

    found = await until("all decided", done)
    assert (found["total"], found["counts"]["failed"]) == (148, 1)
    ledger = sorted(await client.ledger(), key=lambda entry: entry["at"])
    wanted = [one["to"] for number, one in enumerate(some) if number not in (7, 9, 11)]
    assert [entry["to"] for entry in ledger if entry["from"] == PHONE] == wanted
    assert {entry["count"] for entry in ledger} == {1}


async def test_a_scheduled_message_survives_a_restart_and_can_be_cancelled_until_then(open_house):
    house = await open_house()
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    soon = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    kept = await client.send(session_id, FRIEND, "soon", sendAt=soon)
    cancelled = await client.send(session_id, FRIEND, "never", sendAt=later)
    assert (kept["status"], cancelled["status"]) == ("scheduled", "scheduled")
    await asyncio.to_thread(house.service.stop)
    again = (await open_house()).client
    path = f"{API}/{session_id}/messages/{cancelled['messageId']}"
    assert (await again.ok("DELETE", path))["status"] == "cancelled"
    row = await again.delivered(session_id, kept["messageId"])
    assert row["sentAt"] >= kept["sendAt"]
    wire = await again.on_wire()
    assert (wire[kept["waMessageId"]], wire[cancelled["waMessageId"]]) == (1, 0)


async def test_the_answer_says_until_when_the_limit_holds_a_message_back(open_house):
    house = await open_house(session_rate_limit="2/minute")
    session_id = await house.client.create()
    rows = [await house.client.send(session_id, FRIEND, f"number {number}") for number in range(4)]
    assert [row["notBefore"] is None for row in rows] == [True, True, False, False]
    last = await house.client.message(session_id, rows[-1]["messageId"])
    wait = datetime.fromisoformat(last["notBefore"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < wait <= timedelta(seconds=60)


async def test_typing_is_shown_before_the_message_and_spends_no_attempt(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    friend = await client.linked("2", "2", "491510000002")
    began = time.monotonic()
    sent = await client.ok(
        "POST",
        f"{API}/{session_id}/messages?wait=20",
        {"to": "491510000002", "text": "let me think", "typing": 1.5},
    )
    assert time.monotonic() - began >= 1.5
    assert (sent["attempts"], sent["typing"]) == (1, 1.5)
    async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as answer:
        assert (await answer.json())["chatstates"] == {"491510000002@c.us": "composing"}
    assert (await client.on_wire())[sent["waMessageId"]] == 1
    await client.received(friend, sent["waMessageId"])
    assert len(await client.incoming(friend)) == 1


async def test_who_writes_too_often_is_asked_once_to_wait_and_loses_nothing(open_house):
    house = await open_house(incoming_rate_limit="3/minute", incoming_notice="Slowly, please.")
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    for number in range(8):
        await client.write(PHONE, FRIEND, f"number {number}")

    async def noticed():
        return [entry for entry in await client.ledger() if entry["body"] == "Slowly, please."]

    (notice,) = await until("the notice", noticed)
    assert (notice["to"], notice["count"]) == (FRIEND, 1)

    async def all_here():
        return len(await client.incoming(session_id)) == 8

    await until("all are journaled", all_here)
    assert len(await noticed()) == 1

    hidden = "491769999998"  # the page knows this person by LID only
    for number in range(4):
        await client.phone(f"{PHONE}/messages", {"from": hidden, "text": f"{number}", "lid": True})

    async def noticed_too():
        return [entry for entry in await noticed() if entry["to"] == hidden]

    await until("the second notice", noticed_too)


async def test_files_are_fetched_at_once_when_that_is_wanted(open_house):
    house = await open_house(media_download="always")
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    media = {"data": base64.b64encode(b"hello").decode(), "mimetype": "text/plain", "filename": "a.txt"}
    arrived = await client.phone(f"{PHONE}/messages", {"from": FRIEND, "media": media})
    store = house.service.settings.media_path

    async def here():
        return list(store.glob("media_*.json"))

    await until("the file is on the volume", here)
    await client.ok("POST", f"{API}/{session_id}/stop")
    url = f"{client.base}{API}/{session_id}/messages/{arrived['id']}/media"

    async def served():
        async with client.http.get(url, headers={"X-Api-Key": client.key}) as answer:
            return await answer.read() == b"hello" if answer.status == 200 else None

    await until("it is served without the page", served)


async def test_a_file_that_was_missed_is_fetched_after_a_restart_without_being_asked_for(open_house):
    house = await open_house()
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    media = {"data": base64.b64encode(b"hello").decode(), "mimetype": "text/plain"}
    arrived = await client.phone(f"{PHONE}/messages", {"from": FRIEND, "media": media})
    await client.received(session_id, arrived["id"])
    await asyncio.to_thread(house.service.stop)
    again = await open_house(media_download="always")

    async def here():
        return list(again.service.settings.media_path.glob("media_*.json"))

    await until("the file is on the volume", here)
