import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from actors import tree
from actors.errors import DeadlinePassed, Fault
from actors.keepalive import SECOND_LOOK, Activity, Beat, Heartbeat, KeepaliveParts, Watchdog
from actors.messages import StateChanged, UpdateAccount
from actors.model import SessionStatus, SessionView
from actors.vitals import Verdict, judge
from supervision import BackOff, ChildSpec, SupervisorSpec, System
from supervision.testing import VirtualTree
from tests.actors.parts import CONNECTED, OPENING, World, done
from wahook.board import Board


@pytest.fixture
def world():
    with VirtualTree() as tree:
        world = World(tree)
        world.client.presets["recent_incoming"] = lambda: done(())
        world.client.presets["open"] = done
        parts, backoff = world.keepalive(), BackOff(1, 60)
        world.start(
            ChildSpec("heartbeat", partial(Heartbeat, parts=parts), backoff=backoff),
            ChildSpec("watchdog", partial(Watchdog, parts=parts), backoff=backoff),
            ChildSpec("activity", partial(Activity, parts=parts), backoff=backoff),
        )
        yield world


@pytest.fixture
def ready(world):
    world.page(StateChanged(CONNECTED))
    world.client.presets |= {
        "state": lambda: done(CONNECTED),
        "send_presence": done,
        "simulate_activity": done,
    }
    world.client.calls.clear()
    world.events.clear()
    return world


class DeafPage:
    """It takes every question and answers none."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        def ask(deadline):
            self.asked.append(Future())
            return self.asked[-1]

        return ask


def test_a_page_that_hangs_does_not_hold_up_a_stop():
    page, board = DeafPage(), Board()
    board.publish(SessionView("s", SessionStatus.READY, datetime.now(UTC)))
    parts = KeepaliveParts(
        session_id="s",
        client=page,
        board=board,
        calendar=lambda: datetime.now(UTC),
        session_path="session",
        writer_path="writer",
        call_deadline=60.0,
        heartbeat_interval=0.01,
        watchdog_interval=0.01,
        activity_interval=0.01,
    )
    system = System(SupervisorSpec((ChildSpec("keepalive", tree._keepalive(parts)),)), name="house")
    system.start(20)
    ends = time.monotonic() + 20
    while len(page.asked) < 3:
        assert time.monotonic() < ends
        time.sleep(0.01)
    assert system.stop(30)
    assert all(question.cancelled() for question in page.asked)


def last(world, name):
    return world.tree.system.snapshot().find(name)["app"]["last"]


def test_each_beats_at_its_own_interval_while_the_session_is_ready(ready):
    ready.tree.advance(120)
    names = ready.client.names()
    assert names.count("send_presence") == 1
    assert names.count("simulate_activity") == 4
    assert names.count("state") == 1 + 2  # heartbeat and watchdog


def test_nothing_is_asked_of_a_page_that_is_not_ready(world):
    world.client.calls.clear()
    world.tree.advance(40)
    assert world.client.calls == []
    assert last(world, "activity") == "session not ready"


def test_a_heartbeat_writes_that_the_session_was_seen(ready):
    ready.written.clear()
    ready.tree.advance(120)
    (write,) = ready.operations(UpdateAccount)
    assert write.changes.last_seen == write.changes.last_check == ready.calendar()
    assert ready.tree.system.snapshot().find("heartbeat")["heartbeat"]["misses"] == 0


def test_a_heartbeat_without_an_answer_brings_another_browser(ready):
    ready.client.presets["state"] = lambda: done(error=DeadlinePassed("no answer"))
    ready.tree.tell("heartbeat", Beat())
    assert ready.view.last_error == "page_hangs"
    assert ready.tree.state("session") == "backoff"


def test_a_heartbeat_that_finds_the_page_unconnected_tells_the_session(ready):
    ready.client.presets["state"] = lambda: done(OPENING)
    ready.written.clear()
    ready.tree.tell("heartbeat", Beat())
    assert ready.status is SessionStatus.RECONNECTING
    assert last(ready, "heartbeat") == "stream MAIN, socket OPENING"
    (write,) = ready.operations(UpdateAccount)
    assert write.changes.last_check == ready.calendar()
    assert repr(write.changes.last_seen) == "UNSET"


def test_a_heartbeat_without_an_answer_tells_the_session(ready):
    ready.client.presets["state"] = lambda: done(error=DeadlinePassed("page"))
    ready.tree.tell("heartbeat", Beat())
    assert ready.status is SessionStatus.RECONNECTING
    assert last(ready, "heartbeat") == "DeadlinePassed"


@pytest.mark.parametrize("error", [Fault("no such function"), DeadlinePassed("page")])
def test_a_connected_page_that_can_show_no_presence_is_seen_and_keeps_its_browser(ready, error):
    ready.client.presets["send_presence"] = lambda: done(error=error)
    ready.written.clear()
    ready.tree.tell("heartbeat", Beat())
    assert ready.status is SessionStatus.READY
    assert last(ready, "heartbeat") == f"connected, no presence: {type(error).__name__}"
    assert ready.tree.system.snapshot().find("heartbeat")["heartbeat"]["misses"] == 1
    (write,) = ready.operations(UpdateAccount)
    assert write.changes.last_seen == ready.calendar()


def test_the_watchdog_kills_a_browser_that_hangs(ready):
    ready.client.presets["state"] = lambda: done(error=DeadlinePassed("page"))
    ready.tree.tell("watchdog", Beat())
    assert ready.client.names()[-1] == "kill"
    assert last(ready, "watchdog") == "page hangs"


def test_the_watchdog_kills_a_browser_that_only_seems_connected_at_the_second_look(ready):
    ready.client.presets["state"] = lambda: done(OPENING)
    ready.tree.tell("watchdog", Beat())
    assert "kill" not in ready.client.names()
    ready.tree.advance(SECOND_LOOK)
    assert ready.client.names()[-1] == "kill"
    assert last(ready, "watchdog") == "not connected"


def test_the_watchdog_leaves_a_page_that_came_back_before_the_second_look(ready):
    ready.client.presets["state"] = lambda: done(OPENING)
    ready.tree.tell("watchdog", Beat())
    ready.client.presets["state"] = lambda: done(CONNECTED)
    ready.tree.advance(SECOND_LOOK)
    assert "kill" not in ready.client.names()
    assert last(ready, "watchdog") == "well"


def test_the_watchdog_does_not_fight_a_conflict_that_it_saw_before_the_session_heard_of_it(ready):
    conflict = replace(CONNECTED, stream_mode="CONFLICT", socket_state="CONFLICT")
    ready.client.presets["state"] = lambda: done(conflict)
    ready.tree.tell("watchdog", Beat())
    assert "kill" not in ready.client.names()
    ready.page(StateChanged(conflict))
    ready.tree.advance(120)
    assert ready.status is SessionStatus.ERROR


def test_the_watchdog_leaves_a_session_alone_that_is_healing_already(ready):
    ready.page(StateChanged(OPENING))
    ready.tree.tell("watchdog", Beat())
    assert "kill" not in ready.client.names()


def test_a_failed_activity_is_shown_and_kills_nothing(ready):
    ready.client.presets["simulate_activity"] = lambda: done(error=DeadlinePassed("page"))
    ready.tree.tell("activity", Beat())
    assert last(ready, "activity") == "DeadlinePassed"
    assert "kill" not in ready.client.names()
    assert ready.status is SessionStatus.READY


@pytest.mark.parametrize(
    ("busy", "state", "verdict"),
    [
        (0.0, CONNECTED, Verdict.WELL),
        (30.0, CONNECTED, Verdict.WELL),
        (30.1, CONNECTED, Verdict.ACTOR_STUCK),
        (30.1, None, Verdict.ACTOR_STUCK),
        (1.0, None, Verdict.PAGE_HANGS),
        (1.0, OPENING, Verdict.NOT_CONNECTED),
        (1.0, replace(CONNECTED, authenticated=False), Verdict.NOT_CONNECTED),
        (1.0, replace(CONNECTED, stream_mode="SYNCING"), Verdict.NOT_CONNECTED),
    ],
)
def test_what_a_look_at_a_session_shows(busy, state, verdict):
    assert judge(busy, state, limit=30.0) is verdict
