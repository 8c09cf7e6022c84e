"""What is left of sessions and lanes when their supervisor is started anew: all of them."""

import pytest

from tests.service.house import API

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


async def test_sessions_and_lanes_outlive_their_supervisors(house):
    client = house.client
    await house.listen("1")
    up = await client.linked("1", "2", PHONE)
    down = await client.create("1", "3")
    await client.ok("POST", f"{API}/{down}/stop")
    house.events.clear()
    for verb, path in (("restart", "sessions"), ("stop", "outbox"), ("start", "outbox")):
        await client.ok("POST", f"/api/supervision/{verb}", {"path": path})
    await client.status(up, "ready")
    sent = await client.send(up, FRIEND, "still here")
    await client.delivered(up, sent["messageId"])
    assert (await client.session(down))["status"] == "stopped"
    assert house.names("qr", "disconnected", "auth_failure") == []
