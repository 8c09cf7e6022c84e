"""Moments that coincide: verbs and deaths during a boot, answers at a deadline."""

import pytest

from supervision import (
    Actor,
    AutoShutdown,
    AwaitableFuture,
    BackOff,
    ChildSpec,
    DomainError,
    Jitter,
    NotFound,
    Restart,
    Restarting,
    StartFailed,
    StopChild,
    Strategy,
    SupervisorSpec,
    System,
)
from supervision.signals import StartLate
from supervision.testing import Take
from tests.supervision.kit import LOOSE, run, worker

PLAIN = Jitter(1, 1)


def booting(tree, *children, **flags):
    """A supervisor `s` whose last child takes five seconds to get ready."""
    inner = SupervisorSpec((*children, worker(tree, "slow", Take(5.0))), **(LOOSE | flags))
    run(tree, ChildSpec("s", inner))
    assert tree.state("s") == "starting"


def test_a_start_child_during_the_boot_waits_for_it_and_cannot_fail_it(tree):
    booting(tree)
    bad, good = (tree.system.start_child("s", worker(tree, *spec)) for spec in (("bad", "crash"), ("good",)))
    tree.advance(5)
    assert isinstance(bad.exception(0), StartFailed)
    assert good.result(0).alive
    assert tree.states() == {"": "running", "s": "running", "s/slow": "running", "s/good": "running"}


def test_a_start_child_during_a_boot_that_fails_is_refused(tree):
    inner = SupervisorSpec((worker(tree, "slow", Take(5.0, "crash")),))
    tree.start(SupervisorSpec((ChildSpec("s", inner),)))
    pending = tree.system.start_child("s", worker(tree, "guest"))
    tree.advance(5)
    assert isinstance(pending.exception(0), NotFound)


def test_two_deaths_during_the_boot_of_a_group_are_one_incident(tree):
    booting(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.ONE_FOR_ALL, intensity=1)
    tree.tell("s/a", "crash")
    tree.tell("s/b", "crash")
    tree.advance(20)
    assert tree.handle("s").incarnation == 1
    assert set(tree.states().values()) == {"running"}


def test_a_temporary_child_that_died_during_the_boot_does_not_come_back_with_its_group(tree):
    booting(
        tree, worker(tree, "a"), worker(tree, "t", restart=Restart.TEMPORARY), strategy=Strategy.ONE_FOR_ALL
    )
    tree.tell("s/a", "crash")
    tree.tell("s/t", "crash")
    tree.advance(20)
    assert "s/t" not in tree.states()


def test_a_significant_child_that_will_be_restarted_after_the_boot_counts_as_up(tree):
    both = [worker(tree, n, restart=Restart.TRANSIENT, significant=True) for n in "ab"]
    booting(tree, *both, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    tree.tell("s/a", "normal")
    tree.tell("s/b", "crash")
    tree.advance(20)
    assert (tree.state("s"), tree.state("s/a"), tree.state("s/b")) == ("running", "stopped", "running")


@pytest.mark.parametrize("way", ["gave up", "needs a human"])
def test_a_first_start_that_fails_for_good_holds_up_no_boot(tree, way):
    retry = BackOff(
        1, 1, jitter=PLAIN, retry_first_start=True, max_consecutive=0 if way == "gave up" else None
    )
    classify = (lambda exit_: StopChild("logged out")) if way == "needs a human" else None
    up = run(tree, worker(tree, "a", "crash", backoff=retry, classify=classify), worker(tree, "b"))
    assert up.done()
    assert tree.states() == {"": "running", "a": "failed", "b": "running"}


def test_verbs_about_a_child_that_died_during_the_boot(tree):
    booting(tree, *(worker(tree, name) for name in "abc"))
    for name in "abc":
        tree.tell(f"s/{name}", "crash")
    with pytest.raises(Restarting):
        tree.do(tree.system.restart_child("s/a"))
    for name in "ab":
        tree.do(tree.system.terminate_child(f"s/{name}"))
    assert tree.do(tree.system.retry("s/c")).alive
    tree.advance(5)
    assert tree.do(tree.system.restart_child("s/a")).alive
    assert tree.states() == {"": "running"} | {
        "s": "running", "s/a": "running", "s/b": "stopped", "s/c": "running", "s/slow": "running"
    }  # fmt: skip


def test_a_start_deadline_that_passes_just_after_readiness_kills_nobody(tree):
    run(tree, worker(tree, "a", start_timeout=5.0))
    root = tree.system.root.cell
    root.mailbox.put_control(StartLate(tree.handle("a").cell))
    tree.settle()
    assert (tree.state("a"), tree.handle("a").incarnation) == ("running", 1)


@pytest.mark.parametrize("crashes", [1, 3])
def test_healthy_said_while_starting_begins_the_spell_once_it_is_ready(tree, crashes):
    class Connected(Actor):
        def started(self):
            self.context.healthy()

        def handle(self, message):
            raise ValueError(message)

    backoff = BackOff(1, 60, jitter=PLAIN, reset_after=5, reset_from="healthy", max_consecutive=2)
    run(tree, ChildSpec("a", Connected, backoff=backoff))
    for _ in range(crashes):
        tree.tell("a", "crash")
        tree.advance(1)
        tree.advance(5)
        assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 0


def test_an_answer_in_the_moment_of_the_deadline_is_an_answer(monkeypatch):
    class Echo(Actor):
        def handle(self, message):
            return message

    with System(SupervisorSpec((ChildSpec("a", Echo),))) as system:
        wait = AwaitableFuture.result

        def late(self, timeout=None):
            if timeout == 0.25:
                wait(self, 5)
                raise TimeoutError
            return wait(self, timeout)

        monkeypatch.setattr(AwaitableFuture, "result", late)
        assert system.handle("a").ask("here", 0.25) == "here"


def test_a_timeout_that_the_actor_answers_with_is_its_own(tree):
    class Timely(DomainError, TimeoutError):
        """The actor's own word."""

    class Patient(Actor):
        def handle(self, message):
            raise Timely(message)

    with System(SupervisorSpec((ChildSpec("a", Patient),))) as system, pytest.raises(Timely, match="no"):
        system.handle("a").ask("no", 5)
