"""OTP's semantics, case by case (after erlang/otp's supervisor_SUITE; the names in brackets are its own)."""

import pytest

from supervision import ChildSpec, ExitKind, Shutdown, StartFailed, Strategy, SupervisorSpec
from supervision.testing import Take
from tests.supervision.kit import LOOSE, TE, TR, worker


def run(tree, *children, **flags):
    """As the kit's, with the start still in the log."""
    return tree.start(SupervisorSpec(children, **(LOOSE | flags)))


def rows(tree, path=""):
    return [(row.id, row.handle is not None) for row in tree.do(tree.system.which_children(path))]


def counts(tree, path=""):
    found = tree.do(tree.system.count_children(path))
    return [found.specs, found.active, found.supervisors, found.workers]


def test_children_start_in_order_and_stop_in_reverse(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"))
    assert tree.said() == ["a#1 started", "b#1 started", "c#1 started"]
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == ["c#1 stopping shutdown", "b#1 stopping shutdown", "a#1 stopping shutdown"]


def test_the_next_child_starts_only_when_the_last_is_ready(tree):
    up = run(tree, worker(tree, "slow", Take(3.0)), worker(tree, "next"))
    assert not up.done()
    assert tree.states() == {"": "starting", "slow": "starting"} | {"next": "stopped"}
    tree.advance(3.0)
    assert up.done()
    assert tree.said() == ["slow#1 started", "next#1 started"]


def test_a_failed_start_unwinds_what_was_started_and_is_not_retried(tree):
    up = run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "bad", "crash"), worker(tree, "never"))
    with pytest.raises(StartFailed, match="failed to start child bad") as caught:
        up.result(0)
    assert caught.value.exit.kind is ExitKind.START_FAILED
    assert tree.said() == [
        "a#1 started",
        "b#1 started",
        "bad#1 stopping start_failed",
        "b#1 stopping shutdown",
        "a#1 stopping shutdown",
    ]


def test_a_failed_start_in_a_nested_supervisor_fails_the_whole_start(tree):
    inner = SupervisorSpec((worker(tree, "bad", "exit"),))
    up = run(tree, worker(tree, "a"), ChildSpec("sub", inner))
    with pytest.raises(StartFailed, match="failed to start child sub: failed to start child bad"):
        up.result(0)
    assert tree.said()[-1] == "a#1 stopping shutdown"


def test_a_child_that_ignores_keeps_its_spec_without_an_incarnation(tree):  # sup_start_ignore_child
    run(tree)
    tree.do(tree.system.start_child("", worker(tree, "child1", "ignore")))
    tree.do(tree.system.start_child("", worker(tree, "child2")))
    assert rows(tree) == [("child2", True), ("child1", False)]
    assert counts(tree) == [2, 1, 0, 2]


def test_a_temporary_child_that_ignores_is_not_kept(tree):  # sup_start_ignore_temporary_child
    run(tree, worker(tree, "child1", "ignore", restart=TE), worker(tree, "child2", restart=TE))
    assert rows(tree) == [("child2", True)]
    assert counts(tree) == [1, 1, 0, 1]


def test_a_temporary_child_that_ignores_start_child_is_not_kept_either(tree):
    run(tree)
    tree.do(tree.system.start_child("", worker(tree, "child1", "ignore", restart=TE)))
    assert counts(tree) == [0, 0, 0, 0]


def test_a_child_that_overstays_its_shutdown_is_killed(tree):  # sup_stop_timeout
    run(tree, worker(tree, "good", shutdown=1.0), worker(tree, "stuck", shutdown=1.0, killable=True))
    tree.tell("stuck", "hang")
    tree.said()
    tree.stop()
    assert tree.said() == ["stuck#1 stopping killed", "good#1 stopping shutdown"]
    assert tree.now == 1.0


def test_brutal_kill_does_not_ask(tree):  # sup_stop_brutal_kill
    run(tree, worker(tree, "a"), worker(tree, "b", shutdown=Shutdown.BRUTAL_KILL))
    tree.said()
    tree.stop()
    assert tree.said() == ["b#1 stopping killed", "a#1 stopping shutdown"]


def test_infinity_waits_as_long_as_it_takes(tree):  # sup_stop_infinity
    run(tree, worker(tree, "a", shutdown=Shutdown.INFINITY, stopping=Take(5000.0)))
    tree.stop(6000.0)
    assert tree.now == 5000.0


def test_static_shutdown_times_add_up(tree):
    run(tree, worker(tree, "a", stopping=Take(3.0)), worker(tree, "b", stopping=Take(3.0)))
    tree.stop()
    assert tree.now == 6.0


def test_children_that_end_by_themselves_during_a_shutdown_are_not_restarted(tree):  # sup_stop_race
    run(tree, worker(tree, "a"), worker(tree, "b", stopping=Take(2.0)))
    tree.system.request_stop()
    tree.settle()
    tree.tell("a", "crash")
    tree.advance(2.0)
    assert tree.system.ended.done()
    assert "a#2 started" not in tree.said()


@pytest.mark.parametrize("way", ["normal", "shutdown", "crash", "exit"])
def test_a_permanent_child_comes_back_whatever_happened(tree, way):  # permanent_*
    run(tree, worker(tree, "a"))
    tree.tell("a", way)
    assert rows(tree) == [("a", True)]
    assert tree.handle("a").incarnation == 2


@pytest.mark.parametrize(
    ("way", "back"), [("normal", False), ("shutdown", False), ("crash", True), ("exit", True)]
)
def test_a_transient_child_comes_back_only_after_an_abnormal_exit(tree, way, back):  # transient_*
    run(tree, worker(tree, "a", restart=TR))
    tree.tell("a", way)
    assert rows(tree) == [("a", back)]
    assert counts(tree) == [1, int(back), 0, 1]


@pytest.mark.parametrize("way", ["normal", "shutdown", "crash", "exit"])
def test_a_temporary_child_never_comes_back_and_is_forgotten(tree, way):  # temporary_*
    run(tree, worker(tree, "a", restart=TE))
    tree.tell("a", way)
    assert counts(tree) == [0, 0, 0, 0]
    tree.do(tree.system.start_child("", worker(tree, "a", restart=TE)))
    assert counts(tree) == [1, 1, 0, 1]


def test_a_transient_child_that_ended_can_be_started_again_by_hand(tree):
    run(tree, worker(tree, "a", restart=TR))
    tree.tell("a", "normal")
    assert tree.do(tree.system.restart_child("a")).alive


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_temporary_bystander_is_stopped_and_forgotten(tree, strategy):  # temporary_bystander
    run(tree, worker(tree, "child1"), worker(tree, "child2", restart=TE), strategy=strategy)
    tree.tell("child1", "normal")
    assert rows(tree) == [("child1", True)]
    assert tree.states()[""] == "running"


def test_one_for_one_restarts_only_the_failed_one(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"))
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == ["b#1 handles crash", "b#1 stopping crash", "b#2 started"]


def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"), strategy=Strategy.ONE_FOR_ALL)
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == [
        "b#1 handles crash",
        "b#1 stopping crash",
        "c#1 stopping shutdown",
        "a#1 stopping shutdown",
        "a#2 started",
        "b#2 started",
        "c#2 started",
    ]


def test_rest_for_one_restarts_it_and_what_was_started_after_it(tree):
    children = [worker(tree, name) for name in "abcd"]
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == [
        "b#1 handles crash",
        "b#1 stopping crash",
        "d#1 stopping shutdown",
        "c#1 stopping shutdown",
        "b#2 started",
        "c#2 started",
        "d#2 started",
    ]


def test_rest_for_one_on_the_last_child_leaves_the_rest_alone(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.REST_FOR_ONE)
    tree.tell("b", "crash")
    assert [tree.handle(name).incarnation for name in "ab"] == [1, 2]


def test_a_group_restart_also_starts_kept_specs_that_were_down(tree):  # tree
    run(
        tree,
        worker(tree, "a"),
        worker(tree, "ended", restart=TR),
        worker(tree, "terminated"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    tree.tell("ended", "normal")
    tree.do(tree.system.terminate_child("terminated"))
    assert rows(tree) == [("terminated", False), ("ended", False), ("a", True)]
    tree.tell("a", "crash")
    assert rows(tree) == [("terminated", True), ("ended", True), ("a", True)]


def test_a_rest_for_one_restart_starts_only_those_after_the_crashed_one(tree):
    children = [worker(tree, name, restart=TR) for name in "abc"]
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.tell("a", "normal")
    tree.tell("c", "normal")
    tree.tell("b", "crash")
    assert rows(tree) == [("c", True), ("b", True), ("a", False)]


def test_siblings_that_die_together_are_one_incident_in_a_group(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.ONE_FOR_ALL, intensity=1)
    tree.handle("a").tell("crash")
    tree.handle("b").tell("crash")
    tree.settle()
    assert tree.states() == {"": "running", "a": "running", "b": "running"}


def test_siblings_that_die_together_are_two_incidents_under_one_for_one(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), intensity=1)
    tree.handle("a").tell("crash")
    tree.handle("b").tell("crash")
    tree.settle()
    assert tree.system.ended.result(0).kind is ExitKind.SHUTDOWN


def test_one_for_all_starts_over_when_another_child_fails_to_restart(tree):
    # one_for_all_other_child_fails_restart
    run(tree, worker(tree, "child1"), worker(tree, "child2", "ok", "crash"), strategy=Strategy.ONE_FOR_ALL)
    tree.said()
    tree.tell("child1", "crash")
    assert tree.said() == [
        "child1#1 handles crash",
        "child1#1 stopping crash",
        "child2#1 stopping shutdown",
        "child1#2 started",
        "child2#2 stopping start_failed",
        "child1#2 stopping shutdown",
        "child1#3 started",
        "child2#3 started",
    ]


def test_rest_for_one_retries_only_from_the_child_that_failed_to_restart(tree):
    # rest_for_one_other_child_fails_restart
    children = (worker(tree, "child1"), worker(tree, "child2", "ok", "crash"), worker(tree, "child3"))
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.said()
    tree.tell("child1", "crash")
    assert tree.said() == [
        "child1#1 handles crash",
        "child1#1 stopping crash",
        "child3#1 stopping shutdown",
        "child2#1 stopping shutdown",
        "child1#2 started",
        "child2#2 stopping start_failed",
        "child2#3 started",
        "child3#2 started",
    ]
