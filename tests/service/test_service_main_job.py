import asyncio
import os
import signal

import psutil
import pytest

from tests.service.house import API, ours, until

PHONE = "491510000001"
FRIEND = "491769999999"

pytestmark = [pytest.mark.browser]


async def test_the_main_job(house):
    """Link, send, receive, lose the browser, come back without a code: nothing lost, nothing doubled."""
    client = house.client
    await house.listen("1")
    session_id = await client.linked("1", "2", PHONE)
    assert session_id == "user_1_wa_2"
    qr = await house.heard("qr")
    assert qr["qr"].startswith("data:image/png;base64,")
    assert (await house.heard("ready"))["phoneNumber"] == PHONE

    out = await client.send(session_id, FRIEND, "hello")
    row = await client.delivered(session_id, out["messageId"])
    assert row["attempts"] == 1
    assert (await house.heard("message:sent"))["messageId"] == out["messageId"]
    await house.heard("message:ack", status="read")

    answer = await client.write(PHONE, FRIEND, "hello yourself")
    heard = await house.heard("message:received", id=answer)
    assert (heard["from"], heard["body"], heard["type"]) == (FRIEND, "hello yourself", "chat")

    (pid,) = house.pids(session_id)
    os.kill(pid, signal.SIGKILL)
    missed = await client.write(PHONE, FRIEND, "are you there?")
    await house.heard("disconnected", permanent=False)
    queued = await client.send(session_id, FRIEND, "sent while it was down")
    await house.heard("reconnected")
    await house.heard("message:received", id=missed)
    await client.delivered(session_id, queued["messageId"])

    assert house.names("qr", "qr:updated") == ["qr"]
    assert [one["waMessageId"] for one in await client.incoming(session_id)] == client.arrived
    wire = await client.on_wire()
    assert [wire[sent] for sent in client.sent] == [1, 1]
    session = await client.session(session_id)
    assert (session["restarts"], session["status"]) == (1, "ready")


async def test_messages_go_in_the_order_of_acceptance(house):
    client = house.client
    session_id = await client.linked()
    for number in range(20):
        await client.send(session_id, FRIEND, f"number {number}")
    await until("all sent", lambda: _all_on_wire(client))
    on_wire = [entry["id"] for entry in sorted(await client.ledger(), key=lambda entry: entry["at"])]
    assert [wire for wire in on_wire if wire in client.sent] == client.sent


async def _all_on_wire(client):
    wire = await client.on_wire()
    return all(wire[sent] == 1 for sent in client.sent)


async def test_a_pairing_code_links_as_well(house):
    client = house.client
    session_id = await client.create()
    await client.status(session_id, "qr")
    answer = await client.ok("POST", f"{API}/{session_id}/pairing-code", {"phoneNumber": PHONE})
    await client.phone(f"{PHONE}/scan", {"pairingCode": answer["code"]})
    session = await client.status(session_id, "ready")
    assert session["phoneNumber"] == PHONE


async def test_a_stopped_session_starts_again_without_a_code(house):
    client = house.client
    await house.listen()
    session_id = await client.linked()
    (pid,) = house.pids(session_id)
    stopped = await client.ok("POST", f"{API}/{session_id}/stop")
    assert stopped["status"] == "stopped"
    assert not psutil.pid_exists(pid)
    house.events.clear()
    await client.ok("POST", f"{API}/{session_id}/start")
    await client.status(session_id, "ready")
    assert house.names("qr", "disconnected", "auth_failure") == []


async def test_a_restart_by_hand_is_no_failure(house):
    client = house.client
    await house.listen()
    session_id = await client.linked()
    house.events.clear()
    before = house.pids(session_id)
    await client.ok("POST", f"{API}/{session_id}/restart")
    await client.status(session_id, "ready")
    assert house.pids(session_id) != before
    assert house.names("qr", "disconnected", "auth_failure") == []


async def test_changed_settings_hold_from_the_next_start_whether_it_waits_or_runs(house):
    nobody = "http://127.0.0.1:9"
    waiting = await house.client.create("1", "waiting", proxy=nobody)
    running = await house.client.create("1", "running")
    await house.client.status(running, "qr")
    await house.client.status(waiting, "reconnecting")
    await house.client.ok("POST", f"{API}/{running}/restart")  # nothing has changed yet
    for session_id, proxy, verb in ((waiting, None, "start"), (running, nobody, "restart")):
        await house.client.ok("PATCH", f"{API}/{session_id}", {"config": {"proxy": proxy}})
        await house.client.ok("POST", f"{API}/{session_id}/{verb}")
    await house.client.status(waiting, "qr")
    lost = await house.client.status(running, "reconnecting")
    assert lost["lastError"].startswith("page_unreachable")


async def test_a_logout_ends_in_a_new_code_at_the_next_start(house):
    client = house.client
    session_id = await client.linked()
    answer = await client.ok("POST", f"{API}/{session_id}/logout")
    assert answer["status"] == "stopped"
    async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as phone:
        assert (await phone.json())["linked"] is False
    await client.ok("POST", f"{API}/{session_id}/start")
    await client.status(session_id, "qr")


async def test_a_phone_that_unlinks_needs_a_human(house):
    client = house.client
    await house.listen("1")
    session_id = await client.linked()
    await client.phone(f"{PHONE}/unlink")
    session = await client.status(session_id, "error")
    assert session["lastError"] == "LOGOUT"
    assert (await house.heard("disconnected"))["permanent"] is True
    await house.heard("auth_failure")
    await client.ok("POST", f"{API}/{session_id}/start")
    await client.link(session_id, PHONE)


async def test_a_deleted_session_leaves_nothing(house, tmp_path):
    client = house.client
    session_id = await client.linked()
    profile = tmp_path / "data" / "whatsapp-sessions" / f"session-{session_id}"
    assert profile.is_dir()
    await client.ok("GET", f"{API}/{session_id}/contacts/{FRIEND}")
    status, _ = await client.call("DELETE", f"{API}/{session_id}")
    assert status == 204
    assert not profile.exists()
    assert (await client.call("GET", f"{API}/{session_id}"))[0] == 404
    assert list(house.service._redis.scan_iter(f"wahook:page:{session_id}:*")) == []
    assert [line for line in ours(tmp_path / "data") if "chromium" in line and "user-data-dir" in line] == []


async def test_a_number_that_is_not_on_whatsapp_fails_at_once_with_a_reason(house):
    client = house.client
    session_id = await client.linked()
    accepted = await client.ok(
        "POST", f"{API}/{session_id}/messages?wait=20", {"to": "99912345678", "text": "hi"}
    )
    assert (accepted["status"], accepted["attempts"]) == ("failed", 1)
    assert "not_on_whatsapp" in accepted["error"]
    known = await client.ok("GET", f"{API}/{session_id}/contacts/99912345678")
    assert known["exists"] is False
    assert (await client.ok("GET", f"{API}/{session_id}/contacts/{FRIEND}"))["exists"] is True


async def test_two_sessions_live_beside_each_other(house):
    client = house.client
    one, two = await asyncio.gather(
        client.linked("1", "1", "491510000001"), client.linked("2", "1", "491510000002")
    )
    os.kill(house.pids(one)[0], signal.SIGKILL)
    sent = await client.send(two, FRIEND, "not my trouble")
    await client.delivered(two, sent["messageId"])
    assert (await client.session(two))["restarts"] == 0
    await client.status(one, "ready")


async def test_a_page_picture_can_be_taken(house):
    client = house.client
    session_id = await client.linked()
    url = f"{client.base}{API}/{session_id}/screenshot"
    async with client.http.get(url, headers={"X-Api-Key": client.key}) as answer:
        assert answer.status == 200
        assert (await answer.read())[:8] == b"\x89PNG\r\n\x1a\n"
