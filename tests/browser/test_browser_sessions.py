"""A whole session on each kind of browser, behind a proxy with a login: linked, killed, restored, closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from actors.messages import BrowserLost, QrShown
from tests.service.house import ours
from tests.whatsapp.conftest import Phones, Session
from tests.whatsapp.test_whatsapp_proxy import LoginProxy
from tests.whatsapp.test_whatsapp_proxy import proxy as proxy  # noqa: PLC0414 - a fixture
from wahook.browser.finding import BrowserFinding, BrowserKind
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.factory import Browsers
from wahook.whatsapp.plan import Deadlines

# Every day the one that is furthest from what tests/whatsapp runs on.
KINDS = [
    pytest.param(BrowserKind.HEADLESS_SHELL, marks=pytest.mark.long),
    pytest.param(BrowserKind.CHROMIUM, marks=pytest.mark.long),
    BrowserKind.UNDETECTED,
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("finding", KINDS, ids=str, indirect=True, scope="module"),
]


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(sync_delay=0.1, delivery_after=0.02) as running:
        yield running


@pytest.fixture
def browsers(
    finding: BrowserFinding, loop: LoopThread, simulator: SimulatorThread, tmp_path: Path
) -> Iterator[Browsers]:
    settings = Settings(data=tmp_path / "data", whatsapp_url=simulator.url, browser_kind=finding.kind)
    made = replace(Browsers.from_settings(settings, loop), deadlines=Deadlines(open=30, call=10, close=5))
    assert made.driver is not None
    made.driver.start(lambda _: None).result(40)
    yield made
    made.driver.stop().result(40)
    assert ours(tmp_path / "data") == [], "a process was left behind"


def test_a_session_is_linked_through_a_proxy_sends_survives_a_kill_and_leaves_nothing(
    browsers: Browsers, simulator: SimulatorThread, proxy: tuple[LoginProxy, int], tmp_path: Path
):
    server, port = proxy
    address = f"http://ada:love%20lace@127.0.0.1:{port}"
    session = Session(browsers, Phones(simulator.url), tmp_path / "profile", "491710000001", proxy=address)
    try:
        session.link()
        assert (server.refused > 0, len(server.served) > 5) == (True, True)
        assert seat_of(session).attached, "Selenium is not at its page"
        message = session.message()
        session.client.send(message, 10).result(40)
        killed(session)
        ear = session.open()
        ear.connected()
        assert ear.all(QrShown) == []
        assert session.client.find_sent(message, 10).result(40) is not None
        assert session.client.screenshot(10).result(40).startswith(b"\x89PNG")
    finally:
        (pid,) = session.client.pids or (0,)
        family = [*psutil.Process(pid).children(recursive=True)] if pid else []
        session.client.close().result(40)
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not list(session.profile.glob("Singleton*"))


def seat_of(session: Session):
    assert session.client._life is not None
    assert session.client._life.seat is not None
    return session.client._life.seat


def killed(session: Session) -> None:
    """kill -9 of the browser; noticed, and nothing of it left."""
    (pid,) = session.client.pids
    family = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    assert session.ear.wait(BrowserLost).reason == "browser_exited"
    assert psutil.wait_procs(family, timeout=30)[1] == []
