"""Start and stop: more of the cases of erlang/otp's supervisor_SUITE, under its names."""

import itertools

import pytest

from supervision import (
    Actor,
    ChildSpec,
    ChildType,
    ExitKind,
    NotFound,
    ResourceBusy,
    Restart,
    Shutdown,
    StartFailed,
    SupervisorSpec,
)
from supervision.testing import Take
from tests.supervision.kit import ENDS, TE, TR, add, counts, end, pool, refused, rows, run_inside, worker


@pytest.mark.parametrize("restart", list(Restart))
def test_sup_start_ignore_child_start_child_simple(tree, restart):
    pool(tree)
    assert not add(tree, worker(tree, "child1", "ignore", restart=restart)).alive
    assert add(tree, worker(tree, "child2", restart=restart)).alive
    assert rows(tree) == [("child2", 1)]
    assert counts(tree) == [1, 1, 0, 1]
    assert tree.stop().kind is ExitKind.SHUTDOWN


def test_sup_start_map_simple(tree):
    pool(tree)
    spec = worker(tree, "child", restart=TE)
    add(tree, spec)
    assert tree.do(tree.system.get_childspec("s/child")) is spec
    assert (spec.type, spec.shutdown, spec.significant) == (ChildType.WORKER, 5.0, False)
    assert refused(tree, tree.system.get_childspec("s/other")) is NotFound


def test_already_started_outside_supervisor(tree):
    class Named(Actor):
        def started(self):
            self.context.claim("registered_name")

    run_inside(tree, ChildSpec("owner", Named))
    with pytest.raises(StartFailed) as caught:
        add(tree, ChildSpec("child", Named, restart=TR))
    assert isinstance(caught.value.exit.error, ResourceBusy)
    assert rows(tree) == [("owner", 1)]


def test_sup_stop_infinity(tree):
    forever = {"shutdown": Shutdown.INFINITY}
    run_inside(tree, ChildSpec("child1", SupervisorSpec(), **forever), worker(tree, "child2", **forever))
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == ["s/child2#1 stopping shutdown"]


def test_sup_stop_timeout_dynamic(tree):
    pool(tree)
    for name in "ab":
        add(tree, worker(tree, name, killable=True, restart=TE, shutdown=1.0))
    tree.tell("s/b", "hang")
    tree.said()
    tree.stop()
    assert tree.said() == ["s/a#1 stopping shutdown", "s/b#1 stopping killed"]
    assert tree.now == 1.0


def test_sup_stop_brutal_kill_dynamic(tree):
    pool(tree)
    for number in range(10):
        add(tree, worker(tree, f"c{number}", restart=TE, shutdown=Shutdown.BRUTAL_KILL))
    tree.said()
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == [f"s/c{number}#1 stopping killed" for number in range(10)]
    assert tree.now == 0.0


def test_sup_stop_race(tree):
    ways = list(itertools.product(Restart, ENDS))
    middle = [worker(tree, f"c{number}", restart=restart) for number, (restart, _) in enumerate(ways)]
    last = worker(tree, "z", stopping=Take(1.0), restart=TE, shutdown=2.0)
    run_inside(tree, worker(tree, "a", restart=TE), *middle, last)
    tree.system.request_stop()
    tree.settle()
    for number, (_, way) in enumerate(ways):
        end(tree, f"s/c{number}", way)
    tree.advance(1.0)
    assert tree.system.ended.result(0).kind is ExitKind.SHUTDOWN
    assert {entry.incarnation for entry in tree.log if entry.event == "started"} == {1}
    assert tree.said()[-1] == "s/a#1 stopping shutdown"


@pytest.mark.parametrize("restart", list(Restart))
def test_sup_stop_non_shutdown_exit_dynamic(tree, restart):
    pool(tree)
    for stopping in ("ok", "crash", "exit", Take(1.0, "crash")):
        add(tree, worker(tree, f"c{len(rows(tree))}", stopping=stopping, restart=restart))
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.now == 1.0
