"""Sessions that lie down by idleness, and come back when somebody needs them."""

import asyncio
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from actors.messages import QrShown, Recycle, Unload
from tests.service.house import API, until

PHONE = "491510000001"
FRIEND = "491769999999"

pytestmark = [pytest.mark.browser]


async def lie_down(house, session_id):
    """As the janitor would have it, now."""
    house.service.system.handle(f"sessions/{session_id}/session").tell(Unload(quiet=0))
    await house.client.status(session_id, "stopped")
    await until("no browser", lambda: gone(house, session_id))


async def gone(house, session_id):
    return house.service.system.snapshot().find(f"sessions/{session_id}") is None


async def test_a_silent_session_gives_its_browser_back_and_a_message_wakes_it(open_house):
    house = await open_house(idle_action="unload", idle_cleanup_after=1, janitor_interval=0.5)
    client = house.client
    await house.listen("1")
    session_id = await client.create()
    await client.status(session_id, "qr")
    (pid,) = house.pids(session_id)
    code = (await client.ok("GET", f"{API}/{session_id}/qr"))["code"]
    await client.phone(f"{PHONE}/scan", {"code": code})
    await house.heard("ready", sessionId=session_id)
    session = await client.status(session_id, "stopped")
    assert (session["desired"], session["lastError"]) == (True, None)
    await until("its process ends", lambda: ended(pid))
    assert house.names("disconnected", "auth_failure") == []

    missed = await client.write(PHONE, FRIEND, "while it lay down")
    accepted = await client.send(session_id, FRIEND, "wake up")
    await client.delivered(session_id, accepted["messageId"])
    await house.heard("message:received", id=missed)
    assert house.names("qr") == ["qr"]  # the first link only
    assert (await client.on_wire())[accepted["waMessageId"]] == 1


async def ended(pid):
    return not psutil.pid_exists(pid)


async def test_questions_wake_a_session_and_are_answered_in_the_same_request(house):
    client = house.client
    session_id = await client.linked()
    await lie_down(house, session_id)
    known = await client.ok("GET", f"{API}/{session_id}/contacts/{FRIEND}")
    assert known["exists"] is True
    await lie_down(house, session_id)
    assert (await picture(client, session_id)).startswith(b"\x89PNG")
    await lie_down(house, session_id)
    answers = await asyncio.gather(
        *(client.ok("GET", f"{API}/{session_id}/contacts/{FRIEND}") for _ in range(5))
    )
    assert [one["exists"] for one in answers] == [True] * 5
    assert (await client.session(session_id))["restarts"] == 0


async def picture(client, session_id):
    headers = {"X-Api-Key": client.key}
    async with client.http.get(f"{client.base}{API}/{session_id}/screenshot", headers=headers) as answer:
        return await answer.read()


async def test_an_idle_session_that_is_asked_for_its_code_says_that_it_has_none_to_scan(house):
    client = house.client
    session_id = await client.linked()
    await lie_down(house, session_id)
    status, problem = await client.call("GET", f"{API}/{session_id}/qr")
    assert (status, problem["code"]) == (404, "no_qr")
    assert (await client.session(session_id))["status"] == "ready"


async def test_a_scheduled_message_wakes_its_session_when_it_is_due(house):
    client = house.client
    session_id = await client.linked()
    await lie_down(house, session_id)
    health = await client.ok("GET", "/api/health")
    assert health["whatsapp"]["activeSessions"] == 0
    at = datetime.now(UTC) + timedelta(seconds=4)
    accepted = await client.send(session_id, FRIEND, "later", sendAt=at.isoformat())
    assert accepted["status"] == "scheduled"
    assert (await client.session(session_id))["status"] == "stopped"
    await client.delivered(session_id, accepted["messageId"])


async def test_a_session_stopped_by_hand_is_woken_by_nothing(house):
    client = house.client
    session_id = await client.linked()
    await lie_down(house, session_id)
    await client.ok("POST", f"{API}/{session_id}/stop")
    accepted = await client.send(session_id, FRIEND, "waits for a start")
    for path in ("qr", f"contacts/{FRIEND}", "screenshot"):
        status, _ = await client.call("GET", f"{API}/{session_id}/{path}")
        assert status in (404, 409)
    assert (await client.session(session_id))["status"] == "stopped"
    await client.ok("POST", f"{API}/{session_id}/start")
    await client.delivered(session_id, accepted["messageId"])


async def test_an_idle_session_can_be_restarted_logged_out_and_deleted(house):
    client = house.client
    session_id = await client.linked()
    await lie_down(house, session_id)
    await client.ok("POST", f"{API}/{session_id}/restart")
    await client.status(session_id, "ready")
    await lie_down(house, session_id)
    await client.ok("POST", f"{API}/{session_id}/logout")
    async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as phone:
        assert (await phone.json())["linked"] is False
    other = await client.linked("1", "3", PHONE)
    await lie_down(house, other)
    assert (await client.call("DELETE", f"{API}/{other}"))[0] == 204
    assert (await client.call("GET", f"{API}/{other}"))[0] == 404


async def test_a_code_that_nobody_scanned_is_shown_anew_to_who_asks_for_it(open_house):
    house = await open_house(qr_max_retries=1)
    client = house.client
    session_id = await client.create()
    await client.status(session_id, "qr")
    house.service.system.handle(f"sessions/{session_id}/session").tell(QrShown("one too many"))
    session = await client.status(session_id, "stopped")
    assert (session["lastError"], session["desired"]) == ("qr_not_scanned", True)
    await until("no browser", lambda: gone(house, session_id))

    accepted = await client.send(session_id, FRIEND, "nobody is linked")  # wakes nobody: only a human helps
    qr = await client.ok("GET", f"{API}/{session_id}/qr")
    await client.phone(f"{PHONE}/scan", {"code": qr["code"]})
    await client.status(session_id, "ready")
    await client.delivered(session_id, accepted["messageId"])


async def test_recycling_under_traffic_loses_and_doubles_nothing_and_is_no_loss(house):
    client = house.client
    await house.listen("1")
    session_id = await client.linked()
    await house.heard("ready", sessionId=session_id)
    house.events.clear()
    for round_ in range(4):
        before = house.pids(session_id)
        for number in range(5):
            await client.send(session_id, FRIEND, f"out {round_} {number}")
            await client.write(PHONE, FRIEND, f"in {round_} {number}")
        house.service.system.handle(f"sessions/{session_id}/session").tell(Recycle("test"))
        for number in range(5):
            await client.send(session_id, FRIEND, f"out too {round_} {number}")
            await client.write(PHONE, FRIEND, f"in too {round_} {number}")
        await until("a new browser", lambda before=before: changed(house, session_id, before))
        await client.status(session_id, "ready")

    async def settled():
        wire = await client.on_wire()
        arrived = {one["waMessageId"] for one in await client.incoming(session_id)}
        return all(wire[one] for one in client.sent) and arrived >= set(client.arrived)

    await until("all is through", settled)
    wire = await client.on_wire()
    assert [wire[one] for one in client.sent] == [1] * 40
    arrived = [one["waMessageId"] for one in await client.incoming(session_id)]
    assert sorted(arrived) == sorted(client.arrived)
    await until("all are told", lambda: told(house, 4))
    assert house.names("disconnected", "qr", "ready") == []
    assert house.names("reconnected") == ["reconnected"] * 4
    session = await client.session(session_id)
    assert (session["restarts"], session["lastError"]) == (0, None)
    rows = await client.ok("GET", f"{API}/{session_id}/messages?direction=out&limit=100")
    assert {row["attempts"] for row in rows["messages"]} == {1}


async def told(house, count):
    return len(house.names("reconnected")) >= count


async def changed(house, session_id, before):
    pids = house.pids(session_id)
    return bool(pids) and pids != before
