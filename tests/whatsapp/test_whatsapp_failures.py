"""Deaths, hangs and bad days: what is noticed, how soon, and what is left."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from actors.errors import DeadlinePassed, SendFailed, TransientLoss
from actors.messages import (
    AccountBanned,
    BrowserLost,
    DocumentLoaded,
    LoadingProgress,
    MessageArrived,
    QrShown,
    StateChanged,
)
from actors.model import SendReceipt
from wahook.whatsapp.factory import Browsers

from .conftest import Session

pytestmark = pytest.mark.browser
Make = Callable[..., Session]
SOON = 20.0  # long before the minute for which a call would wait


def under_way(session: Session) -> Future[SendReceipt]:
    """A send that has reached the server, and that is not answered."""
    message = session.message()
    session.phones.post(session.number, "faults", kind="slow_ack", seconds=60)
    sending = session.client.send(message, 60)
    session.phones.on_wire(message.wa_message_id)
    return sending


def test_kill_9_of_the_browser_is_noticed_fails_what_is_pending_and_leaves_nothing(session: Session):
    ear = session.link()
    family = psutil.Process(session.client.pids[0]).children(recursive=True)
    sending = under_way(session)
    os.kill(session.client.pids[0], signal.SIGKILL)
    assert ear.wait(BrowserLost).reason == "browser_exited"
    assert isinstance(sending.exception(SOON), SendFailed)
    assert psutil.wait_procs(family, timeout=SOON)[1] == []
    session.client.close().result(40)
    assert session.client.pids == ()


def test_a_stopped_browser_can_be_killed_and_the_next_one_has_its_login(session: Session):
    ear = session.link()
    for process in [
        psutil.Process(session.client.pids[0]),
        *psutil.Process(session.client.pids[0]).children(),
    ]:
        process.suspend()
    with pytest.raises(DeadlinePassed):
        session.client.state(0.3).result(SOON)
    session.client.kill()
    assert ear.wait(BrowserLost).reason == "killed"
    session.open().connected()


def test_a_crashed_renderer_is_noticed_though_the_browser_lives(session: Session):
    ear = session.link()
    sending = under_way(session)
    session.phones.post(session.number, "faults", kind="crash")
    assert ear.wait(BrowserLost).reason == "renderer_crashed"
    assert isinstance(sending.exception(SOON), SendFailed)
    with pytest.raises(TransientLoss):
        session.client.state(60).result(SOON)
    session.open().connected()


def test_a_killed_renderer_is_noticed_too(session: Session):
    ear = session.link()
    for process in psutil.Process(session.client.pids[0]).children(recursive=True):
        if "--type=renderer" in process.cmdline():
            process.kill()
    assert ear.wait(BrowserLost).reason == "renderer_crashed"


def test_a_hung_page_answers_no_call_in_time_and_closing_it_still_works(session: Session):
    session.link()
    session.phones.post(session.number, "faults", kind="hang", seconds=0)
    while (error := session.client.state(0.5).exception(SOON)) is None:
        assert session.client.pids  # the fault is on its way to the page
    assert isinstance(error, DeadlinePassed)
    session.client.close().result(40)
    assert session.client.pids == ()
    session.open().connected()


def test_a_reload_keeps_wa_js_and_the_bridge_though_chromedriver_died_before(
    session: Session, browsers: Browsers
):
    ear = session.link()
    assert browsers.driver is not None
    browsers.driver.kill()
    try:
        mark = len(ear.events)
        session.phones.post(session.number, "faults", kind="reload")
        ear.wait(DocumentLoaded, after=mark)
        ear.connected(after=mark)
        message_id = session.phones.write(session.number, "after the reload")
        ear.wait(MessageArrived, lambda event: event.message.wa_message_id == message_id)
        assert session.client.screenshot(30).result(31).startswith(b"\x89PNG"), "DevTools does it too"
        session.client.close().result(40)
        session.open().connected()
    finally:
        browsers.driver.start(lambda _: None).result(30)
    assert session.client.screenshot(30).result(31).startswith(b"\x89PNG")


def test_a_cut_channel_is_mended_and_nothing_of_the_gap_is_lost_or_doubled(
    session: Session, browsers: Browsers
):
    ear = session.link()
    first = session.phones.write(session.number, "before the gap")
    ear.wait(MessageArrived)
    life = session.client._life
    assert life is not None
    assert life._channel is not None
    browsers.loop.call(life._channel.abort)
    during = session.phones.write(session.number, "in the gap")
    ear.wait(MessageArrived, lambda event: event.message.wa_message_id == during)
    assert session.client.state(20).result(21).connected
    mark = len(ear.events)
    session.phones.post(session.number, "faults", kind="reload")
    ear.connected(after=mark)
    after = session.phones.write(session.number, "after the gap")
    ear.wait(MessageArrived, lambda event: event.message.wa_message_id == after)
    told = [event.message.wa_message_id for event in ear.all(MessageArrived)]
    assert told == [first, during, after]
    assert not ear.all(BrowserLost)


def test_a_call_under_which_the_page_reloads_fails_at_once_and_the_session_lives(session: Session):
    ear = session.link()
    sending = under_way(session)
    mark = len(ear.events)
    session.phones.post(session.number, "faults", kind="reload")
    assert isinstance(sending.exception(SOON), SendFailed)
    ear.connected(after=mark)
    assert not ear.all(BrowserLost)


def test_a_ban_is_told_with_its_end(session: Session):
    ear = session.link()
    session.phones.post(session.number, "faults", kind="ban", seconds=3600)
    until = ear.wait(AccountBanned).until
    assert abs(until - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=10)
    ear.wait(StateChanged, lambda event: event.state.stream_mode == "TOS_BLOCK")
    session.phones.post(session.number, "faults", kind="clear")


def test_a_conflict_and_a_broken_network_are_told_as_states(session: Session):
    ear = session.link()
    session.phones.post(session.number, "faults", kind="offline")
    ear.wait(StateChanged, lambda event: event.state.socket_state == "OPENING")
    mark = len(ear.events)
    session.phones.post(session.number, "faults", kind="online")
    ear.connected(after=mark)
    session.phones.post(session.number, "faults", kind="conflict")
    ear.wait(StateChanged, lambda event: event.state.socket_state == "CONFLICT")


def test_a_slow_page_is_waited_for(session: Session):
    session.phones.post("0", "faults", kind="slow_boot", seconds=1)
    session.open().wait(QrShown)


def test_a_page_that_lacks_a_module_opens_and_does_not_pretend_to_be_connected(session: Session):
    session.phones.post("0", "faults", kind="missing_module", module="WAWebStreamModel")
    ear = session.open()
    ear.wait(LoadingProgress)
    assert not session.client.state(20).result(21).connected


def test_a_profile_with_the_lock_of_a_dead_browser_opens(session: Session):
    session.profile.mkdir()
    (session.profile / "SingletonLock").symlink_to("another-host-4242")
    session.open().wait(QrShown)
