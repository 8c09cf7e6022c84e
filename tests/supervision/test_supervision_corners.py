"""Corners: moments that coincide, values at the edge of what can be counted, and user code at its worst."""

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
    AlreadyPresent,
    AutoShutdown,
    AwaitableFuture,
    BackOff,
    ChildSpec,
    DomainError,
    ExitKind,
    HoldUntil,
    Jitter,
    NotFound,
    RemoteError,
    ResourceBusy,
    Restart,
    Restarting,
    SpecError,
    StartFailed,
    StopChild,
    Strategy,
    SupervisorSpec,
    System,
)
from supervision.signals import StartLate
from supervision.testing import Take

LOOSE = {"intensity": 100, "period": 3600.0}
PLAIN = Jitter(1, 1)
GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


def worker(tree, name, *starts, stopping="ok", killable=False, **rest):
    return ChildSpec(name, tree.scripted(*starts, stopping=stopping, killable=killable), **rest)


def run(tree, *children, **flags):
    up = tree.start(SupervisorSpec(children, **(LOOSE | flags)))
    tree.said()
    return up


def until(condition, seconds=5.0):
    """Real time: wait for what another thread does."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("waited in vain")


# -- who waits for whom ---------------------------------------------------------------------------------


def broken_off(tree, strategy):
    """`a` waits for its restart, and `b` and `c` wait for `a`."""
    backoff = BackOff(60, 60, jitter=PLAIN)
    run(
        tree,
        worker(tree, "a", backoff=backoff),
        worker(tree, "b"),
        worker(tree, "c", restart=Restart.TRANSIENT),
        strategy=strategy,
    )
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "backoff", "b": "stopped", "c": "stopped"}
    tree.said()


@pytest.mark.parametrize("strategy", GROUPS)
def test_who_waits_for_a_child_stays_down_when_an_operator_stops_that_child(tree, strategy):
    broken_off(tree, strategy)
    tree.do(tree.system.terminate_child("a", by="ann"))
    tree.advance(1000)
    assert tree.states() == {"": "running", "a": "stopped", "b": "stopped", "c": "stopped"}
    assert tree.said() == []


@pytest.mark.parametrize("verb", ["restart_child", "retry", "restart"])
@pytest.mark.parametrize("strategy", GROUPS)
def test_and_comes_back_with_it_in_order(tree, strategy, verb):
    broken_off(tree, strategy)
    tree.do(tree.system.terminate_child("a"))
    tree.do(getattr(tree.system, verb)("a"))
    tree.settle()
    assert tree.said() == ["a#2 started", "b#2 started", "c#2 started"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_one_of_them_may_be_started_or_deleted_by_hand_meanwhile(tree, strategy):
    broken_off(tree, strategy)
    tree.do(tree.system.terminate_child("a"))
    assert tree.do(tree.system.restart_child("b")).alive
    tree.do(tree.system.delete_child("c"))
    assert tree.states() == {"": "running", "a": "stopped", "b": "running"}


def test_one_that_an_operator_stopped_itself_does_not_come_back_with_it(tree):
    broken_off(tree, Strategy.REST_FOR_ONE)
    tree.do(tree.system.terminate_child("c"))
    tree.do(tree.system.terminate_child("a"))
    tree.do(tree.system.restart_child("a"))
    assert tree.states() == {"": "running", "a": "running", "b": "running", "c": "stopped"}


def test_one_that_was_down_on_its_own_account_waits_for_nobody(tree):
    children = [worker(tree, name, backoff=BackOff(60, 60, jitter=PLAIN)) for name in "ab"]
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.tell("b", "crash")
    tree.tell("a", "crash")
    tree.do(tree.system.terminate_child("a"))
    assert tree.states() == {"": "running", "a": "stopped", "b": "backoff"}
    tree.advance(60)
    assert tree.states() == {"": "running", "a": "stopped", "b": "running"}


def test_stopping_a_failed_child_does_not_start_those_that_need_it(tree):
    needs_human = StopChild("logged out")
    run(
        tree,
        worker(tree, "a", classify=lambda exit_: needs_human),
        worker(tree, "b"),
        strategy=Strategy.REST_FOR_ONE,
    )
    tree.tell("a", "crash")
    tree.do(tree.system.terminate_child("a"))
    assert tree.states() == {"": "running", "a": "stopped", "b": "stopped"}


def test_bystanders_that_are_still_going_down_stay_down_too(tree):
    backoff = BackOff(60, 60, jitter=PLAIN)
    children = worker(tree, "a", backoff=backoff), worker(tree, "b", stopping=Take(3.0))
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.tell("a", "crash")
    assert tree.state("b") == "stopping"
    tree.do(tree.system.terminate_child("a"))
    tree.advance(1000)
    assert tree.states() == {"": "running", "a": "stopped", "b": "stopped"}


def test_stopping_a_restarted_child_lets_those_after_it_finish_their_restart(tree):
    children = worker(tree, "a"), worker(tree, "b", "ok", Take(5.0)), worker(tree, "c")
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "b": "starting", "c": "stopped"}
    tree.do(tree.system.terminate_child("a"))
    tree.advance(5)
    assert tree.states() == {"": "running", "a": "stopped", "b": "running", "c": "running"}


@pytest.mark.parametrize("verb", ["retry", "restart"])
def test_who_may_start_but_waits_for_another_is_not_shown_as_backing_off(tree, verb):
    backoff = BackOff(60, 60, jitter=PLAIN)
    children = worker(tree, "a", "ok", "crash", backoff=backoff), worker(tree, "b", backoff=backoff)
    run(tree, *children, strategy=Strategy.ONE_FOR_ALL)
    tree.tell("b", "crash")
    getattr(tree.system, verb)("b", by="ann")
    tree.settle()
    assert tree.states() == {"": "running", "a": "backoff", "b": "stopped"}
    assert tree.system.snapshot().find("b")["backoff"] is None
    tree.advance(60)
    assert set(tree.states().values()) == {"running"}


def test_a_start_that_waits_for_its_turn_is_answered_when_an_operator_stops_it(tree):
    broken_off(tree, Strategy.REST_FOR_ONE)
    pending = tree.system.start_child("", worker(tree, "d"))
    tree.settle()
    assert not pending.done()
    tree.do(tree.system.terminate_child("d"))
    assert isinstance(pending.exception(0), StartFailed)


@pytest.mark.parametrize("restart", list(Restart))
def test_a_start_that_waits_for_its_turn_is_refused_when_its_supervisor_ends(tree, restart):
    broken_off(tree, Strategy.REST_FOR_ONE)
    pending = tree.system.start_child("", worker(tree, "d", restart=restart))
    tree.stop()
    assert isinstance(pending.exception(0), NotFound)


def test_a_restart_of_a_temporary_child_that_fails_says_so(tree):
    run(tree, worker(tree, "t", "ok", "crash", restart=Restart.TEMPORARY))
    with pytest.raises(StartFailed):
        tree.do(tree.system.restart("t"))
    assert tree.states() == {"": "running"}


def test_a_start_under_a_name_that_is_being_stopped_is_not_told_that_it_runs(tree):
    run(tree, worker(tree, "a", stopping=Take(3.0)))
    ended = tree.system.terminate_child("a")
    tree.settle()
    with pytest.raises(AlreadyPresent):
        tree.do(tree.system.start_child("", worker(tree, "a")))
    tree.do(ended, 3.0)


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_kept_spec_that_fails_to_start_with_its_group_is_tried_again_and_not_forgotten(tree, strategy):
    children = worker(tree, "a"), worker(tree, "b", "ignore")
    starts = iter([None, ValueError("not yet")])

    def start(context):
        outcome = next(starts, "ok")
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome and Actor(context)

    run(tree, children[0], ChildSpec("b", start), strategy=strategy)
    assert tree.state("b") == "stopped", "it ignored its first start"
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "b": "running"}


def test_a_start_that_an_operator_broke_off_counts_as_no_first_start_later(tree):
    run(tree, worker(tree, "a"), strategy=Strategy.ONE_FOR_ALL)
    pending = tree.system.start_child("", worker(tree, "b", Take(3.0), "crash"))
    tree.settle()
    tree.do(tree.system.terminate_child("b"), 5.0)
    assert isinstance(pending.exception(0), StartFailed)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "b": "running"}
    assert tree.handle("b").incarnation == 3


def test_a_restart_that_an_operator_broke_off_is_no_restart_by_hand_later(tree):
    run(tree, worker(tree, "a"), worker(tree, "b", "ok", Take(3.0), "crash"), strategy=Strategy.ONE_FOR_ALL)
    tree.do(tree.system.terminate_child("b"))
    pending = tree.system.restart_child("b")
    tree.settle()
    tree.do(tree.system.terminate_child("b"), 5.0)
    assert isinstance(pending.exception(0), StartFailed)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "b": "running"}
    assert tree.handle("b").incarnation == 4, "the third start failed and was tried again"


def test_a_start_by_hand_that_was_ignored_is_no_start_by_hand_later(tree):
    run(tree, worker(tree, "a"), worker(tree, "b", "ok", "ignore", "crash"), strategy=Strategy.ONE_FOR_ALL)
    tree.do(tree.system.terminate_child("b"))
    assert not tree.do(tree.system.restart_child("b")).alive
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "b": "running"}
    assert tree.handle("b").incarnation == 4


def test_what_an_operator_stopped_and_a_group_restart_started_is_not_put_down_to_the_operator(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.REST_FOR_ONE)
    tree.do(tree.system.terminate_child("b", by="ann"))
    tree.tell("a", "crash")
    assert {
        entry.by for entry in tree.system.transitions if entry.path == "b" and entry.incarnation == 2
    } == {""}
    assert tree.system.snapshot().find("b")["desired"] == {"up": True, "by": ""}


# -- during the boot ------------------------------------------------------------------------------------


def booting(tree, *children, **flags):
    """A supervisor `s` whose last child takes five seconds to get ready."""
    inner = SupervisorSpec((*children, worker(tree, "slow", Take(5.0))), **(LOOSE | flags))
    run(tree, ChildSpec("s", inner))
    assert tree.state("s") == "starting"


def test_a_start_child_during_the_boot_waits_for_it_and_cannot_fail_it(tree):
    booting(tree)
    bad, good = (tree.system.start_child("s", worker(tree, *spec)) for spec in (("bad", "crash"), ("good",)))
    tree.advance(5)
    assert isinstance(bad.exception(0), StartFailed)
    assert good.result(0).alive
    assert tree.states() == {"": "running", "s": "running", "s/slow": "running", "s/good": "running"}


def test_a_start_child_during_a_boot_that_fails_is_refused(tree):
    inner = SupervisorSpec((worker(tree, "slow", Take(5.0, "crash")),))
    tree.start(SupervisorSpec((ChildSpec("s", inner),)))
    pending = tree.system.start_child("s", worker(tree, "guest"))
    tree.advance(5)
    assert isinstance(pending.exception(0), NotFound)


def test_two_deaths_during_the_boot_of_a_group_are_one_incident(tree):
    booting(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.ONE_FOR_ALL, intensity=1)
    tree.tell("s/a", "crash")
    tree.tell("s/b", "crash")
    tree.advance(20)
    assert tree.handle("s").incarnation == 1
    assert set(tree.states().values()) == {"running"}


def test_a_temporary_child_that_died_during_the_boot_does_not_come_back_with_its_group(tree):
    booting(
        tree, worker(tree, "a"), worker(tree, "t", restart=Restart.TEMPORARY), strategy=Strategy.ONE_FOR_ALL
    )
    tree.tell("s/a", "crash")
    tree.tell("s/t", "crash")
    tree.advance(20)
    assert "s/t" not in tree.states()


def test_a_significant_child_that_will_be_restarted_after_the_boot_counts_as_up(tree):
    both = [worker(tree, n, restart=Restart.TRANSIENT, significant=True) for n in "ab"]
    booting(tree, *both, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    tree.tell("s/a", "normal")
    tree.tell("s/b", "crash")
    tree.advance(20)
    assert (tree.state("s"), tree.state("s/a"), tree.state("s/b")) == ("running", "stopped", "running")


@pytest.mark.parametrize("way", ["gave up", "needs a human"])
def test_a_first_start_that_fails_for_good_holds_up_no_boot(tree, way):
    retry = BackOff(
        1, 1, jitter=PLAIN, retry_first_start=True, max_consecutive=0 if way == "gave up" else None
    )
    classify = (lambda exit_: StopChild("logged out")) if way == "needs a human" else None
    up = run(tree, worker(tree, "a", "crash", backoff=retry, classify=classify), worker(tree, "b"))
    assert up.done()
    assert tree.states() == {"": "running", "a": "failed", "b": "running"}


def test_verbs_about_a_child_that_died_during_the_boot(tree):
    booting(tree, *(worker(tree, name) for name in "abc"))
    for name in "abc":
        tree.tell(f"s/{name}", "crash")
    with pytest.raises(Restarting):
        tree.do(tree.system.restart_child("s/a"))
    for name in "ab":
        tree.do(tree.system.terminate_child(f"s/{name}"))
    assert tree.do(tree.system.retry("s/c")).alive
    tree.advance(5)
    assert tree.do(tree.system.restart_child("s/a")).alive
    assert tree.states() == {"": "running"} | {
        "s": "running", "s/a": "running", "s/b": "stopped", "s/c": "running", "s/slow": "running"
    }  # fmt: skip


# -- moments that coincide ------------------------------------------------------------------------------


def test_a_start_deadline_that_passes_just_after_readiness_kills_nobody(tree):
    run(tree, worker(tree, "a", start_timeout=5.0))
    root = tree.system.root.cell
    root.mailbox.put_control(StartLate(tree.handle("a").cell))
    tree.settle()
    assert (tree.state("a"), tree.handle("a").incarnation) == ("running", 1)


@pytest.mark.parametrize("crashes", [1, 3])
def test_healthy_said_while_starting_begins_the_spell_once_it_is_ready(tree, crashes):
    class Connected(Actor):
        def started(self):
            self.context.healthy()

        def handle(self, message):
            raise ValueError(message)

    backoff = BackOff(1, 60, jitter=PLAIN, reset_after=5, reset_from="healthy", max_consecutive=2)
    run(tree, ChildSpec("a", Connected, backoff=backoff))
    for _ in range(crashes):
        tree.tell("a", "crash")
        tree.advance(1)
        tree.advance(5)
        assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 0


def test_an_answer_in_the_moment_of_the_deadline_is_an_answer(monkeypatch):
    class Echo(Actor):
        def handle(self, message):
            return message

    with System(SupervisorSpec((ChildSpec("a", Echo),))) as system:
        wait = AwaitableFuture.result

        def late(self, timeout=None):
            if timeout == 0.25:
                wait(self, 5)
                raise TimeoutError
            return wait(self, timeout)

        monkeypatch.setattr(AwaitableFuture, "result", late)
        assert system.handle("a").ask("here", 0.25) == "here"


def test_a_timeout_that_the_actor_answers_with_is_its_own(tree):
    class Timely(DomainError, TimeoutError):
        """The actor's own word."""

    class Patient(Actor):
        def handle(self, message):
            raise Timely(message)

    with System(SupervisorSpec((ChildSpec("a", Patient),))) as system, pytest.raises(Timely, match="no"):
        system.handle("a").ask("no", 5)


# -- values at the edge ---------------------------------------------------------------------------------

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


# -- user code at its worst -----------------------------------------------------------------------------


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
