"""A session that ends its incarnation while all is well: recycled, or idle until it is needed."""

import pytest

from actors.errors import SessionNotReady
from actors.messages import UNSET, MessageArrived, RecordIncoming, Recycle, SendMessage, StateChanged, Unload
from actors.model import Ack, IncomingMessage, OutgoingMessage, SendReceipt, SessionStatus
from supervision.testing import VirtualTree
from tests.actors.parts import CONNECTED, ID, OPENING, World, done

WA = "3EB0AAAAAAAAAAAAAAAAAA"


def message(number):
    return IncomingMessage(f"IN{number}", "492@c.us", "492", f"text {number}", "text", 2_000_000_000)


@pytest.fixture
def ready():
    with VirtualTree() as tree:
        world = World(tree)
        world.start()
        world.answer("open")
        world.page(StateChanged(CONNECTED))
        world.answer("recent_incoming", ())
        world.client.presets["recent_incoming"] = lambda: done(())
        world.events.clear()
        world.lane.clear()
        yield world


def send(world):
    row = OutgoingMessage("msg_1", ID, "492", "hi", WA)
    asked = world.tree.handle("session").ask_async(SendMessage(row, 30.0, may_be_on_wire=False), 60.0)
    world.tree.settle()
    return asked


def come_back(world):
    world.answer("open")
    world.page(StateChanged(CONNECTED))


def test_a_recycled_session_comes_back_at_once_with_a_new_browser_and_nobody_calls_it_lost(ready):
    ready.tree.tell("session", Recycle("too large"))
    assert ready.lane == ["close"]
    ready.tree.advance(1)
    assert ready.client.names()[-3:] == ["close", "kill", "open"]
    come_back(ready)
    assert ready.names() == ["session:status", "session:status", "reconnected"]
    assert ready.board.statuses[-2:] == ["reconnecting", "ready"]
    assert ready.lane[-1] == "open"
    assert ready.view.last_error is None


def test_recycling_counts_as_no_failure_however_often(ready):
    for _ in range(30):
        ready.tree.tell("session", Recycle("again"))
        ready.tree.advance(1)
        come_back(ready)
    node = ready.tree.system.snapshot().find("session")
    assert node["restarts"]["consecutive"] == 0
    assert node["restarts"]["total"] == 0
    assert ready.status is SessionStatus.READY


def test_what_is_on_its_way_to_the_wire_arrives_before_the_browser_is_closed(ready):
    asked = send(ready)
    ready.tree.tell("session", Recycle("too large"))
    ready.tree.advance(5)
    assert "close" not in ready.client.names()
    name = next(name for name in ready.client.futures if name.startswith("send"))
    ready.answer(name, SendReceipt(WA, Ack.SERVER))
    assert asked.result(0) == SendReceipt(WA, Ack.SERVER)
    ready.tree.advance(1)
    assert ready.client.names()[-1] == "open"


def test_a_send_that_comes_while_it_is_leaving_spends_no_attempt(ready):
    ready.tree.tell("session", Recycle("too large"))
    asked = send(ready)
    with pytest.raises(SessionNotReady):
        asked.result(0)


def test_what_arrives_while_it_is_leaving_is_journaled_and_told_first(ready):
    ready.tree.tell("session", Recycle("too large"))
    ready.writer_deaf = True
    ready.page(MessageArrived(message(1)))
    ready.tree.advance(3)
    assert "close" not in ready.client.names()
    ready.writer_deaf = False
    ready.tree.advance(10)  # told again, and answered
    assert [one.messages for one in ready.operations(RecordIncoming)] == [(message(1),)]
    assert "message:received" in ready.names()
    assert ready.client.names()[-1] == "open"


def test_a_session_that_cannot_become_free_stays_and_opens_its_lane_again(ready):
    ready.writer_deaf = True
    ready.page(MessageArrived(message(1)))
    ready.tree.tell("session", Recycle("too large"))
    ready.tree.advance(70)
    assert "close" not in ready.client.names()
    assert ready.lane[-1] == "open"
    assert ready.status is SessionStatus.READY


@pytest.mark.parametrize("asked", [Recycle("idle", quiet=60), Unload(quiet=60)])
def test_a_session_is_not_disturbed_within_its_quiet_time(ready, asked):
    ready.tree.advance(50)
    ready.page(MessageArrived(message(1)))
    ready.tree.advance(30)
    ready.tree.tell("session", asked)
    ready.tree.advance(5)
    assert "close" not in ready.client.names()
    ready.tree.advance(40)
    ready.tree.tell("session", asked)
    ready.tree.advance(5)
    assert "close" in ready.client.names()


def test_a_session_that_is_not_ready_is_left_alone(ready):
    ready.page(StateChanged(OPENING))
    ready.tree.tell("session", Recycle("too large"))
    ready.tree.tell("session", Unload(quiet=0))
    ready.tree.advance(5)
    assert "close" not in ready.client.names()


def test_a_connection_lost_while_leaving_is_the_greater_news(ready):
    ready.tree.tell("session", Recycle("too large"))
    ready.page(StateChanged(OPENING))
    ready.tree.advance(5)
    assert ready.names() == ["disconnected", "session:status"]
    ready.page(StateChanged(CONNECTED))
    ready.tree.advance(5)
    assert ready.status is SessionStatus.READY
    assert ready.lane[-1] == "open"


def test_an_idle_session_ends_without_an_error_and_stays_wanted(ready):
    ready.tree.advance(2000)
    ready.tree.tell("session", Unload(quiet=1800))
    ready.tree.advance(1)
    assert ready.tree.state("session") == "stopped"
    assert (ready.status, ready.view.idle, ready.view.last_error) == (SessionStatus.STOPPED, True, None)
    saved = ready.saved()[-1]
    assert saved.idle_since is not None
    assert (saved.desired, saved.last_error) == (UNSET, None)
    assert ready.names() == ["session:status"]
    assert ready.client.names()[-2:] == ["close", "kill"]


def test_a_stop_asked_for_while_it_is_leaving_is_a_stop(ready):
    ready.tree.tell("session", Recycle("too large"))
    ready.tree.do(ready.tree.system.terminate_child("session"), 30)
    assert ready.status is SessionStatus.STOPPED
    assert ready.client.names().count("open") == 1


def test_the_view_says_when_a_message_went_in_or_out_last(ready):
    ready.tree.advance(100)
    ready.page(MessageArrived(message(1)))
    at = ready.calendar()
    ready.tree.advance(60)
    assert ready.view.active_at == at
