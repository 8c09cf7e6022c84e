"""Values at the edge of what can be counted, and user code at its worst."""

import dataclasses
import json
import math
import os
import sys
import threading
from datetime import UTC, datetime

import pykka
import pytest

from supervision import (
    Actor,
    AwaitableFuture,
    BackOff,
    ChildSpec,
    ExitKind,
    HoldUntil,
    RemoteError,
    ResourceBusy,
    Restart,
    SpecError,
    StopChild,
    SupervisorSpec,
    System,
)
from supervision.testing import Take
from tests.supervision.kit import run, worker


def until(condition, seconds=5.0):
    """Real time: wait for what another thread does."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("waited in vain")


FAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_hold_until_the_end_of_the_calendar_is_a_hold(tree):
    run(tree, worker(tree, "a", classify=lambda exit_: HoldUntil(FAR)))
    tree.tell("a", "crash")
    tree.advance(10**9)
    assert (tree.state(""), tree.state("a")) == ("running", "hold")
    assert tree.do(tree.system.retry("a")).alive


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_a_hold_longer_than_the_calendar_is_a_hold(tree, seconds):
    run(tree, worker(tree, "a", classify=lambda exit_: HoldUntil(seconds)))
    tree.tell("a", "crash")
    assert (tree.state(""), tree.state("a")) == ("running", "hold")
    assert tree.system.snapshot().find("a")["backoff"]["next_at"]


@pytest.mark.parametrize("seconds", [math.inf, 1e12])
def test_a_timer_too_far_for_the_kernel_leaves_the_others_going(seconds):
    rang = threading.Event()

    class Timed(Actor):
        def started(self):
            self.context.after(seconds, "never")

        def handle(self, message):
            rang.set()

    with System(SupervisorSpec((ChildSpec("a", Timed),))) as system:
        handle = system.handle("a")
        assert handle.ask_async("x", seconds).result(5) is None
        for _ in range(3):
            rang.clear()
            handle.cell.context.after(0.0, "now")
            assert rang.wait(5), "the scheduler goes on"


@pytest.mark.parametrize("at", [math.inf, math.nan, "soon", None, True])
def test_a_hold_that_is_no_time_is_refused(at):
    with pytest.raises(SpecError, match=r"HoldUntil\.at"):
        HoldUntil(at)


@pytest.mark.parametrize("timeout", [None, math.inf, math.nan])
def test_an_ask_without_a_deadline_is_refused(timeout):
    root = SupervisorSpec((ChildSpec("a", Actor),))
    with System(root) as system, pytest.raises(ValueError, match="timeout"):
        system.handle("a").ask("x", timeout)


class Unprintable(Exception):
    """Even to look at it fails."""

    def __str__(self):
        raise SystemExit("unprintable")

    __repr__ = __str__


def test_an_error_that_cannot_be_printed_is_a_crash_like_any_other():
    outsider = pykka.ThreadingActor.start()

    class Victim(Actor):
        def handle(self, message):
            raise Unprintable

    try:
        spec = ChildSpec("a", Victim, backoff=BackOff(0.01, 0.01))
        with System(SupervisorSpec((spec,))) as system:
            handle = system.handle("a")
            with pytest.raises(RemoteError):
                handle.ask("x", 5)
            until(lambda: handle.incarnation == 2 and handle.alive)
            assert "Unprintable" in system.snapshot().find("a")["last_exit"]["message"]
        assert outsider.is_alive()
    finally:
        outsider.stop(timeout=5)


def test_an_error_whose_traceback_cannot_be_drawn_is_a_crash_like_any_other(tree):
    class Parser(Actor):
        def handle(self, message):
            raise SyntaxError("odd", ("file", 1, 1, 5))  # its text is no text

    run(tree, ChildSpec("a", Parser))
    tree.tell("a", "go")
    assert [tree.handle(name).incarnation for name in ("", "a")] == [1, 2]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_a_callback_of_an_asker_cannot_harm_the_actor_that_answers(error):
    outsider = pykka.ThreadingActor.start()
    here = threading.current_thread()

    class Echo(Actor):
        def handle(self, message):
            return asked.result(5) if message == "wait" else message

    asked: AwaitableFuture[str] = AwaitableFuture()

    def harm(_):
        assert threading.current_thread() is not here
        raise error

    try:
        with System(SupervisorSpec((ChildSpec("a", Echo),))) as system:
            handle = system.handle("a")
            answer = handle.ask_async("wait", 5)
            seen = threading.Event()
            answer.add_done_callback(harm)
            answer.add_done_callback(lambda _: seen.set())
            asked.settle("done")
            assert answer.result(5) == "done"
            assert seen.wait(5), "the callbacks after it are called too"
            assert (handle.ask("still", 5), handle.incarnation) == ("still", 1)
        assert outsider.is_alive()
    finally:
        outsider.stop(timeout=5)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_subscriber_or_a_deadline_that_raises_anything_ends_no_helper_thread(error, caplog):
    class Echo(Actor):
        def handle(self, message):
            return message

    seen = []

    def subscriber(entry):
        seen.append(entry)
        raise error

    with System(SupervisorSpec((ChildSpec("a", Echo),))) as system:
        system.subscribe(subscriber)

        def harm():
            raise error

        system.runtime.scheduler.after(0.0, harm)
        for turn in range(1, 3):
            system.restart("a").result(5)
            until(lambda turn=turn: len(seen) >= 3 * turn)
        rang = threading.Event()
        system.runtime.scheduler.after(0.0, rang.set)
        assert rang.wait(5)


def test_a_classifier_that_raises_anything_leaves_the_decision_to_the_restart_type(tree):
    def broken(exit_):
        sys.exit("broken")

    run(tree, worker(tree, "a", classify=broken))
    tree.tell("a", "crash")
    assert (tree.handle("a").incarnation, tree.handle("").incarnation) == (2, 1)
    assert tree.state("a") == "running"


def test_no_thread_to_kill_with_is_no_crash_of_the_supervisor(monkeypatch):
    freed = threading.Event()

    class Stuck(Actor):
        def handle(self, message):
            self.context.kill_with(freed.set)
            freed.wait(30)

    spec = ChildSpec("a", Stuck, shutdown=0.05, kill_grace=20.0)
    with System(SupervisorSpec((spec,))) as system:
        handle = system.handle("a")
        handle.tell("hang")
        until(lambda: handle.stamp().message_type is not None and handle.cell._kill_with is not None)
        start, refused = threading.Thread.start, []

        def refuse_once(self):
            if self.name.startswith("kill ") and not refused:
                refused.append(self.name)
                raise RuntimeError("can't start new thread")
            start(self)

        monkeypatch.setattr(threading.Thread, "start", refuse_once)
        system.terminate_child("a").result(10)
        assert refused == ["kill a#1"]
        assert system.root.cell.exit is None


@pytest.mark.parametrize("reason", ["", None, 7])
def test_a_stop_for_whatever_reason_is_a_stop(tree, reason):
    run(tree, worker(tree, "a", classify=lambda exit_: StopChild(reason)))
    tree.tell("a", "crash")
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["incarnation"]) == ("failed", 1)
    assert node["reason"]


@pytest.mark.parametrize("reason", ["", None, 7])
def test_a_kill_for_whatever_reason_is_a_kill(tree, reason):
    run(tree, worker(tree, "a"), worker(tree, "b"))
    tree.handle("a").kill(reason)
    tree.do(tree.system.kill("b", reason))
    tree.settle()
    assert [tree.handle(name).incarnation for name in ("", "a", "b")] == [1, 2, 2]
    assert tree.system.snapshot().find("a")["last_exit"]["class"] == "killed"


@pytest.mark.parametrize("reason", ["", None, 7])
def test_an_actor_that_stops_itself_for_whatever_reason_ends_normally(tree, reason):
    class Quitter(Actor):
        def handle(self, message):
            self.context.stop(reason)

    run(tree, ChildSpec("a", Quitter, restart=Restart.TRANSIENT))
    tree.tell("a", "go")
    assert tree.system.snapshot().find("a")["last_exit"]["class"] == "normal"


class Odd:
    """No JSON, and no text either."""

    def __str__(self):
        raise SystemExit("odd")


def test_whatever_an_actor_reports_the_dump_is_json(tree):
    class Reporter(Actor):
        def started(self):
            self.counts = {"seen": 1}
            loop = [1]
            loop.append(loop)
            self.context.report(
                counts=self.counts,
                at=datetime(2026, 1, 1, tzinfo=UTC),
                share=math.nan,
                names={"b"},
                keys={1: Odd()},
                loop=loop,
                raw=b"x",
                large=10**5000,
            )
            self.context.heartbeat(True, math.inf)

        def handle(self, message):
            self.counts["later"] = message

    run(tree, ChildSpec("a", Reporter))
    tree.tell("a", "not reported")

    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    dump = json.loads(tree.system.snapshot().to_json(), parse_constant=refuse)
    node = dump["tree"]["children"][0]
    assert node["app"]["counts"] == {"seen": 1}, "as it was when it was reported"
    assert (node["app"]["at"], node["app"]["share"]) == ("2026-01-01T00:00:00+00:00", None)
    assert (node["app"]["names"], node["app"]["keys"]) == (["b"], {"1": "Odd"})
    assert node["heartbeat"]["rtt_ms"] is None
    assert tree.system.snapshot().to_text()


def test_an_error_about_an_undecodable_file_can_be_sent_in_a_dump(tree):
    class Reader(Actor):
        def handle(self, message):
            raise LookupError(os.fsdecode(b"caf\xe9"))

    run(tree, ChildSpec("a", Reader, backoff=BackOff(60, 60)))
    tree.tell("a", "go")
    snapshot = tree.system.snapshot()
    assert "caf" in snapshot.find("a")["last_exit"]["message"]
    for text in (snapshot.to_json(), snapshot.to_text(), snapshot.to_html()):
        assert text.encode("utf-8")


@pytest.mark.parametrize("call", [lambda c: c.processes(object()), lambda c: c.heartbeat(True, "fast")])
def test_what_cannot_be_shown_at_all_is_refused_where_it_is_said(tree, call):
    class Reporter(Actor):
        def handle(self, message):
            call(self.context)

    run(tree, ChildSpec("a", Reporter, restart=Restart.TRANSIENT, backoff=BackOff(60, 60)))
    tree.tell("a", "go")
    assert tree.state("a") == "backoff"
    assert json.loads(tree.system.snapshot().to_json())


def test_a_helper_thread_of_an_ended_incarnation_can_neither_report_nor_claim(tree):
    contexts = []

    class Leaky(Actor):
        def handle(self, message):
            contexts.append(self.context)
            raise ValueError(message)

        def stopping(self, exit):  # noqa: A002
            self.context.report(last_words=exit.kind.value)

    run(tree, ChildSpec("a", Leaky))
    tree.tell("a", "crash")
    old = contexts[0]
    assert not old.current
    old.report(ghost=True)
    old.processes(1)
    with pytest.raises(ResourceBusy, match="ended"):
        old.claim("profile")
    node = tree.system.snapshot().find("a")
    assert (node["app"], node["os"], node["incarnation"]) == ({"last_words": "crash"}, None, 2)
    tree.handle("a").cell.context.claim("profile")


def test_what_was_given_up_cannot_claim_when_it_surfaces(tree):
    caught = []

    class Late(Actor):
        def handle(self, message):
            tree.gate("a").wait()
            try:
                self.context.claim("profile")
            except ResourceBusy as error:
                caught.append(str(error))

    run(tree, ChildSpec("a", Late, kill_grace=1.0, backoff=BackOff(100, 100)))
    tree.tell("a", "hang")
    tree.handle("a").kill("stuck")
    tree.advance(2)
    tree.release("a")
    assert len(caught) == 1


def test_killing_the_root_ends_the_tree(tree):
    run(tree, worker(tree, "a", shutdown=60.0, stopping=Take(30.0)))
    assert tree.handle("").kill("enough")
    tree.advance(2.0)
    assert tree.system.ended.result(0).kind is ExitKind.KILLED


def test_a_stop_that_cannot_be_finished_settles_the_end_all_the_same():
    gate = threading.Event()

    class Stubborn(Actor):
        def handle(self, message):
            gate.wait(30)

    system = System(SupervisorSpec((ChildSpec("a", Stubborn, shutdown=60.0, kill_grace=60.0),)))
    system._spec = dataclasses.replace(system._spec, kill_grace=0.01)
    system.start(5)
    system.handle("a").tell("work")
    until(lambda: system.handle("a").stamp().message_type is not None)
    assert system.stop(0.05) is False
    assert system.ended.result(5).kind is ExitKind.KILLED
    gate.set()


def test_a_start_child_of_something_that_is_no_spec_is_refused(tree):
    run(tree)
    with pytest.raises(SpecError, match="hej"):
        tree.do(tree.system.start_child("", "hej"))
