"""Significant children: more of the cases of erlang/otp's supervisor_SUITE, under its names."""

import pytest

from supervision import AutoShutdown, BackOff, ChildSpec, Jitter, Strategy, SupervisorSpec
from tests.supervision.kit import TE, TR, add, counts, end, run_inside, worker

MODES = [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT]


@pytest.mark.parametrize("way", ["supervisor", "kill", "crash", "normal"])
@pytest.mark.parametrize("restart", [TE, TR])
@pytest.mark.parametrize("mode", list(AutoShutdown))
def test_nonsignificant_temporary_and_transient(tree, mode, restart, way):
    run_inside(tree, auto_shutdown=mode)
    add(tree, worker(tree, "child1", restart=restart))
    end(tree, "s/child1", way)
    assert tree.state("s") == "running"
    back = restart is TR and way in ("kill", "crash")
    assert counts(tree) == ([1, int(back), 0, 1] if restart is TR else [0, 0, 0, 0])


def significant_pair(tree, mode, restart):
    run_inside(tree, auto_shutdown=mode, intensity=5)
    for name, significant in (("child1", True), ("child2", True), ("child3", False)):
        add(tree, worker(tree, name, restart=restart, significant=significant))


@pytest.mark.parametrize(
    ("restart", "way", "ends"),
    [
        (TE, "supervisor", False),
        (TE, "kill", True),
        (TE, "crash", True),
        (TE, "normal", True),
        (TR, "supervisor", False),
        (TR, "kill", False),
        (TR, "crash", False),
        (TR, "normal", True),
        (TR, "shutdown: some info", True),
    ],
)
def test_significant_temporary_and_transient(tree, restart, way, ends):
    significant_pair(tree, AutoShutdown.ANY_SIGNIFICANT, restart)
    end(tree, "s/child1", way)
    assert ("s" not in tree.states()) is ends
    tree.said()


@pytest.mark.parametrize("restart", [TE, TR])
def test_significant_all(tree, restart):
    significant_pair(tree, AutoShutdown.ALL_SIGNIFICANT, restart)
    end(tree, "s/child1", "normal")
    assert tree.state("s") == "running"
    end(tree, "s/child2", "normal")
    assert tree.states() == {"": "running"}
    assert tree.said()[-1] == "s/child3#1 stopping shutdown"


def test_significant_all_does_not_wait_for_one_that_an_operator_stopped(tree):
    significant_pair(tree, AutoShutdown.ALL_SIGNIFICANT, TR)
    end(tree, "s/child2", "supervisor")
    assert tree.state("s") == "running"
    end(tree, "s/child1", "normal")
    assert tree.states() == {"": "running"}


def test_significant_all_waits_for_one_that_waits_for_its_restart(tree):
    backoff = BackOff(60, 60, jitter=Jitter(1, 1))
    both = [worker(tree, name, restart=TR, significant=True, backoff=backoff) for name in "ab"]
    run_inside(tree, *both, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    end(tree, "s/b", "crash")
    end(tree, "s/a", "normal")
    assert tree.state("s") == "running"
    tree.advance(60)
    end(tree, "s/b", "normal")
    assert tree.states() == {"": "running"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("strategy", "replaced"),
    [
        (Strategy.ONE_FOR_ONE, [1, 2, 1]),
        (Strategy.ONE_FOR_ALL, [2, 2, 2]),
        (Strategy.REST_FOR_ONE, [1, 2, 2]),
    ],
)
def test_significant_bystander(tree, strategy, replaced, mode):
    run_inside(tree, strategy=strategy, auto_shutdown=mode, intensity=5)
    for name, significant in (("child1", True), ("child2", False), ("child3", True)):
        add(tree, worker(tree, name, restart=TR, significant=significant))
    end(tree, "s/child2", "kill")
    assert tree.state("s") == "running"
    assert [tree.handle(f"s/child{number}").incarnation for number in (1, 2, 3)] == replaced


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_temporary_significant_bystander_goes_without_taking_its_supervisor_along(tree, strategy):
    children = worker(tree, "a"), worker(tree, "t", restart=TE, significant=True)
    run_inside(tree, *children, strategy=strategy, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    end(tree, "s/a", "crash")
    assert tree.states() == {"": "running", "s": "running", "s/a": "running"}


@pytest.mark.parametrize("significant", [True, False])
def test_significant_escalation(tree, significant):
    run_inside(tree, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    inner = SupervisorSpec(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    add(tree, ChildSpec("sup1", inner, restart=TR, significant=significant))
    child = worker(tree, "child1", restart=TR, significant=True)
    tree.do(tree.system.start_child("s/sup1", child))
    end(tree, "s/sup1/child1", "normal")
    left = {"": "running"} if significant else {"": "running", "s": "running", "s/sup1": "stopped"}
    assert tree.states() == left


def test_a_permanent_supervisor_that_shuts_itself_down_is_started_again(tree):
    child = worker(tree, "child1", restart=TR, significant=True)
    inner = SupervisorSpec((child,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    run_inside(tree, ChildSpec("sup1", inner))
    end(tree, "s/sup1/child1", "normal")
    assert (tree.state("s/sup1/child1"), tree.handle("s/sup1").incarnation) == ("running", 2)
