"""Webhooks of the whole service: what happens in WhatsApp reaches a receiver, also one down at first."""

import pytest

from tests.service.house import API, until
from tests.webhooks.house import Receiver

PHONE = "491510000001"
FRIEND = "491769999999"

pytestmark = [pytest.mark.browser]


@pytest.fixture
async def receiver():
    running = await Receiver().start()
    yield running
    await running.stop()


def events(receiver, name):
    return [call.body for call in receiver.calls if call.body["event"] == name]


async def test_a_message_reaches_its_webhook_once_even_if_the_receiver_was_down(open_house, receiver):
    house = await open_house(webhook_allowed_networks="127.0.0.0/8")
    client = house.client
    await receiver.stop()
    session_id = await client.create()
    hook = {"url": receiver.url, "events": ["message:*", "ready"], "secret": "a-shared-secret"}
    changed = await client.ok("PATCH", f"{API}/{session_id}", {"config": {"webhooks": [hook]}})
    assert changed["config"]["webhooks"][0]["secrets"] == 1
    await client.link(session_id, PHONE)
    arrived = await client.write(PHONE, FRIEND, "is anybody there?")
    base = f"{API}/{session_id}/webhooks"

    async def refused():
        page = await client.ok("GET", f"{base}/deliveries?state=pending")
        return [one for one in page["deliveries"] if one["event"] == "message:received" and one["attempts"]]

    (pending,) = await until("a refused attempt", refused)
    assert (pending["lastError"], pending["lastStatus"]) == ("connection refused", None)

    await receiver.start()
    sent = await client.send(session_id, FRIEND, "yes")
    await client.delivered(session_id, sent["messageId"])

    async def told():
        return all(events(receiver, name) for name in ("ready", "message:received", "message:sent"))

    await until("told", told)
    (received,) = events(receiver, "message:received")
    assert (received["payload"]["id"], received["payload"]["body"]) == (arrived, "is anybody there?")
    assert (received["sessionId"], received["id"]) == (session_id, pending["id"])
    assert events(receiver, "ready")[0]["payload"]["phoneNumber"] == PHONE
    assert [one["payload"]["messageId"] for one in events(receiver, "message:sent")] == [sent["messageId"]]
    assert all("X-Webhook-Hmac" in call.headers for call in receiver.calls)

    (tried,) = (await client.ok("POST", f"{base}/test", {}))["results"]
    assert (tried["delivered"], tried["status"]) == (True, 200)
    assert len(events(receiver, "webhook:test")) == 1


async def test_addresses_of_the_service_s_own_network_are_refused(open_house, receiver):
    house = await open_house()
    session_id = await house.client.create()
    status, problem = await house.client.call(
        "PATCH", f"{API}/{session_id}", {"config": {"webhooks": [receiver.url]}}
    )
    assert (status, problem["code"]) == (422, "webhook_refused")
    assert "WEBHOOK_ALLOWED_NETWORKS" in problem["detail"]
