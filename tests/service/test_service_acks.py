"""How far messages got while nobody was there to hear of it."""

import pytest

from tests.service.house import API, until
from wahook.simulator import SimulatorThread

PHONE = "491510000001"
FRIEND = "491769999999"
pytestmark = [pytest.mark.browser]


@pytest.fixture
def simulator():
    """People who take their time to read."""
    with SimulatorThread(delivery_after=0.5, read_after=1.0) as running:
        yield running


async def test_what_was_read_while_the_session_was_down_is_known_when_it_is_back(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    sent = await client.send(session_id, FRIEND, "read me later")
    await client.delivered(session_id, sent["messageId"])
    await client.ok("POST", f"{API}/{session_id}/stop")

    async def read_by_them():
        (entry,) = await client.ledger()
        return entry["acks"][-1]["ack"] == 3

    await until("they read it", read_by_them)
    await house.listen()
    await client.ok("POST", f"{API}/{session_id}/start")
    await house.heard("message:ack", waMessageId=sent["waMessageId"], ack=3)
    assert (await client.message(session_id, sent["messageId"]))["status"] == "read"
