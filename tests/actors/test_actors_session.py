"""A session's life: linked, lost, healed, ended."""

from concurrent.futures import Future
from datetime import timedelta

import pytest

from actors.errors import DeadlinePassed, TransientLoss
from actors.messages import (
    UNSET,
    AccountBanned,
    BrowserLost,
    LoggedOut,
    Logout,
    QrShown,
    StateChanged,
)
from actors.model import SessionStatus
from tests.actors.parts import CONNECTED, ID, OPENING, done


def test_a_session_is_linked_and_says_so(world):
    world.start()
    world.answer("open")
    world.page(QrShown("code-1"))
    assert world.view.qr_code == "code-1"
    assert world.view.qr_expires_at == world.calendar() + timedelta(seconds=60)
    world.page(StateChanged(CONNECTED))
    assert world.board.statuses == ["initializing", "qr", "authenticated", "ready"]
    assert [name for name in world.names() if name != "session:status"] == ["qr", "authenticated", "ready"]
    assert world.names()[-2:] == ["session:status", "ready"]
    told = [event.status for event in world.events if event.name == "session:status"]
    assert told == world.board.statuses
    assert world.view.qr_code is None
    assert world.lane == ["open"]


def test_a_new_login_is_announced_as_ready_only_once_it_is_on_disk(world):
    on_disk = Future()
    world.client.presets["settle"] = lambda: on_disk
    world.start()
    world.answer("open")
    world.page(QrShown("code-1"))
    world.page(StateChanged(CONNECTED))
    assert world.status is SessionStatus.AUTHENTICATED
    assert world.saved() == []
    on_disk.set_result(None)
    world.tree.settle()
    assert world.status is SessionStatus.READY
    world.page(BrowserLost("browser_exited"))
    world.tree.advance(2)
    world.page(StateChanged(CONNECTED))
    assert world.status is SessionStatus.READY
    assert world.client.names().count("settle") == 1


def test_a_login_that_cannot_be_brought_to_disk_is_used_all_the_same(world):
    world.client.presets["settle"] = lambda: done(error=DeadlinePassed("the disk is full"))
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    assert world.status is SessionStatus.READY


def test_the_account_row_is_written_at_ready_and_not_before(world):
    world.start()
    world.answer("open")
    world.page(QrShown("code-1"))
    assert world.saved() == []
    world.page(StateChanged(CONNECTED))
    (changes,) = world.saved()
    assert (changes.phone_number, changes.profile_name, changes.last_error) == ("491", "Ann", None)
    assert changes.connected_at == world.calendar()


def test_a_code_nobody_scans_ends_the_session_without_a_browser(world):
    world.start()
    world.answer("open")
    for code in ("a", "b", "c"):
        world.page(QrShown(code))
    assert world.status is SessionStatus.STOPPED
    assert world.view.last_error == "qr_not_scanned"
    assert world.tree.state("session") == "stopped"
    assert "close" in world.client.names()
    assert world.view.idle
    assert world.saved()[-1].idle_since == world.calendar()
    assert world.saved()[-1].desired is UNSET


def test_a_killed_browser_is_started_again_after_the_back_off(ready):
    ready.page(BrowserLost("browser_exited"))
    assert ready.status is SessionStatus.RECONNECTING
    assert ready.names() == ["disconnected", "session:status"]
    assert ready.lane == ["close"]
    assert ready.client.names().count("open") == 1
    ready.tree.advance(2)
    assert ready.client.names().count("open") == 2
    ready.page(StateChanged(CONNECTED))
    assert ready.names()[2:] == ["session:status", "reconnected"]


def test_a_browser_past_hearing_is_killed_without_waiting_for_it(ready):
    ready.client.calls.clear()
    ready.page(BrowserLost("page_hangs"))
    assert ready.client.names() == ["kill"]


def test_a_browser_that_does_not_open_is_a_transient_loss(world):
    world.start()
    world.answer("open", error=TransientLoss("no_devtools"))
    assert world.tree.state("session") == "backoff"
    assert world.view.last_error == "no_devtools"


def test_an_opening_that_shows_nothing_is_given_up(world):
    world.start()
    world.answer("open")
    world.tree.advance(60)
    assert world.tree.state("session") == "backoff"
    assert world.view.last_error == "open_timeout"


def test_what_a_lost_incarnation_still_hears_does_not_reach_the_next(ready):
    old = ready.client.emit
    ready.page(BrowserLost("browser_exited"))
    ready.tree.advance(2)
    old(LoggedOut("LOGOUT"))
    ready.tree.settle()
    assert ready.tree.state("session") == "running"


def test_a_logout_needs_a_human_and_takes_the_profile_with_it(ready):
    ready.page(LoggedOut("user_initiated"))
    assert ready.tree.state("session") == "failed"
    assert ready.status is SessionStatus.ERROR
    assert ready.profiles.discarded == [ID]
    assert ready.names() == ["disconnected", "auth_failure", "session:status"]
    assert ready.events[0].permanent
    assert ready.saved()[-1].last_error == "LOGOUT"
    ready.tree.advance(3600)
    assert ready.client.names().count("open") == 1


def test_a_login_refused_at_the_start_gets_fresh_codes_a_bounded_number_of_times(world):
    world.start()
    for _ in range(3):
        world.answer("open")
        world.page(LoggedOut("unknown_companion"))
    assert world.profiles.discarded == [ID] * 3
    world.answer("open")
    world.page(LoggedOut("unknown_companion"))
    assert world.tree.state("session") == "failed"
    assert world.status is SessionStatus.ERROR


def test_a_ban_is_held_until_its_end(ready):
    until = ready.calendar() + timedelta(hours=2)
    ready.page(AccountBanned(until))
    assert ready.tree.state("session") == "hold"
    ready.tree.advance(7199)
    assert ready.client.names().count("open") == 1
    ready.tree.advance(2)
    assert ready.client.names().count("open") == 2


def test_our_stop_is_told_as_stopped_and_nothing_else(ready):
    ready.tree.stop()
    assert ready.status is SessionStatus.STOPPED
    assert ready.names() == ["session:status"]
    assert ready.client.names()[-2:] == ["close", "kill"]


@pytest.mark.parametrize("first", ["answer", "word"])
def test_our_logout_ends_the_session_and_removes_the_profile(ready, first):
    answer = ready.tree.handle("session").ask_async(Logout(), 10)
    ready.tree.settle()
    ready.page(StateChanged(OPENING))
    if first == "answer":
        ready.answer("logout")
    else:
        ready.page(LoggedOut("user_initiated"))
    assert answer.result(0) is None
    assert ready.status is SessionStatus.STOPPED
    assert ready.profiles.discarded == [ID]
    assert "disconnected" not in ready.names()
    assert ready.saved()[-1].desired is False


def test_a_logout_that_the_page_refuses_is_told_to_the_asker(ready):
    answer = ready.tree.handle("session").ask_async(Logout(), 10)
    ready.tree.settle()
    ready.answer("logout", error=DeadlinePassed("page"))
    with pytest.raises(DeadlinePassed):
        answer.result(0)
    assert ready.status is SessionStatus.READY


def test_the_turn_of_a_life_that_was_given_up_passes_to_the_next_one(world):
    world.slots.request((ID, 0), lambda: None)
    world.start()
    assert "open" in world.client.names()


def test_a_start_whose_sync_takes_minutes_holds_nobody_else_up(world):
    turns = []
    world.start()
    world.slots.request("another", lambda: turns.append("another"))
    world.answer("open")
    world.page(StateChanged(OPENING))
    world.tree.advance(59)
    assert turns == []
    world.tree.advance(2)
    assert turns == ["another"]
    assert world.status is SessionStatus.AUTHENTICATED


def test_a_reload_by_the_page_is_healed_without_a_new_browser(ready):
    ready.page(StateChanged(OPENING))
    ready.page(StateChanged(CONNECTED))
    assert ready.names() == ["disconnected", "session:status", "session:status", "reconnected"]
    assert ready.lane == ["close", "open"]
