"""Dynamic supervisors, after Elixir's DynamicSupervisor."""

import pytest

from supervision import (
    BackOff,
    ChildSpec,
    MaxChildren,
    NotFound,
    NotSupported,
    Restart,
    Shutdown,
    SpecError,
    StartFailed,
    SupervisorSpec,
)
from supervision.testing import Take

LOOSE = {"intensity": 100_000, "period": 3600.0}


@pytest.fixture
def pool(tree):
    """A permanent dynamic supervisor `pool` under a root."""

    def make(**flags):
        spec = SupervisorSpec(dynamic=True, **(LOOSE | flags))
        tree.start(SupervisorSpec((ChildSpec("pool", spec),)))

    return make


def add(tree, name, *starts, stopping="ok", killable=False, **rest):
    spec = ChildSpec(name, tree.scripted(*starts, stopping=stopping, killable=killable), **rest)
    return tree.do(tree.system.start_child("pool", spec))


def counts(tree):
    found = tree.do(tree.system.count_children("pool"))
    return [found.specs, found.active]


def test_it_starts_empty_and_takes_children_at_run_time(tree, pool):
    pool()
    assert counts(tree) == [0, 0]
    assert add(tree, "a").alive
    assert counts(tree) == [1, 1]


def test_max_children_refuses_one_more(tree, pool):
    pool(max_children=1)
    add(tree, "a")
    with pytest.raises(MaxChildren):
        add(tree, "b")


def test_max_children_zero_refuses_all(tree, pool):
    pool(max_children=0)
    with pytest.raises(MaxChildren):
        add(tree, "a")


def test_a_child_that_waits_for_its_restart_counts_in_max_children(tree, pool):
    pool(max_children=1)
    add(tree, "a", "ok", Take(9.0), backoff=BackOff(5, 5))
    tree.tell("pool/a", "crash")
    assert counts(tree) == [1, 0]
    with pytest.raises(MaxChildren):
        add(tree, "b")


@pytest.mark.parametrize(
    ("restart", "way", "left"),
    [
        (Restart.TEMPORARY, "crash", 0),
        (Restart.TEMPORARY, "shutdown", 0),
        (Restart.TRANSIENT, "normal", 0),
        (Restart.TRANSIENT, "shutdown", 0),
        (Restart.TRANSIENT, "crash", 1),
        (Restart.PERMANENT, "shutdown", 1),
        (Restart.PERMANENT, "crash", 1),
    ],
)
def test_children_that_ended_for_good_are_forgotten(tree, pool, restart, way, left):
    pool()
    add(tree, "a", restart=restart)
    tree.tell("pool/a", way)
    assert counts(tree) == [left, left]


def test_terminate_child_forgets_even_a_permanent_one(tree, pool):
    pool()
    add(tree, "a")
    tree.do(tree.system.terminate_child("pool/a"))
    assert counts(tree) == [0, 0]
    with pytest.raises(NotFound):
        tree.do(tree.system.terminate_child("pool/a"))


def test_terminate_child_forgets_one_that_waits_for_its_restart(tree, pool):
    pool()
    add(tree, "a", backoff=BackOff(5, 5))
    tree.tell("pool/a", "crash")
    tree.do(tree.system.terminate_child("pool/a"))
    tree.advance(100)
    assert counts(tree) == [0, 0]
    assert tree.handle("pool/a").incarnation == 1


def test_restart_child_and_delete_child_are_not_for_dynamic_supervisors(tree, pool):
    pool()
    add(tree, "a")
    for verb in (tree.system.restart_child, tree.system.delete_child):
        with pytest.raises(NotSupported):
            tree.do(verb("pool/a"))


def test_a_child_that_ignores_is_not_kept(tree, pool):
    pool()
    handle = add(tree, "a", "ignore")
    assert not handle.alive
    assert counts(tree) == [0, 0]


def test_ignoring_on_restart_drops_the_child(tree, pool):
    pool()
    add(tree, "a", "ok", "ignore")
    tree.tell("pool/a", "crash")
    assert counts(tree) == [0, 0]


def test_a_start_that_fails_is_an_error_and_leaves_nothing(tree, pool):
    pool()
    with pytest.raises(StartFailed):
        add(tree, "a", "exit")
    assert counts(tree) == [0, 0]


def test_a_restart_that_fails_is_tried_again(tree, pool):
    pool(intensity=2)
    add(tree, "a", "ok", "crash", "ok")
    tree.tell("pool/a", "crash")
    assert counts(tree) == [1, 1]
    assert tree.handle("pool/a").incarnation == 3


def test_restarts_that_keep_failing_end_the_supervisor(tree, pool):
    pool(intensity=10)
    add(tree, "a", "ok", *["crash"] * 20)
    tree.tell("pool/a", "crash")
    assert tree.handle("pool/a").incarnation == 11
    assert tree.handle("pool").incarnation == 2, "its own parent restarts it, empty"
    assert counts(tree) == [0, 0]


def test_children_stop_in_parallel_each_with_its_own_deadline(tree, pool):
    pool()
    for name in "abc":
        add(tree, name, stopping=Take(3.0))
    add(tree, "stuck", stopping="hang", shutdown=4.0, kill_grace=0.5)
    add(tree, "brutal", shutdown=Shutdown.BRUTAL_KILL)
    add(tree, "patient", shutdown=Shutdown.INFINITY, stopping=Take(3.5))
    tree.said()
    tree.stop()
    assert tree.now == 4.5
    assert sorted(tree.said())[1] == "pool/b#1 stopping shutdown"


def test_a_significant_child_is_refused(tree, pool):
    pool()
    with pytest.raises(SpecError, match="significant"):
        add(tree, "a", restart=Restart.TRANSIENT, significant=True)


def test_one_sick_child_leaves_the_others_alone(tree, pool):
    pool()
    for name in "abc":
        add(tree, name, backoff=BackOff(1, 60))
    for _ in range(20):
        tree.tell("pool/b", "crash")
        tree.advance(61)
    assert [tree.handle(f"pool/{name}").incarnation for name in "ac"] == [1, 1]


def test_an_operator_restart_keeps_a_dynamic_child(tree, pool):
    pool()
    add(tree, "a", restart=Restart.TEMPORARY)
    assert tree.do(tree.system.restart("pool/a", by="ann")).incarnation == 2
    assert counts(tree) == [1, 1]


def test_a_thousand_temporary_children_come_and_go(tree, pool):  # simple_one_for_one_scale_many_…
    pool()
    for number in range(1000):
        add(tree, f"t{number}", restart=Restart.TEMPORARY)
    for number in range(1000):
        tree.handle(f"pool/t{number}").tell("normal")
    tree.settle()
    assert counts(tree) == [0, 0]
