"""Back-off in groups, and storms: many that wait, and what holds them together."""

import pytest

from supervision import (
    ChildSpec,
    NotFound,
    StopChild,
    StormFuse,
    Strategy,
    SupervisorSpec,
)
from tests.supervision.kit import backoff, classified, run_strictly

# -- groups ------------------------------------------------------------------------------------------------


def chain(tree, *, strategy=Strategy.REST_FOR_ONE, classify=None, **rest):
    run_strictly(
        tree,
        ChildSpec("before", tree.scripted()),
        ChildSpec("a", tree.scripted(), **({"backoff": backoff(), "classify": classify} | rest)),
        ChildSpec("after", tree.scripted()),
        strategy=strategy,
    )


def test_in_a_group_bystanders_stop_at_once_and_start_after_the_delay(tree):
    chain(tree)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "before": "running", "a": "backoff", "after": "stopped"}
    tree.advance(1.9)
    assert tree.said()[-1] == "after#1 stopping shutdown"
    tree.advance(0.2)
    assert tree.said() == ["a#2 started", "after#2 started"]


def test_in_one_for_all_everybody_waits_for_the_delay(tree):
    chain(tree, strategy=Strategy.ONE_FOR_ALL)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "before": "stopped", "a": "backoff", "after": "stopped"}
    tree.advance(2)
    assert tree.said()[-3:] == ["before#2 started", "a#2 started", "after#2 started"]


@pytest.mark.parametrize(
    ("strategy", "before"), [(Strategy.REST_FOR_ONE, "running"), (Strategy.ONE_FOR_ALL, "stopped")]
)
def test_stop_child_in_a_group_stops_who_depends_on_it_until_the_retry(tree, strategy, before):
    chain(tree, strategy=strategy, classify=classified(StopChild("logged out")))
    tree.tell("a", "crash")
    tree.advance(1000)
    assert tree.states() == {"": "running", "before": before, "a": "failed", "after": "stopped"}
    tree.do(tree.system.retry("a"))
    assert set(tree.states().values()) == {"running"}


def test_a_crash_before_the_one_that_waits_restarts_all_after_it(tree):
    chain(tree)
    tree.tell("a", "crash")
    tree.tell("before", "crash")
    assert tree.states() == {"": "running", "before": "running", "a": "backoff", "after": "stopped"}
    tree.advance(2)
    assert set(tree.states().values()) == {"running"}


def test_an_operator_restart_takes_the_group_along_and_counts_nothing(tree):
    chain(tree)
    tree.do(tree.system.restart("a", by="ann"))
    assert tree.said() == [
        "after#1 stopping shutdown",
        "a#1 stopping shutdown",
        "a#2 started",
        "after#2 started",
    ]
    assert tree.system.snapshot().find("a")["restarts"]["total"] == 0


def test_a_group_restart_does_not_wake_a_failed_child(tree):
    run_strictly(
        tree,
        ChildSpec("a", tree.scripted()),
        ChildSpec("b", tree.scripted(), classify=classified(StopChild("logged out"))),
        strategy=Strategy.REST_FOR_ONE,
    )
    tree.tell("b", "crash")
    tree.tell("a", "crash")
    tree.settle()
    assert tree.states() == {"": "running", "a": "running", "b": "failed"}


# -- storms ------------------------------------------------------------------------------------------------


def sessions(tree, names="abcd", fuse=StormFuse(2, 60.0, 100.0), **rest):  # noqa: B008 - frozen
    run_strictly(tree, ChildSpec("sessions", SupervisorSpec(dynamic=True, storm_fuse=fuse, **rest)))
    for name in names:
        inner = SupervisorSpec((ChildSpec("session", tree.scripted(), backoff=backoff()),))
        tree.do(tree.system.start_child("sessions", ChildSpec(name, inner)))


def crash(tree, names):
    for name in names:
        tree.tell(f"sessions/{name}/session", "crash")


def test_many_failing_at_once_pause_restarts_and_leave_the_healthy_alone(tree):
    sessions(tree)
    crash(tree, "abc")
    tree.advance(2)
    found = [tree.state(f"sessions/{name}/session") for name in "abcd"]
    assert found == ["hold", "hold", "hold", "running"]
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is not None
    tree.advance(98)
    assert {tree.state(f"sessions/{name}/session") for name in "abcd"} == {"running"}
    assert tree.handle("sessions/d/session").incarnation == 1


def test_one_child_that_keeps_failing_trips_no_storm_fuse(tree):
    sessions(tree)
    for _ in range(4):
        crash(tree, "a")
        tree.advance(20)
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is None


def test_many_failures_inside_one_child_are_one_sick_child_and_no_storm(tree):
    run_strictly(
        tree, ChildSpec("sessions", SupervisorSpec(dynamic=True, storm_fuse=StormFuse(2, 60.0, 100.0)))
    )
    parts = tuple(ChildSpec(name, tree.scripted(), backoff=backoff()) for name in "abcdef")
    tree.do(tree.system.start_child("sessions", ChildSpec("one", SupervisorSpec(parts))))
    for name in "abcdef":
        tree.tell(f"sessions/one/{name}", "crash")
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is None
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["used"] == 1


def test_after_a_storm_the_starts_are_spread(tree):
    sessions(tree, fuse=StormFuse(2, 60.0, 100.0, spread=30.0))
    crash(tree, "abc")
    tree.advance(100)
    assert {tree.state(f"sessions/{name}/session") for name in "abc"} == {"hold"}
    tree.advance(30)
    assert {tree.state(f"sessions/{name}/session") for name in "abc"} == {"running"}
    ups = {e.at for e in tree.log if e.event == "started" and e.incarnation == 2}
    assert len(ups) == 3


def test_during_a_storm_an_operator_may_start_and_retry_by_hand(tree):
    sessions(tree)
    crash(tree, "abc")
    assert tree.do(tree.system.retry("sessions/a/session")).alive
    assert tree.do(tree.system.start_child("sessions", ChildSpec("new", tree.scripted()))).alive


def test_a_storm_of_a_flat_dynamic_supervisor_counts_its_own_children(tree):
    fuse = StormFuse(1, 60.0, 100.0)
    run_strictly(tree, ChildSpec("pool", SupervisorSpec(dynamic=True, storm_fuse=fuse, intensity=100)))
    for name in "ab":
        tree.do(tree.system.start_child("pool", ChildSpec(name, tree.scripted())))
    tree.tell("pool/a", "crash")
    tree.tell("pool/b", "crash")
    assert tree.state("pool/a") == "running"
    assert tree.state("pool/b") == "hold"


def test_terminating_a_child_forgets_its_hold(tree):
    sessions(tree)
    crash(tree, "abc")
    tree.do(tree.system.terminate_child("sessions/a"))
    with pytest.raises(NotFound):
        tree.do(tree.system.retry("sessions/a"))
