"""Deliveries to webhooks over REST: look, page, replay, try."""

import pytest

from actors.durable import Delivery, TaskState
from actors.model import SessionConfig, Webhook

from .conftest import Running

BASE = "/api/whatsapp/sessions/user_1_wa_2/webhooks"
DEAD, PENDING = TaskState.DEAD, TaskState.PENDING


def delivery_id(number: int) -> str:
    return f"evt_{number:032x}"


@pytest.fixture
def rows(running: Running) -> dict[str, Delivery]:
    """Five deliveries of one session; the odd ones are dead."""
    running.sessions.add("1", "2")
    for number in range(1, 6):
        state = DEAD if number % 2 else PENDING
        running.webhooks.rows[delivery_id(number)] = Delivery(
            delivery_id(number),
            "user_1_wa_2",
            "https://hook.test/a",
            "ready",
            b'{"event":"ready"}',
            state=state,
            attempts=number,
            last_error="answered 500",
            last_status=500,
            seq=number,
        )
    return running.webhooks.rows


async def get(client, path):
    async with client.get(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def post(client, path, body=None):
    async with client.post(path, json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_dead_letters_are_listed_newest_first_without_what_was_sent(client, rows):
    status, body = await get(client, f"{BASE}/deliveries?state=dead")
    assert status == 200
    assert [one["id"] for one in body["deliveries"]] == [delivery_id(number) for number in (5, 3, 1)]
    assert body["next"] is None
    assert body["deliveries"][0] == {
        "id": delivery_id(5),
        "event": "ready",
        "url": "https://hook.test/a",
        "state": "dead",
        "attempts": 5,
        "createdAt": None,
        "nextAt": None,
        "giveUpAt": None,
        "lastStatus": 500,
        "lastError": "answered 500",
    }


async def test_pages_follow_one_another_to_the_end(client, rows):
    found, cursor = [], ""
    while cursor is not None:
        _, body = await get(client, f"{BASE}/deliveries?limit=2{cursor and f'&cursor={cursor}'}")
        found += [one["id"] for one in body["deliveries"]]
        cursor = body["next"]
    assert found == [delivery_id(number) for number in (5, 4, 3, 2, 1)]


async def test_one_is_shown_with_its_body(client, rows):
    status, body = await get(client, f"{BASE}/deliveries/{delivery_id(2)}")
    assert (status, body["body"], body["state"]) == (200, {"event": "ready"}, "pending")


async def test_a_dead_letter_is_replayed_once(client, rows):
    path = f"{BASE}/deliveries/{delivery_id(3)}/replay"
    status, body = await post(client, path)
    assert (status, body["state"], body["attempts"]) == (202, "pending", 0)
    status, body = await post(client, path)
    assert (status, body["code"]) == (409, "wrong_state")


async def test_all_dead_letters_are_replayed_at_once(client, rows):
    assert await post(client, f"{BASE}/deliveries/replay") == (202, {"replayed": 3})
    assert await post(client, f"{BASE}/deliveries/replay") == (202, {"replayed": 0})


async def test_webhooks_can_be_tried(client, running, rows):
    status, body = await post(client, f"{BASE}/test", {})
    assert (status, body["code"]) == (404, "unknown_webhook")
    config = SessionConfig(webhooks=(Webhook("https://hook.test/a"),))
    await running.sessions.configure("user_1_wa_2", config)
    status, body = await post(client, f"{BASE}/test", {})
    trial = {"url": "https://hook.test/a", "delivered": True, "status": 200, "error": None, "took": 3}
    assert (status, body) == (200, {"results": [trial]})


@pytest.mark.parametrize(
    "path",
    [
        "deliveries?state=lost",
        "deliveries?limit=0",
        "deliveries?limit=1001",
        "deliveries?cursor=x",
    ],
)
async def test_a_question_that_does_not_fit_is_422(client, rows, path):
    assert (await get(client, f"{BASE}/{path}"))[0] == 422


async def test_nobody_else_s_deliveries_are_shown(client, rows):
    status, body = await get(client, "/api/whatsapp/sessions/user_9_wa_9/webhooks/deliveries")
    assert (status, body["code"]) == (404, "unknown_session")
    assert (await get(client, f"{BASE}/deliveries/{delivery_id(9)}"))[0] == 404
    for no_id in ("evt_1", "msg_00000000000000000000000000000000"):
        assert (await get(client, f"{BASE}/deliveries/{no_id}"))[0] == 404
