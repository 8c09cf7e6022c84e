"""Verbs and counts: more of the cases of erlang/otp's supervisor_SUITE, under its names."""

import gc
import itertools
import weakref

import pytest

from supervision import (
    Actor,
    AlreadyPresent,
    AlreadyStarted,
    AutoShutdown,
    ChildSpec,
    NotFound,
    NotSupported,
    Restart,
    Shutdown,
    SpecError,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import Take
from tests.supervision.kit import TE, TR, P, add, counts, end, pool, refused, rows, run_inside, worker

HANGING = ("ok", *[Take(10.0, "crash")] * 6)


def test_child_adm_simple(tree):
    pool(tree)
    assert (rows(tree), counts(tree)) == ([], [0, 0, 0, 0])
    for name in ("child1", "child2"):
        add(tree, worker(tree, name))
    assert counts(tree) == [2, 2, 0, 2]
    tree.do(tree.system.terminate_child("s/child1"))
    assert (rows(tree), counts(tree)) == ([("child2", 1)], [1, 1, 0, 1])
    assert refused(tree, tree.system.terminate_child("s/child1")) is NotFound, "as in Elixir: ids, no pids"
    assert refused(tree, tree.system.restart_child("s/child2")) is NotSupported
    assert refused(tree, tree.system.delete_child("s/child2")) is NotSupported
    assert refused(tree, tree.system.start_child("foo", worker(tree, "x"))) is NotFound
    assert refused(tree, tree.system.which_children("foo")) is NotFound
    assert refused(tree, tree.system.count_children("foo")) is NotFound


def test_which_children(tree):
    run_inside(tree)
    assert rows(tree) == []
    add(tree, worker(tree, "child1"))
    add(tree, worker(tree, "child2"))
    assert rows(tree) == [("child2", 1), ("child1", 1)]
    tree.do(tree.system.terminate_child("s/child1"))
    assert rows(tree) == [("child2", 1), ("child1", "undefined")]
    tree.do(tree.system.delete_child("s/child1"))
    assert rows(tree) == [("child2", 1)]


@pytest.mark.parametrize(
    ("mode", "restart", "significant"), list(itertools.product(AutoShutdown, Restart, [True, False]))
)
def test_child_specs_map(mode, restart, significant):
    def make():
        child = ChildSpec("child", Actor, restart=restart, significant=significant)
        return SupervisorSpec((child,), auto_shutdown=mode)

    if significant and (restart is P or mode is AutoShutdown.NEVER):
        with pytest.raises(SpecError, match="significant"):
            make()
    else:
        assert make().children[0].significant is significant


@pytest.mark.parametrize("shutdown", [0, 1.0, Shutdown.INFINITY, Shutdown.BRUTAL_KILL])
@pytest.mark.parametrize("start", [Actor, SupervisorSpec()])
@pytest.mark.parametrize("restart", list(Restart))
def test_child_specs(restart, start, shutdown):
    assert ChildSpec("child", start, restart=restart, shutdown=shutdown).shutdown == shutdown


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("way", ["kill", "normal", "crash", "supervisor"])
def test_do_not_save_child_specs_for_temporary_children(tree, strategy, way):
    run_inside(tree, strategy=strategy)
    kept = {P: way == "supervisor", TR: way in ("supervisor", "normal")}
    for restart in (P, TR):
        spec = worker(tree, restart.value, restart=restart)
        add(tree, spec)
        end(tree, f"s/{restart.value}", way)
        assert refused(tree, tree.system.start_child("s", spec)) is (
            AlreadyPresent if kept[restart] else AlreadyStarted
        )
    spec = worker(tree, "temporary", restart=TE)
    add(tree, spec)
    end(tree, "s/temporary", way)
    assert add(tree, spec).alive


@pytest.mark.parametrize("dynamic", [True, False])
def test_do_not_save_start_parameters_for_temporary_children(tree, dynamic):
    # simple_one_for_one_corruption too: what a temporary child was started with goes with it
    class Large:
        """What a start closes over."""

    run_inside(tree, dynamic=dynamic)
    kept = []
    for number in range(3):
        large = Large()
        kept.append(weakref.ref(large))
        add(tree, ChildSpec(f"t{number}", lambda context, _=large: Actor(context), restart=TE))
        del large
        end(tree, f"s/t{number}", "kill")
    assert counts(tree) == [0, 0, 0, 0]  # and so its thread holds another message than the last death
    tree.runtime.blocked()  # the harness forgets its threads that have ended
    gc.collect()
    assert [ref() for ref in kept] == [None, None, None]


@pytest.mark.parametrize("start", [None, SupervisorSpec()])
def test_count_children_and_count_children_supervisor(tree, start):
    pool(tree)
    for round_ in range(1, 3):
        for number in range(50):
            name = f"r{round_}c{number}"
            add(tree, worker(tree, name, restart=TE) if start is None else ChildSpec(name, start, restart=TE))
        many = 50 * round_
        assert counts(tree) == [many, many, *((0, many) if start is None else (many, 0))]
    for name, _ in rows(tree):
        end(tree, f"s/{name}", "kill")
    assert counts(tree) == [0, 0, 0, 0]


def test_count_restarting_children(tree):
    pool(tree)
    for name in "abc":
        add(tree, worker(tree, name, "ok", *(HANGING if name != "c" else ["ok"])))
        end(tree, f"s/{name}", "crash")
    assert counts(tree) == [3, 3, 0, 3]
    for name in "ab":
        end(tree, f"s/{name}", "crash")
    assert counts(tree) == [3, 1, 0, 3]
    assert rows(tree) == [("c", 2), ("b", "restarting"), ("a", "restarting")]
    for name in "cba":
        tree.do(tree.system.terminate_child(f"s/{name}"), 20.0)
    assert counts(tree) == [0, 0, 0, 0]
