"""Timers, the mailbox's lanes, and what dies with an incarnation."""

import threading
import time

import pytest

from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, SystemClock
from supervision.mailbox import Control, Letter, Mailbox, ThreadWaker
from supervision.scheduler import ThreadScheduler


class Clockwork(Actor):
    """Does what the message says with its context, and notes what arrives."""

    seen: list

    def handle(self, message):
        if callable(message):
            return message(self.context)
        self.seen.append((round(self.context.clock.monotonic(), 3), message))
        if message == "crash":
            raise ValueError(message)
        return None


@pytest.fixture
def seen(tree):
    found = []
    actor = type("Clockwork", (Clockwork,), {"seen": found})
    tree.start(SupervisorSpec((ChildSpec("a", actor, backoff=BackOff(1, 1), mailbox=5),)))
    return found


def test_after_tells_the_actor_once(tree, seen):
    tree.tell("a", lambda c: c.after(2.5, "now"))
    tree.advance(10)
    assert seen == [(2.5, "now")]


def test_every_keeps_its_beat(tree, seen):
    tree.tell("a", lambda c: c.every(2.0, "tick", first=0.5))
    tree.advance(5)
    assert seen == [(0.5, "tick"), (2.5, "tick"), (4.5, "tick")]


def test_every_starts_after_one_period_unless_told_otherwise(tree, seen):
    tree.tell("a", lambda c: c.every(2.0, "tick"))
    tree.advance(4)
    assert [at for at, _ in seen] == [2, 4]


def test_every_needs_a_positive_period(tree, seen):
    with pytest.raises(Exception, match="crashed") as caught:
        tree.ask("a", lambda c: c.every(0, "tick"))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_cancelled_timer_never_arrives_even_when_it_was_already_queued(tree, seen):
    timers = []
    tree.tell("a", lambda c: timers.append(c.after(1.0, "late")))
    tree.tell("a", lambda c: timers.append(c.every(1.0, "tick")))
    cell = tree.handle("a").cell
    tree.runtime.virtual_clock.elapsed = 1.0
    while tree.runtime.virtual_scheduler.next_due() == 1.0:
        tree.runtime.virtual_scheduler.pop().fire()
    assert cell.mailbox.depth == 2
    for timer in timers:
        timer.cancel()
        timer.cancel()
    tree.advance(10)
    assert seen == []


def test_timers_die_with_their_incarnation(tree, seen):
    tree.tell("a", lambda c: c.every(3.0, "tick"))
    tree.tell("a", lambda c: c.after(3.0, "once"))
    tree.tell("a", "crash")
    tree.advance(100)
    assert seen == [(0, "crash")]


def test_a_timer_made_after_the_end_never_fires(tree, seen):
    contexts = []
    tree.tell("a", contexts.append)
    tree.tell("a", "crash")
    timer = contexts[0].after(1.0, "ghost")
    assert timer.cancelled
    tree.advance(100)
    assert seen == [(0, "crash")]


def test_ticks_do_not_pile_up_behind_a_slow_message(tree, seen):
    gate = tree.gate("a")
    tree.tell("a", lambda c: c.every(1.0, "tick"))
    tree.tell("a", lambda c: gate.wait())
    tree.advance(10.5)
    assert tree.handle("a").cell.mailbox.depth == 1
    gate.open()
    tree.settle()
    tree.advance(1)
    assert seen == [(10.5, "tick"), (11, "tick")]


def test_a_timer_gets_into_a_full_mailbox(tree, seen):
    gate = tree.gate("a")
    tree.tell("a", lambda c: c.after(1.0, "timer"))
    tree.tell("a", lambda c: gate.wait())
    assert [tree.handle("a").tell(n) for n in range(6)] == [True] * 5 + [False]
    tree.advance(1)
    gate.open()
    tree.settle()
    assert [message for _, message in seen] == [0, 1, 2, 3, 4, "timer"]


def test_context_stop_from_another_thread_ends_an_idle_actor(tree, seen):
    contexts = []
    tree.tell("a", contexts.append)
    contexts[0].stop("shutdown: from outside")
    tree.settle()
    last = tree.system.snapshot().find("a")["last_exit"]
    assert (last["class"], last["message"]) == ("shutdown", "shutdown: from outside")


def test_pending_tells_how_much_work_waits(tree, seen):
    depths = []
    handle = tree.handle("a")
    handle.tell(lambda c: depths.append(c.pending))
    handle.tell("x")
    handle.tell("y")
    tree.settle()
    assert depths == [2]


# -- the parts, alone --------------------------------------------------------------------------------------


def box(capacity=10, now=time.monotonic):
    return Mailbox(capacity, ThreadWaker(), now)


def test_control_passes_work_and_each_lane_is_first_in_first_out():
    mailbox = box()
    for n in range(3):
        mailbox.put(Letter(n))
    mailbox.put_control("c1")
    mailbox.put_control("c2")
    got = [mailbox.get() for _ in range(5)]
    assert [g.signal if isinstance(g, Control) else g.body for g in got] == ["c1", "c2", 0, 1, 2]


def test_control_gets_in_when_work_is_full_but_not_when_closed():
    mailbox = box(1)
    assert mailbox.put(Letter(1))
    assert not mailbox.put(Letter(2))
    assert mailbox.put_control("c")
    mailbox.close()
    assert not mailbox.put_control("c")
    assert not mailbox.put(Letter(3))
    assert mailbox.dropped == 3


def test_closing_returns_what_will_not_be_handled():
    mailbox = box()
    letter = Letter("w")
    mailbox.put(letter)
    mailbox.put_control("c")
    assert mailbox.close() == ([letter], ["c"])
    assert mailbox.depth == 0
    assert isinstance(mailbox.get(), Control), "nobody waits for ever on a closed mailbox"


def test_the_age_of_the_oldest_letter_is_seen():
    now = [10.0]
    mailbox = box(now=lambda: now[0])
    assert mailbox.oldest_age() == 0.0
    mailbox.put(Letter(1))
    now[0] = 12.5
    mailbox.put(Letter(2))
    assert mailbox.oldest_age() == 2.5


def test_the_scheduler_calls_in_order_of_due_time_and_survives_what_raises(caplog):
    scheduler = ThreadScheduler(SystemClock())
    done, order = threading.Event(), []
    scheduler.after(0.03, done.set)
    scheduler.after(0.02, lambda: order.append("second"))
    scheduler.after(0.0, lambda: order.append("first"))
    scheduler.after(0.01, lambda: 1 / 0)
    scheduler.after(0.015, lambda: order.append("cancelled")).cancel()
    assert done.wait(5)
    scheduler.close()
    assert order == ["first", "second"]
    assert "scheduler.call_failed" in caplog.text


def test_a_closed_scheduler_takes_no_more_timers():
    scheduler = ThreadScheduler(SystemClock())
    pending = scheduler.after(3600, lambda: None)
    scheduler.close()
    assert scheduler.after(0, lambda: None).cancelled
    assert not scheduler._thread.is_alive()
    assert pending is not None


def test_a_thousand_timers_need_one_thread():
    before = set(threading.enumerate())  # some of them may be ending still
    scheduler = ThreadScheduler(SystemClock())
    fired = threading.Semaphore(0)
    for n in range(1000):
        scheduler.after(n / 1e5, fired.release)
    for _ in range(1000):
        assert fired.acquire(timeout=5)
    assert len(set(threading.enumerate()) - before) == 1
    scheduler.close()
