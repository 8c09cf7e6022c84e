"""Restarts: more of the cases of erlang/otp's supervisor_SUITE, under its names."""

import pytest

from supervision import (
    AlreadyPresent,
    ChildSpec,
    ExitKind,
    NotSupported,
    Restarting,
    Shutdown,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from supervision.roster import Roster
from supervision.testing import Take
from tests.supervision.kit import ENDS, TE, TR, P, add, counts, end, pool, refused, rows, run_inside, worker

HANGING = ("ok", *[Take(10.0, "crash")] * 6)


def test_multiple_restarts(tree):
    run_inside(tree, intensity=1, period=1.0)
    add(tree, worker(tree, "child1", shutdown=Shutdown.BRUTAL_KILL))
    for _ in range(4):
        end(tree, "s/child1", "crash")
        tree.advance(2.1)
    tree.do(tree.system.terminate_child("s/child1"))
    tree.do(tree.system.delete_child("s/child1"))
    assert tree.handle("s").kill("done")
    tree.settle()
    assert "s" not in tree.states()


@pytest.mark.parametrize("way", ENDS)
def test_permanent_shutdown_with_some_info(tree, way):
    run_inside(tree, worker(tree, "child1"))
    end(tree, "s/child1", way)
    assert (rows(tree), counts(tree)) == ([("child1", 2)], [1, 1, 0, 1])


@pytest.mark.parametrize("way", ["shutdown", "shutdown: some info"])
def test_transient_and_temporary_shutdown_with_some_info(tree, way):
    run_inside(tree, worker(tree, "child1", restart=TR), worker(tree, "child2", restart=TE))
    end(tree, "s/child1", way)
    end(tree, "s/child2", way)
    assert (rows(tree), counts(tree)) == ([("child1", "undefined")], [1, 0, 0, 1])
    assert tree.do(tree.system.restart_child("s/child1")).alive


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_one_for_all_and_rest_for_one_escalation(tree, strategy):
    children = worker(tree, "child1"), worker(tree, "child2", "ok", *["crash"] * 9)
    run_inside(tree, *children, strategy=strategy, intensity=4)
    end(tree, "s/child1", "crash")
    assert tree.states() == {"": "running"}
    assert tree.handle("s/child2").incarnation == 1 + 4
    assert tree.handle("s/child1").incarnation == (1 + 4 if strategy is Strategy.ONE_FOR_ALL else 2)
    assert tree.said()[-1] == f"s/child1#{tree.handle('s/child1').incarnation} stopping shutdown"


@pytest.mark.parametrize("restart", [P, TR])
def test_simple_one_for_one_restart_ignore(tree, restart):
    pool(tree)
    add(tree, worker(tree, "child1", "ok", "ok", "ignore", restart=restart))
    end(tree, "s/child1", "kill")
    assert rows(tree) == [("child1", 2)]
    end(tree, "s/child1", "kill")
    assert rows(tree) == []
    assert tree.stop().kind is ExitKind.SHUTDOWN


def test_order_of_children(tree):
    names = ["ch7", "ch3", "ch10", "ch2", "ch5"]
    run_inside(tree, *(worker(tree, name) for name in names), strategy=Strategy.REST_FOR_ONE)
    assert [name for name, _ in rows(tree)] == names[::-1]
    end(tree, "s/ch10", "crash")
    assert [line.split("#")[0] for line in tree.said()[2:]] == [
        *("s/ch5", "s/ch2"),
        *("s/ch10", "s/ch2", "s/ch5"),
    ]
    tree.stop()
    assert [line.split("#")[0] for line in tree.said()] == [f"s/{name}" for name in names[::-1]]


def test_scale_start_stop_many_children(tree, monkeypatch):
    """Linear: whatever happens to one child, the others are not even looked at."""
    looked_at = []
    start_what_may = Roster._start_what_may

    def spy(roster, children):
        looked_at.append(len(children))
        start_what_may(roster, children)

    run_inside(tree)
    monkeypatch.setattr(Roster, "_start_what_may", spy)
    for number in range(200):
        add(tree, worker(tree, f"c{number}"))
    for number in range(200):
        tree.do(tree.system.terminate_child(f"s/c{number}"))
    assert max(looked_at) == 1


def test_tree(tree):
    deaf = worker(tree, "child3", "ok", *["crash"] * 9)
    sup1 = SupervisorSpec((worker(tree, "child1"), worker(tree, "child2")), intensity=4, period=3600.0)
    empty = SupervisorSpec(intensity=4, period=3600.0)
    run_inside(tree, strategy=Strategy.ONE_FOR_ALL, intensity=4)
    for name, inner, restart in (("sup1", sup1, P), ("sup2", empty, P), ("sup3", empty, TR)):
        add(tree, ChildSpec(name, inner, restart=restart))
    tree.do(tree.system.terminate_child("s/sup3"))
    assert counts(tree) == [3, 2, 3, 0]
    tree.do(tree.system.start_child("s/sup2", deaf))
    tree.do(tree.system.start_child("s/sup2", worker(tree, "child4")))
    end(tree, "s/sup2/child4", "crash")
    assert rows(tree, "s/sup1") == [("child2", 1), ("child1", 1)]
    assert rows(tree, "s/sup2") == [("child4", 2), ("child3", 1)]
    end(tree, "s/sup2/child3", "crash")
    assert rows(tree) == [("sup3", 2), ("sup2", 2), ("sup1", 2)]
    assert counts(tree) == [3, 3, 3, 0]
    assert rows(tree, "s/sup1") == [("child2", 2), ("child1", 2)]
    assert (rows(tree, "s/sup2"), counts(tree, "s/sup2")) == ([], [0, 0, 0, 0])
    assert (rows(tree, "s/sup3"), counts(tree, "s/sup3")) == ([], [0, 0, 0, 0])


def test_a_failure_passes_up_through_every_level_whose_budget_is_spent(tree):
    """Three levels with intensity 1 tolerate (1 + 1)³ - 1 crashes."""
    spec = ChildSpec("w", tree.scripted())
    for level in "cba":
        spec = ChildSpec(level, SupervisorSpec((spec,), intensity=1, period=3600.0))
    tree.start(SupervisorSpec((spec,), intensity=0))
    for crash in range(1, 8):
        tree.tell("a/b/c/w", "crash")
        assert not tree.system.ended.done(), crash
    assert [tree.handle(path).incarnation for path in ("a", "a/b", "a/b/c", "a/b/c/w")] == [1, 2, 4, 8]
    tree.tell("a/b/c/w", "crash")
    assert tree.system.ended.result(0).reason == "shutdown: restart intensity reached"


def test_hanging_restart_loop(tree):
    run_inside(tree, worker(tree, "child1", *HANGING), intensity=8, period=10.0)
    spec = tree.do(tree.system.get_childspec("s/child1"))
    end(tree, "s/child1", "crash")
    tree.advance(15)  # in the second attempt
    assert refused(tree, tree.system.start_child("s", spec)) is AlreadyPresent
    assert refused(tree, tree.system.restart_child("s/child1")) is Restarting
    assert refused(tree, tree.system.delete_child("s/child1")) is Restarting
    assert (rows(tree), counts(tree)) == ([("child1", "restarting")], [1, 0, 0, 1])
    tree.do(tree.system.terminate_child("s/child1"), 20.0)
    assert rows(tree) == [("child1", "undefined")]
    pending = tree.system.restart_child("s/child1")
    tree.settle()
    tree.stop()
    assert isinstance(pending.exception(0), StartFailed), "the stop does not hang in the loop"


def test_hanging_restart_loop_rest_for_one(tree):
    children = worker(tree, "child1"), worker(tree, "child2", *HANGING), worker(tree, "child3")
    run_inside(tree, *children, strategy=Strategy.REST_FOR_ONE, intensity=8, period=10.0)
    end(tree, "s/child2", "crash")
    tree.advance(15)
    assert refused(tree, tree.system.start_child("s", children[1])) is AlreadyPresent
    assert refused(tree, tree.system.restart_child("s/child2")) is Restarting
    assert refused(tree, tree.system.delete_child("s/child2")) is Restarting
    assert rows(tree) == [("child3", "undefined"), ("child2", "restarting"), ("child1", 1)]
    assert counts(tree) == [3, 1, 0, 3]
    tree.do(tree.system.terminate_child("s/child2"), 20.0)
    assert rows(tree) == [("child3", "undefined"), ("child2", "undefined"), ("child1", 1)]
    tree.stop()


def test_hanging_restart_loop_simple(tree):
    pool(tree, intensity=8, period=10.0)
    add(tree, worker(tree, "child1", *HANGING))
    end(tree, "s/child1", "crash")
    tree.advance(15)
    assert refused(tree, tree.system.restart_child("s/child1")) is NotSupported
    assert refused(tree, tree.system.delete_child("s/child1")) is NotSupported
    assert (rows(tree), counts(tree)) == ([("child1", "restarting")], [1, 0, 0, 1])
    tree.do(tree.system.terminate_child("s/child1"), 20.0)
    assert rows(tree) == []
    add(tree, worker(tree, "child1"))
    tree.stop()


@pytest.mark.parametrize("who", ["s/middle", "s/middle/server"])
@pytest.mark.parametrize("way", ["kill", "crash", "normal", "restart"])
def test_simple_global_supervisor(tree, who, way):
    middle = SupervisorSpec(
        (worker(tree, "server"),), strategy=Strategy.ONE_FOR_ALL, intensity=3, period=60.0
    )
    run_inside(tree, ChildSpec("middle", middle), strategy=Strategy.ONE_FOR_ALL, intensity=3, period=60.0)
    if way == "restart":
        tree.do(tree.system.terminate_child(who))
        tree.do(tree.system.restart_child(who))
    elif who == "s/middle" and way != "kill":
        assert not tree.handle(who).cell.mailbox.closed
        return  # a supervisor handles no messages: nothing but a kill ends it against its will
    else:
        end(tree, who, way)
    assert tree.handle("s/middle/server").incarnation == 2
    assert tree.handle("s/middle/server").alive
    tree.stop()
    assert tree.said()[-1] == "s/middle/server#2 stopping shutdown"
