from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest

from actors.errors import DeadlinePassed, SendFailed, SendRefused, SessionNotReady, TransientLoss
from actors.messages import (
    UNSET,
    AccountBanned,
    AckArrived,
    BrowserLost,
    CheckNumber,
    LoggedOut,
    Logout,
    MessageArrived,
    QrShown,
    RecordIncoming,
    RequestPairingCode,
    SendMessage,
    StateChanged,
    TakeScreenshot,
)
from actors.model import Ack, IncomingMessage, NumberStatus, OutgoingMessage, SendReceipt, SessionStatus
from supervision import ActorDown
from supervision.testing import VirtualTree
from tests.actors.parts import CONNECTED, CREATED, ID, OPENING, World, done

WA = "3EB0AAAAAAAAAAAAAAAAAA"


def message(number, timestamp=2_000_000_000):
    return IncomingMessage(f"IN{number}", "492@c.us", "492", f"text {number}", "text", timestamp)


def send(deadline=30.0, *, may_be_on_wire=False):
    row = OutgoingMessage("msg_1", ID, "492", "hi", WA)
    return SendMessage(row, deadline, may_be_on_wire)


@pytest.fixture
def world():
    with VirtualTree() as tree:
        yield World(tree)


@pytest.fixture
def ready(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    world.answer("recent_incoming", ())
    world.events.clear()
    world.lane.clear()
    return world


def test_a_session_is_linked_and_says_so(world):
    world.start()
    world.answer("open")
    world.page(QrShown("code-1"))
    assert world.view.qr_code == "code-1"
    assert world.view.qr_expires_at == world.calendar() + timedelta(seconds=60)
    world.page(StateChanged(CONNECTED))
    assert world.board.statuses == ["initializing", "qr", "authenticated", "ready"]
    assert world.names() == [
        "session:status", "qr", "authenticated", "session:status", "session:status", "ready",
    ]  # fmt: skip
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


def test_a_reload_by_the_page_is_healed_without_a_new_browser(ready):
    ready.page(StateChanged(OPENING))
    ready.page(StateChanged(CONNECTED))
    assert ready.names() == ["disconnected", "session:status", "session:status", "reconnected"]
    assert ready.lane == ["close", "open"]


# -- incoming ----------------------------------------------------------------------------------------------


def test_a_message_is_announced_once_it_is_on_disk(ready):
    ready.writer_deaf = True
    ready.page(MessageArrived(message(1)))
    assert ready.names() == []
    ready.writer_deaf = False
    ready.tree.advance(10)
    assert ready.names() == ["message:received"]
    assert ready.events[0].body == "text 1"


def test_a_message_that_comes_twice_is_announced_once(ready):
    ready.page(MessageArrived(message(1)))
    ready.page(MessageArrived(message(1)))
    assert ready.names() == ["message:received"]


def test_live_messages_wait_behind_the_history(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    world.page(MessageArrived(message(3)))
    assert world.operations(RecordIncoming) == []
    world.answer("recent_incoming", (message(1), message(2)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2", "IN3"]


def test_what_a_page_tells_before_it_is_connected_waits_for_the_history(world):
    world.start()
    world.answer("open")
    world.page(MessageArrived(message(3)))
    world.page(StateChanged(CONNECTED))
    world.answer("recent_incoming", (message(1), message(2), message(3)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2", "IN3"]


def test_what_comes_in_while_the_page_is_reconnecting_waits_for_the_history(ready):
    ready.page(StateChanged(OPENING))
    ready.page(MessageArrived(message(2)))
    ready.page(StateChanged(CONNECTED))
    ready.answer("recent_incoming", (message(1),))
    assert [event.id for event in ready.events if event.name == "message:received"] == ["IN1", "IN2"]


def test_a_history_that_fails_is_asked_again_and_keeps_the_order(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    world.page(MessageArrived(message(2)))
    world.answer("recent_incoming", error=DeadlinePassed("history"))
    world.tree.advance(5)
    world.answer("recent_incoming", (message(1), message(2)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2"]


def test_messages_are_not_held_up_for_ever_by_a_history_that_never_comes(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    world.page(MessageArrived(message(2)))
    for _ in range(3):
        world.answer("recent_incoming", error=DeadlinePassed("history"))
        world.tree.advance(5)
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN2"]


def test_the_history_is_asked_from_the_last_message_with_an_overlap(world):
    world.newest = 1_900_000_000
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    assert ("recent_incoming", 1_900_000_000 - 600) in world.client.calls


def test_what_is_older_than_the_account_is_not_ours(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    assert ("recent_incoming", int(CREATED.timestamp())) in world.client.calls


def test_the_history_is_looked_at_again_now_and_then(ready):
    before = ready.client.names().count("recent_incoming")
    ready.tree.advance(301)
    assert ready.client.names().count("recent_incoming") == before + 1


# -- outgoing ----------------------------------------------------------------------------------------------


def ask(world, request):
    answer = world.tree.handle("session").ask_async(request, 30)
    world.tree.settle()
    return answer


def test_a_send_is_answered_by_the_page(ready):
    answer = ask(ready, send())
    ready.answer("send", SendReceipt(WA, Ack.SERVER))
    assert answer.result(0) == SendReceipt(WA, Ack.SERVER)


def test_a_send_is_answered_by_its_ack_when_the_page_forgets_to(ready):
    answer = ask(ready, send())
    ready.page(AckArrived(WA, Ack.DEVICE))
    assert answer.result(0) == SendReceipt(WA, Ack.DEVICE)


def test_a_refusal_and_a_failure_reach_the_asker(ready):
    for error in (SendRefused("not_on_whatsapp", "no"), SendFailed("no")):
        answer = ask(ready, send())
        ready.answer("send", error=error)
        with pytest.raises(type(error)):
            answer.result(0)
    assert ready.tree.state("session") == "running"


def test_nothing_is_sent_while_the_session_is_not_ready(ready):
    ready.page(StateChanged(OPENING))
    with pytest.raises(SessionNotReady):
        ask(ready, send()).result(0)
    assert "send" not in ready.client.names()


def test_what_may_be_on_the_wire_is_looked_for_first(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    assert ready.client.names()[-1] == "find_sent"
    ready.answer("find_sent", Ack.READ)
    assert answer.result(0).ack is Ack.READ
    assert "send" not in ready.client.names()


@pytest.mark.parametrize("known", [None, Ack.ERROR])
def test_what_is_not_on_the_wire_is_sent(ready, known):
    ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", known)
    assert ready.client.names()[-1] == "send"


def test_of_what_the_page_still_has_to_send_it_is_asked_to_tell(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", Ack.PENDING)
    assert ready.client.names()[-1] == "send"  # which the page does not do twice
    ready.page(AckArrived(WA, Ack.SERVER))
    assert answer.result(0).ack is Ack.SERVER


def test_a_message_whose_ack_never_comes_gets_another_page_after_its_second_attempt(ready):
    ask(ready, send())
    ready.answer("send", error=DeadlinePassed("no ack"))
    assert ready.status is SessionStatus.READY
    again = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", Ack.PENDING)
    ready.answer("send", error=DeadlinePassed("no ack"))
    assert isinstance(again.exception(0), DeadlinePassed)
    assert ready.tree.state("session") == "backoff"
    assert ready.view.last_error == "unacknowledged"


def test_two_messages_that_are_late_once_are_no_reason_for_another_page(ready):
    for number in "AB":
        row = OutgoingMessage(f"msg_{number}", ID, "492", "hi", WA[:-1] + number)
        ask(ready, SendMessage(row, 30.0, may_be_on_wire=False))
        ready.answer("send", error=DeadlinePassed("no ack"))
    assert ready.status is SessionStatus.READY


def test_unable_to_tell_it_is_not_sent(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", error=DeadlinePassed("page"))
    with pytest.raises(SendFailed):
        answer.result(0)
    assert "send" not in ready.client.names()


def test_a_send_ends_with_the_incarnation(ready):
    answer = ask(ready, send())
    ready.page(BrowserLost("browser_exited"))
    with pytest.raises(ActorDown):
        answer.result(0)


def test_an_ack_of_ours_is_announced_after_the_journal_has_it(ready):
    ready.ours.add(WA)
    ready.page(AckArrived(WA, Ack.READ))
    (event,) = ready.events
    assert (event.name, event.message_id, event.ack, event.status) == ("message:ack", "msg_1", 3, "read")
    ready.page(AckArrived("OTHER", Ack.READ))
    assert len(ready.events) == 1


# -- questions ---------------------------------------------------------------------------------------------


def test_questions_are_passed_to_the_page(ready):
    answer = ask(ready, CheckNumber("492"))
    ready.answer("number_status", NumberStatus(exists=True, id="492@c.us"))
    assert answer.result(0).exists
    picture = ask(ready, TakeScreenshot())
    ready.answer("screenshot", error=DeadlinePassed("page"))
    with pytest.raises(DeadlinePassed):
        picture.result(0)


def test_a_pairing_code_is_for_a_page_that_shows_a_code(world):
    world.start()
    world.answer("open")
    with pytest.raises(SessionNotReady):
        ask(world, RequestPairingCode("491")).result(0)
    world.page(QrShown("a"))
    answer = ask(world, RequestPairingCode("491"))
    world.answer("pairing_code", "ABCD1234")
    assert answer.result(0) == "ABCD1234"


def test_a_session_that_is_not_ready_cannot_log_out(world):
    world.start()
    with pytest.raises(SessionNotReady):
        ask(world, Logout()).result(0)


def test_a_start_waits_for_its_turn(world):
    world.slots.request("another", lambda: None)
    world.start()
    assert "open" not in world.client.names()
    world.slots.release("another")
    world.tree.settle()
    assert "open" in world.client.names()


def test_a_time_of_a_code_is_in_milliseconds(world):
    world.start()
    world.answer("open")
    world.page(QrShown("a"))
    event = next(event for event in world.events if event.name == "qr")
    assert datetime.fromtimestamp(event.timestamp / 1000, UTC) == world.calendar()
