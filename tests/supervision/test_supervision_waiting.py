"""Who waits for whom, when a group goes down and comes back."""

import pytest

from supervision import (
    Actor,
    AlreadyPresent,
    BackOff,
    ChildSpec,
    Jitter,
    NotFound,
    Restart,
    StartFailed,
    StopChild,
    Strategy,
)
from supervision.testing import Take
from tests.supervision.kit import run, worker

PLAIN = Jitter(1, 1)
GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


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
