"""What comes up at a start of the service, in which order, and how many browsers at once."""

import asyncio
import signal

import pytest

from actors.messages import SaveAccount
from actors.model import Account, SessionConfig
from actors.slots import LaunchSlots
from tests.service.house import API, ours, until
from tests.service.test_service_survives import Process, process  # noqa: F401  # a fixture
from wahook.browser.makers import LocalMaker

pytestmark = [pytest.mark.browser]
PHONES = [f"49151000000{number}" for number in range(1, 7)]
FRIEND = "491769999999"


class Starts:
    """Every browser's launch in its order, and how many were on their way to a page at once."""

    def __init__(self, monkeypatch):
        self.order, self.at_once, self.most = [], set(), 0
        launch, release = LocalMaker.launch, LaunchSlots.release

        async def noted(maker, name, *args, **kwargs):
            session_id = name.rpartition(":")[2].removeprefix("chromium-")
            self.order.append(session_id)
            self.at_once.add(session_id)
            self.most = max(self.most, len(self.at_once))
            return await launch(maker, name, *args, **kwargs)

        def released(slots, who):
            self.at_once.discard(who[0])  # before: the next may launch at once
            release(slots, who)

        monkeypatch.setattr(LocalMaker, "launch", noted)
        monkeypatch.setattr(LaunchSlots, "release", released)

    def forget(self):
        self.order, self.at_once, self.most = [], set(), 0


@pytest.fixture
def starts(monkeypatch):
    return Starts(monkeypatch)


@pytest.mark.timeout(240)
async def test_six_sessions_come_up_two_at_a_time_the_last_active_first(open_house, starts):
    house = await open_house()
    sessions = [
        await house.client.linked(str(number), "1", phone) for number, phone in enumerate(PHONES, start=1)
    ]
    for session_id in (sessions[4], sessions[1]):  # the second is the last to be active
        sent = await house.client.send(session_id, FRIEND, "hello")
        await house.client.delivered(session_id, sent["messageId"])
    await house.close()
    await asyncio.to_thread(house.service.stop)
    starts.forget()

    again = await open_house()
    for session_id in sessions:
        await again.client.status(session_id, "ready")
    talked, silent = [sessions[1], sessions[4]], [sessions[5], sessions[3], sessions[2], sessions[0]]
    # Two that are let in at the same moment may be seen to start in either order.
    assert sorted(starts.order) == sorted(sessions)
    assert all(abs(starts.order.index(each) - turn) <= 1 for turn, each in enumerate(talked + silent))
    assert starts.most == 2


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.timeout(240)
async def test_what_was_up_comes_back_what_was_stopped_or_idle_does_not(process, end):  # noqa: F811
    process.more = {"IDLE_ACTION": "unload", "IDLE_CLEANUP_AFTER": "4", "JANITOR_INTERVAL": "1"}
    client = await process.start()
    down = await client.linked("1", "down", PHONES[0])
    await client.ok("POST", f"{API}/{down}/stop")
    idle = await client.linked("1", "idle", PHONES[1])
    await client.status(idle, "stopped")
    process.more = {}
    await process.end(end)
    await until("nothing is left", lambda: none_left(process.data))

    client = await process.start()
    up = await client.linked("1", "up", PHONES[2])
    assert (await client.session(idle))["status"] == "stopped"
    await process.end(end)
    await until("nothing is left", lambda: none_left(process.data))

    client = await process.start()
    await client.status(up, "ready")
    for session_id, desired in ((down, False), (idle, True)):
        session = await client.session(session_id)
        assert (session["status"], session["desired"]) == ("stopped", desired)
        assert session["lastError"] is None
    sent = await client.send(idle, FRIEND, "needed again")
    await client.delivered(idle, sent["messageId"])
    assert (await client.session(down))["status"] == "stopped"


async def test_a_session_whose_own_settings_keep_it_down_keeps_nobody_else_down(open_house):
    house = await open_house()
    good = await house.client.linked("1", "good", PHONES[0])
    status, problem = await house.client.call(
        "POST",
        API,
        {"userId": "1", "accountId": "new", "config": {"proxy": "socks5://me:secret@127.0.0.1:1"}},
    )
    assert (status, problem["code"]) == (422, "bad_proxy")
    status, problem = await house.client.call(
        "PATCH", f"{API}/{good}", {"config": {"proxy": "http://no-port"}}
    )
    assert (status, problem["code"]) == (422, "bad_proxy")
    # As somebody else may have written it: an older version, a mirror, a hand.
    bad = Account("user_1_wa_bad", "1", "bad", config=SessionConfig(proxy="http://no-port"))
    await house.service.sessions._write(SaveAccount(bad))
    await house.close()
    await asyncio.to_thread(house.service.stop)

    again = await open_house()
    await again.client.status(good, "ready")
    shown = await again.client.session(bad.session_id)
    assert (shown["status"], shown["lastError"], shown["desired"]) == ("error", "bad_proxy", True)
    assert [one["sessionId"] for one in (await again.client.ok("GET", API))["sessions"]] == [
        good,
        bad.session_id,
    ]


async def none_left(data):
    return ours(data) == []
