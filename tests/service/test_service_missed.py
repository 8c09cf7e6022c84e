"""What happened while a session was down, as programs are told of it when it is back."""

import pytest

from tests.service.house import API

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


async def test_a_message_that_came_and_was_deleted_meanwhile_is_told_as_deleted_and_once(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    await client.ok("POST", f"{API}/{session_id}/stop")
    await client.status(session_id, "stopped")
    gone = await client.write(PHONE, FRIEND, "I did not mean it")
    await client.phone(f"{PHONE}/revoke", {"from": FRIEND, "message": gone})
    kept = await client.write(PHONE, FRIEND, "good morning")
    await house.listen()
    for marker in ("first", "second"):
        await client.ok("POST", f"{API}/{session_id}/start")
        await client.status(session_id, "ready")
        await house.heard("message:received", id=await client.write(PHONE, FRIEND, marker))
        await client.ok("POST", f"{API}/{session_id}/stop")
        await client.status(session_id, "stopped")

    told = [(name, one["id"]) for name, one in house.events if name.startswith("message:")]
    first, second = client.arrived[-2:]
    assert told == [
        ("message:revoked", gone),
        *(("message:received", one) for one in (kept, first, second)),
    ]
    (deleted, *_) = await client.incoming(session_id)
    assert (deleted["waMessageId"], deleted["type"], deleted["body"]) == (gone, "revoked", "")
