"""The cases of Elixir's DynamicSupervisorTest and SupervisorTest, under their names."""

import pytest

from supervision import DomainError, ExitKind, MaxChildren, NotFound, Running, Shutdown, StartFailed
from supervision.testing import Take
from tests.supervision.kit import TE, add, counts, end, pool, refused, rows, run_inside, worker


def test_restarting_on_exit_and_on_init_children_counted_in_max_children(tree):
    pool(tree, max_children=1)
    add(tree, worker(tree, "a", "ok", "ok", Take(9.0, "crash")))
    end(tree, "s/a", "shutdown")
    assert counts(tree) == [1, 1, 0, 1]
    assert refused(tree, tree.system.start_child("s", worker(tree, "b"))) is MaxChildren
    end(tree, "s/a", "shutdown")
    assert counts(tree) == [1, 0, 0, 1]
    assert refused(tree, tree.system.start_child("s", worker(tree, "b"))) is MaxChildren


def test_max_children_has_room_again_when_one_has_gone(tree):
    pool(tree, max_children=1)
    for way in ("normal", "kill", "supervisor"):
        assert add(tree, worker(tree, "a", restart=TE)).alive
        end(tree, "s/a", way)
    assert refused(tree, tree.system.start_child("s", worker(tree, "b", "crash"))) is StartFailed
    assert add(tree, worker(tree, "a", restart=TE)).alive


@pytest.mark.parametrize("way", ["crash", "exit", "domain", "hang"])
def test_start_child_with_throw_error_exit(tree, way):
    pool(tree)
    spec = worker(tree, "a", way, start_timeout=3.0, kill_grace=1.0)
    with pytest.raises(StartFailed) as caught:
        tree.do(tree.system.start_child("s", spec), 5.0)
    assert caught.value.exit.kind is ExitKind.START_FAILED
    assert isinstance(caught.value.exit.error, DomainError) is (way == "domain")
    assert counts(tree) == [0, 0, 0, 0]


def test_terminates_children_with_expired_integer_shutdown(tree):
    pool(tree)
    for name in "abc":
        add(tree, worker(tree, name, killable=True, shutdown=0.001))
    tree.tell("s/b", "hang")
    tree.said()
    tree.stop()
    assert tree.now == 0.001
    assert tree.said() == ["s/a#1 stopping shutdown", "s/c#1 stopping shutdown", "s/b#1 stopping killed"]


@pytest.mark.parametrize("shutdown", [Shutdown.BRUTAL_KILL, 1.0, Shutdown.INFINITY])
def test_terminate_child(tree, shutdown):
    pool(tree)
    add(tree, worker(tree, "a", shutdown=shutdown))
    tree.said()
    tree.do(tree.system.terminate_child("s/a"))
    assert tree.said() == [f"s/a#1 stopping {'killed' if shutdown is Shutdown.BRUTAL_KILL else 'shutdown'}"]
    assert refused(tree, tree.system.terminate_child("s/a")) is NotFound
    assert counts(tree) == [0, 0, 0, 0]


def test_child_life_cycle(tree):
    run_inside(tree)
    assert (rows(tree), counts(tree)) == ([], [0, 0, 0, 0])
    add(tree, worker(tree, "stack"))
    assert tree.ask("s/stack", "hello") == "hello"
    assert (rows(tree), counts(tree)) == ([("stack", 1)], [1, 1, 0, 1])
    assert refused(tree, tree.system.delete_child("s/stack")) is Running
    tree.do(tree.system.terminate_child("s/stack"))
    assert tree.do(tree.system.restart_child("s/stack")).alive
    tree.do(tree.system.terminate_child("s/stack"))
    tree.do(tree.system.delete_child("s/stack"))
    assert counts(tree) == [0, 0, 0, 0]
