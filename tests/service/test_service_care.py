"""Session care from outside: what a page, a login or a start may run into, and what becomes of it."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress

import psutil
import pytest

from tests.service.house import API, until
from wahook.profiles import Profiles

pytestmark = [pytest.mark.browser]
PHONES = [f"4915100000{number:02}" for number in range(10)]
FRIEND = "491769999999"
# Short where production would only wait longer.
QUICK = {
    "watchdog_interval": 1.0,
    "heartbeat_interval": 2.0,
    "activity_interval": 1.0,
    "page_call_deadline": 4.0,
}


async def linked(house, number):
    return await house.client.linked(str(number), "1", PHONES[number])


async def fault(house, number, kind, **fields):
    await house.client.phone(f"{PHONES[number]}/faults", {"kind": kind, **fields})


async def works(house, session_id):
    """Ready, and a message goes out."""
    await house.client.status(session_id, "ready")
    sent = await house.client.send(session_id, FRIEND, "still there")
    await house.client.delivered(session_id, sent["messageId"])


async def healed(house, session_id, reason):
    """It was noticed as this, no human was asked, and it works again."""
    event = await house.heard("disconnected", sessionId=session_id)
    assert (event["reason"], event["permanent"]) == (reason, False)
    await house.heard("reconnected", sessionId=session_id)
    await works(house, session_id)


def node(house, session_id):
    return house.service.system.snapshot().find(f"sessions/{session_id}/session")


def renderer(house, session_id):
    (browser,) = house.pids(session_id)
    children = psutil.Process(browser).children(recursive=True)
    return next(child.pid for child in children if "--type=renderer" in child.cmdline())


async def test_a_page_that_crashes_hangs_or_reloads_heals_by_itself(open_house):
    house = await open_house(**QUICK)
    await house.listen()
    sessions = await asyncio.gather(*(linked(house, number) for number in range(5)))
    crashed, killed, stopped, busy, reloaded = sessions
    house.events.clear()
    await fault(house, 0, "crash")
    os.kill(renderer(house, killed), signal.SIGKILL)
    (hanging,) = house.pids(stopped)
    os.kill(hanging, signal.SIGSTOP)
    await fault(house, 3, "hang", seconds=0)
    await fault(house, 4, "reload")
    await asyncio.gather(
        healed(house, crashed, "renderer_crashed"),
        healed(house, killed, "renderer_crashed"),
        healed(house, reloaded, "page_reloaded"),
        hung(house, stopped),
        hung(house, busy),
    )
    assert not psutil.pid_exists(hanging)
    assert [name for name in house.names() if name in ("qr", "auth_failure")] == []
    restarts = [(await house.client.session(one))["restarts"] for one in sessions]
    assert restarts == [1, 1, 1, 1, 0]
    for session_id in sessions:
        await until(f"{session_id} is looked after again", lambda one=session_id: looked_after(house, one))
    keepalive = {"path": f"sessions/{crashed}/keepalive"}
    await house.client.ok("POST", "/api/supervision/stop", keepalive)  # the tree shows it first now
    assert (await house.client.session(crashed))["restarts"] == 1


async def looked_after(house, session_id):
    """The three keepers of this life of it show in the tree that all is well."""
    keepers = house.service.system.snapshot().find(f"sessions/{session_id}/keepalive")["children"]
    said = {one["id"]: one["app"].get("last") for one in keepers}
    return said == {"heartbeat": "connected", "watchdog": "well", "activity": "moved"}


async def hung(house, session_id):
    """Noticed by whoever asked it first, the watchdog or the heartbeat."""
    event = await house.heard("disconnected", sessionId=session_id)
    assert event["reason"] in ("killed", "page_hangs")
    await house.heard("reconnected", sessionId=session_id)
    await works(house, session_id)


async def test_a_conflict_needs_a_human_and_a_ban_only_its_end(open_house):
    house = await open_house()
    await house.listen()
    disputed, banned, bold = await asyncio.gather(linked(house, 0), linked(house, 1), bold_one(house, 2))
    house.events.clear()
    await fault(house, 0, "conflict")
    await fault(house, 1, "ban", seconds=5)
    await fault(house, 2, "conflict")
    await asyncio.gather(given_way(house, disputed), held(house, banned), healed(house, bold, "CONFLICT"))
    assert house.names("qr", "auth_failure") == []
    await house.close()
    await asyncio.to_thread(house.service.stop)

    again = await open_house()
    await asyncio.gather(*(again.client.status(one, "ready") for one in (banned, bold)))
    assert (await again.client.session(disputed))["status"] == "error", "a mere restart took it back"
    assert again.pids(disputed) == []
    await again.client.ok("POST", f"{API}/{disputed}/start")
    await works(again, disputed)


async def bold_one(house, number):
    """One that is to take its account back from whoever takes it."""
    session_id = await house.client.create(str(number), "1", takeOver=True)
    await house.client.link(session_id, PHONES[number])
    return session_id


async def given_way(house, session_id):
    session = await house.client.status(session_id, "error")
    assert session["lastError"] == "CONFLICT"
    assert (await house.heard("disconnected", sessionId=session_id))["permanent"] is True


async def held(house, session_id):
    async def hold():
        found = node(house, session_id)
        return found if found and found["state"] == "hold" else None

    found = await until("the ban is held", hold)
    assert found["backoff"]["next_at"]
    assert 0 < found["backoff"]["remaining_s"] <= 5
    await works(house, session_id)


async def test_a_start_that_gets_nowhere_ends_at_its_deadline_and_the_next_one_succeeds(open_house):
    house = await open_house(open_deadline=6.0, sync_deadline=4.0)
    slow, half, endless = await asyncio.gather(*(linked(house, number) for number in range(3)))
    await fault(house, 0, "slow_boot", seconds=60)
    await fault(house, 1, "missing_module", module="WAWebStreamModel")
    await fault(house, 2, "offline")  # it has a login and gets no further
    for session_id in (slow, half, endless):
        await house.client.ok("POST", f"{API}/{session_id}/restart")
    await asyncio.gather(
        started_anew(house, slow, "open_timeout"),
        started_anew(house, half, "open_timeout"),
        started_anew(house, endless, "sync_timeout", online=2),
    )


async def started_anew(house, session_id, reason, online=None):
    async def ended():
        found = node(house, session_id)
        return found and found["last_exit"] and reason in str(found["last_exit"])

    await until(f"{session_id} ends with {reason}", ended)
    if online is not None:
        await fault(house, online, "online")
    await works(house, session_id)


@pytest.mark.parametrize("store", [None, "directory"])
async def test_a_stop_or_a_kill_right_after_the_scan_keeps_the_login(open_house, tmp_path, store):
    house = await open_house(**(archived(tmp_path) if store else {}))
    await house.listen()
    await asyncio.gather(stopped_after_scan(house, 0), killed_when_ready(house, 1))


def archived(tmp_path):
    """Settings of a node that keeps its logins elsewhere too."""
    return {
        "profile_store": "directory",
        "profile_store_url": str(tmp_path / "store"),
        "profile_key": "ab" * 32,
    }


async def test_a_node_that_has_lost_its_disk_has_every_login_back(open_house, tmp_path):
    house = await open_house(**archived(tmp_path))
    session_id = await linked(house, 0)
    await asyncio.to_thread(house.service.stop)
    shutil.rmtree(house.service.settings.sessions_path)
    again = await open_house(**archived(tmp_path))
    events = await again.listen()
    await works(again, session_id)
    assert [name for name, _ in events if name == "qr"] == []


async def scanned(house, number):
    client = house.client
    session_id = await client.create(str(number), "1")
    await client.status(session_id, "qr")
    code = (await client.ok("GET", f"{API}/{session_id}/qr"))["code"]
    await client.phone(f"{PHONES[number]}/scan", {"code": code})
    return session_id


async def stopped_after_scan(house, number):
    session_id = await scanned(house, number)
    await house.heard("authenticated", sessionId=session_id)
    await house.client.ok("POST", f"{API}/{session_id}/stop")
    await house.client.ok("POST", f"{API}/{session_id}/start")
    await works(house, session_id)
    assert codes(house, session_id) == 1


async def killed_when_ready(house, number):
    session_id = await scanned(house, number)
    await house.heard("ready", sessionId=session_id)
    (browser,) = house.pids(session_id)
    for process in psutil.Process(browser).children(recursive=True):
        with suppress(psutil.Error):
            process.kill()
    with suppress(ProcessLookupError):  # the death of its renderer may have been noticed by now
        os.kill(browser, signal.SIGKILL)
    await house.heard("reconnected", sessionId=session_id)
    await works(house, session_id)
    assert codes(house, session_id) == 1


def codes(house, session_id):
    """How many first codes were shown."""
    return sum(name == "qr" and payload["sessionId"] == session_id for name, payload in house.events)


@pytest.mark.parametrize(("setting", "status"), [(True, "qr"), (False, "error")])
async def test_a_login_refused_at_the_start_gets_a_fresh_profile_if_that_is_wanted(
    open_house, setting, status
):
    house = await open_house(restart_on_auth_fail=setting)
    session_id = await linked(house, 0)
    await house.client.ok("POST", f"{API}/{session_id}/stop")
    await house.client.phone(f"{PHONES[0]}/unlink")
    await house.client.ok("POST", f"{API}/{session_id}/start")
    await house.client.status(session_id, status)
    if setting:
        await house.client.link(session_id, PHONES[0])


async def test_a_session_that_supervision_gave_up_comes_back_by_itself_once_its_trouble_is_over(open_house):
    house = await open_house(reconnect_max_attempts=1, janitor_interval=0.5)
    session_id = await linked(house, 0)
    await house.client.ok("POST", f"{API}/{session_id}/stop")
    with Profiles(house.service.settings.sessions_path).lock(session_id, "a stranger"):
        await house.client.ok("POST", f"{API}/{session_id}/start")

        async def retried():
            changes = house.service.system.transitions
            return [one for one in changes if one.by == "janitor" and session_id in one.path]

        await until("the janitor has tried it again", retried)
        assert (await house.client.status(session_id, "error"))["lastError"].startswith("profile_in_use")
    await works(house, session_id)
