"""The cases of Pekko's back-off specs, under their names."""

import pytest

from supervision import BackOff, Jitter, StopChild
from supervision.testing import Take, VirtualTree
from tests.supervision.kit import TR, P, counts, end, run_inside, worker


def backed_off(tree, *starts, restart=P, stopping="ok", classify=None, low=0.2, **rest):
    backoff = BackOff(low, 10.0, **({"jitter": Jitter(1, 1)} | rest))
    run_inside(
        tree,
        worker(tree, "c1", *starts, stopping=stopping, restart=restart, backoff=backoff, classify=classify),
    )


def started(tree):
    return [entry.at for entry in tree.log if entry.event == "started"]


def test_start_child_again_when_it_stops_when_using_on_stop(tree):
    backed_off(tree)
    end(tree, "s/c1", "normal")
    assert tree.state("s/c1") == "backoff"
    tree.advance(0.2)
    assert started(tree) == [0, 0.2]


def test_terminate_when_child_terminates_when_using_on_failure(tree):
    backed_off(tree, restart=TR)
    end(tree, "s/c1", "normal")
    tree.advance(100)
    assert tree.state("s/c1") == "stopped"


def test_restart_the_child_with_an_exponential_back_off(tree):
    backed_off(tree, restart=TR, reset_after=100.0)
    for delay in (0.2, 0.4, 0.8, 1.6):
        end(tree, "s/c1", "crash")
        tree.advance(delay - 0.01)
        assert tree.state("s/c1") == "backoff"
        tree.advance(0.01)
        assert tree.state("s/c1") == "running"
    assert counts(tree) == [1, 1, 0, 1]


def test_stop_on_exceptions_as_dictated_by_the_supervisor_strategy(tree):
    backed_off(tree, classify=lambda exit_: StopChild("stopping exception"))
    end(tree, "s/c1", "crash")
    tree.advance(100)
    assert (tree.state("s/c1"), started(tree)) == ("failed", [0])


def test_accept_commands_while_child_is_terminating(tree):
    backed_off(tree, stopping=Take(3.0), low=1e-9)
    assert tree.ask("s/c1", "ping") == "ping"
    end(tree, "s/c1", "crash")
    assert not tree.tell("s/c1", "ping"), "in limbo: not delivered, and said so"
    assert counts(tree) == [1, 1, 0, 1]
    assert tree.system.snapshot().find("s/c1")["restarts"]["total"] == 0
    tree.advance(3.1)
    assert tree.ask("s/c1", "ping") == "ping"
    assert tree.handle("s/c1").incarnation == 2


@pytest.mark.parametrize("way", ["normal", "crash"])
def test_stop_restarting_the_child_after_reaching_max_nr_of_retries(tree, way):
    backed_off(tree, max_consecutive=2, reset_after=1000.0)
    for _ in range(2):
        end(tree, "s/c1", way)
        tree.advance(1.0)
        assert tree.state("s/c1") == "running"
    end(tree, "s/c1", way)
    assert tree.state("s/c1") == "failed"


@pytest.mark.parametrize("down", [False, True])
def test_stop_restarting_the_child_if_final_stop_message_received(tree, down):
    backed_off(tree)
    if down:
        end(tree, "s/c1", "crash")
    tree.do(tree.system.terminate_child("s/c1"))
    tree.advance(100)
    assert (tree.state("s/c1"), started(tree)) == ("stopped", [0])


def test_keep_restarting_when_failures_happen_outside_of_within_time_range(tree):
    backed_off(tree, max_consecutive=1, reset_after=0.01)
    for _ in range(10):
        end(tree, "s/c1", "crash")
        tree.advance(0.2 + 0.011)
    assert tree.state("s/c1") == "running"


def test_reset_back_off_count_after_reset_backoff_unless_it_has_changed_since():
    with VirtualTree() as tree:
        backed_off(tree, reset_after=5.0, low=1.0)
        for spell, count in ((4.9, 1), (4.9, 2), (5.1, 0)):
            end(tree, "s/c1", "crash")
            tree.advance({1: 1.0, 2: 2.0, 0: 4.0}[count])
            tree.advance(spell)
            assert tree.system.snapshot().find("s/c1")["restarts"]["consecutive"] == count
