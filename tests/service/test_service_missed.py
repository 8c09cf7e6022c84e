"""What happened while there was no network, as programs are told of it when there is one again."""

import pytest

from tests.service.house import API

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


async def test_edits_and_deletions_of_a_time_without_network_are_told_once(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    await house.listen()
    edited, deleted = [await client.write(PHONE, FRIEND, text) for text in ("helo", "oops")]
    await house.heard("message:received", id=deleted)
    await client.phone(f"{PHONE}/faults", {"kind": "offline"})
    await client.status(session_id, "reconnecting")
    await client.phone(f"{PHONE}/edit", {"from": FRIEND, "message": edited, "text": "hello"})
    await client.phone(f"{PHONE}/revoke", {"from": FRIEND, "message": deleted})
    late = await client.write(PHONE, FRIEND, "are you there?")
    await client.phone(f"{PHONE}/faults", {"kind": "online"})
    await house.heard("message:received", id=late)
    await house.heard("message:edited", id=edited, body="hello")
    await house.heard("message:revoked", id=deleted)
    await client.ok("POST", f"{API}/{session_id}/restart")
    await house.heard("message:received", id=await client.write(PHONE, FRIEND, "the last"))
    told = [(name, one["id"]) for name, one in house.events if name in ("message:edited", "message:revoked")]
    assert sorted(told) == [("message:edited", edited), ("message:revoked", deleted)]
