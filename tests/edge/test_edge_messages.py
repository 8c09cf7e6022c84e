"""Messages over REST: accepted once, listed, cancelled, retried."""

import asyncio
from datetime import UTC, datetime

import pytest

from actors.model import MessageStatus, Priority

SESSION = "/api/whatsapp/sessions/user_1_wa_2"
ALL = f"{SESSION}/messages"
TEXT = {"to": "+49 (170) 000-0003", "text": "Your table is booked."}


@pytest.fixture(autouse=True)
def ready(running):
    running.sessions.add("1", "2")
    running.sessions.add("1", "3")


async def send(client, expect=202, headers=None, **fields):
    async with client.post(ALL, json={**TEXT, **fields}, headers=headers) as answer:
        assert answer.status == expect, await answer.text()
        return await answer.json()


async def test_a_message_is_accepted_with_202_and_an_address_to_look_at(client):
    async with client.post(ALL, json=TEXT) as answer:
        body = await answer.json()
        assert answer.status == 202
    assert (body["to"], body["status"], body["direction"]) == ("491700000003", "queued", "out")
    assert body["body"] == "Your table is booked."
    async with client.get(answer.headers["Location"]) as again:
        assert await again.json() == body


async def test_what_was_asked_for_reaches_the_outbox(client, running):
    body = await send(client, priority="high", sendAt="2026-12-24T18:00:00+01:00")
    assert (body["status"], body["sendAt"]) == ("scheduled", "2026-12-24T17:00:00Z")
    assert running.messages.rows[body["messageId"]].priority is Priority.HIGH


@pytest.mark.parametrize(
    ("given", "meant"), [(1, "high"), (0, "default"), (-1, "low"), ("normal", "default")]
)
async def test_a_priority_may_be_given_as_the_original_gave_it(client, given, meant):
    assert (await send(client, priority=given))["priority"] == meant


async def test_the_same_text_again_is_a_duplicate_of_the_earlier_message(client):
    first = await send(client)
    problem = await send(client, 409)
    assert (problem["code"], problem["earlierMessageId"]) == ("duplicate", first["messageId"])
    assert (await send(client, allowDuplicate=True))["messageId"] != first["messageId"]


async def test_a_repeated_key_is_answered_as_the_first_time_and_says_so(client):
    headers = {"Idempotency-Key": "order-17"}
    first = await send(client, headers=headers)
    async with client.post(ALL, json=TEXT, headers=headers) as answer:
        assert (answer.status, answer.headers["Idempotency-Replayed"]) == (202, "true")
        assert (await answer.json())["messageId"] == first["messageId"]
    problem = await send(client, 422, headers=headers, text="Something else.")
    assert problem["code"] == "key_reused"


async def test_waiting_answers_with_the_outcome(client, running):
    async def ask():
        async with client.post(ALL, params={"wait": "30"}, json=TEXT) as answer:
            return answer.status, (await answer.json())["status"]

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(30):
        while not running.messages.settled:  # another thread's state
            await asyncio.sleep(0.005)
    (message_id,) = running.messages.rows
    loop = running.edge._run.loop
    loop.call_soon_threadsafe(running.messages.settle, message_id, MessageStatus.SENT)
    assert await asking == (200, "sent")


async def test_a_message_that_the_limits_hold_back_says_until_when(client, running):
    first = await send(client, headers={"Idempotency-Key": "order-18"})
    assert first["notBefore"] is None
    running.messages.held_until[first["messageId"]] = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    again = await send(client, headers={"Idempotency-Key": "order-18"})
    async with client.get(f"{ALL}/{first['messageId']}") as answer:
        found = await answer.json()
    assert again["notBefore"] == found["notBefore"] == "2026-11-22T12:30:00Z"
    running.messages.settle(first["messageId"], MessageStatus.FAILED)
    async with client.post(f"{ALL}/{first['messageId']}/retry") as answer:
        assert (await answer.json())["notBefore"] == "2026-11-22T12:30:00Z"


async def test_waiting_in_vain_answers_202(client):
    async with client.post(ALL, params={"wait": "0.01"}, json=TEXT) as answer:
        assert (answer.status, (await answer.json())["status"]) == (202, "queued")


async def test_both_directions_are_listed_newest_first_in_pages(client, running):
    first = await send(client)
    running.messages.receive("user_1_wa_2", "Thank you!")
    running.messages.receive("user_1_wa_3", "Not yours.")
    async with client.get(ALL, params={"limit": "1"}) as answer:
        page = await answer.json()
    (received,) = page["messages"]
    assert (received["direction"], received["from"], received["body"]) == ("in", "491700000003", "Thank you!")
    assert received["status"] == "received"
    assert "to" not in received
    async with client.get(ALL, params={"limit": "1", "cursor": page["next"]}) as answer:
        rest = await answer.json()
    assert ([each["messageId"] for each in rest["messages"]], rest["next"]) == ([first["messageId"]], None)


async def test_whatever_is_listed_can_be_got_by_its_id(client, running):
    await send(client)
    running.messages.receive("user_1_wa_2", "Thank you!")
    async with client.get(ALL) as answer:
        listed = (await answer.json())["messages"]
    assert [each["direction"] for each in listed] == ["in", "out"]
    for each in listed:
        async with client.get(f"{ALL}/{each['messageId']}") as answer:
            assert (answer.status, await answer.json()) == (200, each)


@pytest.mark.parametrize(("direction", "count"), [("in", 2), ("out", 1)])
async def test_one_direction_can_be_listed(client, running, direction, count):
    await send(client)
    running.messages.receive("user_1_wa_2", "One")
    running.messages.receive("user_1_wa_2", "Two")
    async with client.get(ALL, params={"direction": direction}) as answer:
        found = (await answer.json())["messages"]
    assert [each["direction"] for each in found] == [direction] * count


async def test_what_is_left_empty_in_the_query_is_not_asked(client):
    await send(client)
    async with client.get(f"{ALL}?direction=&limit=&cursor=") as answer:
        assert (answer.status, len((await answer.json())["messages"])) == (200, 1)


async def test_a_strange_cursor_is_refused(client):
    async with client.get(ALL, params={"cursor": "elsewhere"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, "bad_cursor")


async def test_a_waiting_message_can_be_cancelled_once(client):
    url = f"{ALL}/{(await send(client))['messageId']}"
    async with client.delete(url) as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "cancelled")
    async with client.delete(url) as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "wrong_state")


async def test_a_failed_message_can_be_retried(client, running):
    message_id = (await send(client))["messageId"]
    async with client.post(f"{ALL}/{message_id}/retry") as answer:
        assert answer.status == 409
    running.messages.settle(message_id, MessageStatus.FAILED)
    async with client.post(f"{ALL}/{message_id}/retry") as answer:
        assert (answer.status, (await answer.json())["status"]) == (202, "queued")


async def test_a_message_of_another_session_is_unknown_here(client):
    message_id = (await send(client))["messageId"]
    async with client.get(f"/api/whatsapp/sessions/user_1_wa_3/messages/{message_id}") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "unknown_message")
