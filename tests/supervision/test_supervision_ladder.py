"""The kill ladder: stop, kill what it waits for, grace, give the thread up; never two on one resource."""

import socket

import pytest

from supervision import Actor, ActorDown, BackOff, ChildSpec, ResourceBusy, Restart, SupervisorSpec, System
from supervision.testing import Take


def one(tree, *starts, stopping="ok", killable=False, **rest):
    spec = ChildSpec(
        "a",
        tree.scripted(*starts, stopping=stopping, killable=killable),
        **({"shutdown": 3.0, "kill_grace": 2.0, "backoff": BackOff(1, 1)} | rest),
    )
    tree.start(SupervisorSpec((spec,)))
    tree.said()


def test_first_rung_a_stop_passes_all_queued_work(tree):
    one(tree)
    handle = tree.handle("a")
    for number in range(100):
        handle.tell(number)
    tree.system.request_stop()
    tree.settle()
    assert tree.said()[1:] == ["a#1 stopping shutdown"], "one message was being handled, 99 were passed"


def test_second_rung_what_it_waits_for_is_killed_after_the_shutdown_deadline(tree):
    one(tree, killable=True)
    tree.tell("a", "hang")
    ended = tree.system.terminate_child("a")
    tree.advance(2.9)
    assert not ended.done()
    assert tree.state("a") == "stopping"
    tree.advance(0.2)
    assert ended.done()
    assert tree.said()[-1] == "a#1 stopping killed"


def test_third_rung_after_the_grace_the_thread_is_given_up_and_replaced(tree):
    one(tree)
    tree.tell("a", "hang")
    tree.handle("a").kill("no heartbeat")
    tree.advance(1.9)
    assert tree.handle("a").incarnation == 1
    tree.advance(0.2)
    assert tree.state("a") == "backoff"
    tree.advance(1.0)
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["incarnation"], node["abandoned"]) == ("running", 2, 1)
    assert node["last_exit"]["class"] == "killed"


def test_between_its_deadline_and_its_end_a_child_is_shown_as_wedged(tree):
    one(tree)
    tree.tell("a", "hang")
    tree.system.terminate_child("a")
    tree.advance(3.5)
    assert tree.state("a") == "wedged"
    tree.advance(2.0)
    assert tree.state("a") == "wedged", "stopped by an operator, but its thread is still there"
    tree.release("a")
    assert tree.state("a") == "stopped"


def test_a_thread_that_was_given_up_surfaces_without_doing_harm(tree):
    one(tree)
    tree.tell("a", "hang")
    tree.handle("a").kill("no heartbeat")
    tree.advance(5)
    assert tree.handle("a").incarnation == 2
    tree.release("a")
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["incarnation"], node["abandoned"]) == ("running", 2, 0)
    assert tree.said()[-2:] == ["a#2 started", "a#1 stopping killed"]


def test_a_start_that_takes_too_long_is_a_failed_start(tree):
    one(tree, "ok", Take(100.0), start_timeout=10.0, killable=True)
    tree.tell("a", "crash")
    tree.advance(1 + 9)
    assert tree.state("a") == "starting"
    tree.advance(5)
    node = tree.system.snapshot().find("a")
    assert node["incarnation"] == 3
    assert (node["last_exit"]["class"], node["last_exit"]["message"]) == ("start_failed", "start timed out")


def test_a_start_that_hangs_for_ever_fails_the_boot(tree):
    spec = ChildSpec("a", tree.scripted("hang"), start_timeout=10.0, kill_grace=1.0)
    up = tree.start(SupervisorSpec((spec,)))
    tree.advance(11)
    assert "start timed out" in str(up.exception(0)) or "wedged" in str(up.exception(0))
    assert tree.system.ended.done()


def test_a_cleanup_after_a_crash_has_the_shutdown_deadline_too(tree):
    one(tree, stopping="hang", shutdown=3.0, kill_grace=2.0)
    tree.tell("a", "crash")
    assert tree.state("a") == "stopping"
    tree.advance(5.1)
    assert tree.state("a") == "backoff"
    tree.advance(1)
    assert tree.handle("a").incarnation == 2


def test_an_ask_that_a_wedged_actor_was_handling_is_failed(tree):
    one(tree)
    answer = tree.handle("a").ask_async("hang", 1000)
    tree.settle()
    tree.handle("a").kill("no heartbeat")
    tree.advance(3)
    assert isinstance(answer.exception(0), ActorDown)


def test_a_supervisor_whose_child_is_wedged_still_stops(tree):
    inner = SupervisorSpec((ChildSpec("w", tree.scripted(), shutdown=1.0, kill_grace=1.0),))
    tree.start(SupervisorSpec((ChildSpec("sub", inner), ChildSpec("b", tree.scripted()))))
    tree.tell("sub/w", "hang")
    tree.stop()
    assert tree.now == 2.0


def test_a_supervisor_with_a_deadline_is_killed_with_all_its_children_at_once(tree):
    patient = [ChildSpec(n, tree.scripted(stopping=Take(50.0), killable=True), shutdown=60.0) for n in "xyz"]
    tree.start(SupervisorSpec((ChildSpec("sub", SupervisorSpec(tuple(patient)), shutdown=5.0),)))
    tree.stop()
    assert tree.now == 5.0


class Holder(Actor):
    """Claims a profile; hangs on demand."""

    def __init__(self, context):
        super().__init__(context)
        context.claim("profile")


def holders(tree, **rest):
    class Hanging(Holder):
        def handle(self, message):
            gate = tree.gate("a")
            if message == "killable":
                self.context.kill_with(gate.open)
            gate.wait()
            raise ConnectionError("killed")

    spec = ChildSpec("a", Hanging, backoff=BackOff(1, 1), kill_grace=1.0, **rest)
    tree.start(SupervisorSpec((spec,)))


def test_a_new_incarnation_cannot_take_what_a_wedged_one_still_holds(tree):
    holders(tree)
    tree.tell("a", "hang")
    tree.handle("a").kill("stuck")
    tree.advance(10)
    node = tree.system.snapshot().find("a")
    assert node["last_exit"]["exception_type"] == ResourceBusy.__name__
    assert node["incarnation"] > 2
    tree.release("a")
    tree.advance(2)
    assert tree.state("a") == "running"


def test_a_resource_is_free_once_what_the_actor_held_it_with_was_killed(tree):
    holders(tree)
    tree.tell("a", "killable")
    tree.handle("a").kill("stuck")
    tree.advance(1)
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["incarnation"]) == ("running", 2)


def test_two_children_cannot_claim_the_same_resource(tree):
    up = tree.start(SupervisorSpec((ChildSpec("a", Holder), ChildSpec("b", Holder))))
    assert isinstance(up.exception(0).exit.error, ResourceBusy)


def test_a_kill_callback_that_raises_releases_nothing_and_breaks_nothing(tree, caplog):
    class Fragile(Holder):
        def handle(self, message):
            def broken():
                raise OSError("cannot kill")

            self.context.kill_with(broken)
            tree.gate("a").wait()

    tree.start(SupervisorSpec((ChildSpec("a", Fragile, backoff=BackOff(1, 1), kill_grace=1.0),)))
    tree.tell("a", "hang")
    tree.handle("a").kill("stuck")
    tree.advance(3)
    assert "actor.kill_with_failed" in caplog.text
    assert tree.system.snapshot().find("a")["last_exit"]["exception_type"] == ResourceBusy.__name__


def test_a_stop_deadline_that_passes_together_with_a_kill_does_not_cut_the_grace(tree):
    one(tree)
    tree.tell("a", "hang")
    tree.system.terminate_child("a")
    tree.advance(2.5)
    tree.system.kill("a")  # in the mailbox before the deadline's notice, at the same moment
    assert tree.runtime.virtual_scheduler.next_due() == 3.0
    tree.runtime.virtual_clock.elapsed = 3.0
    tree.runtime.virtual_scheduler.pop().fire()
    tree.settle()
    assert tree.system.home.abandoned == set()
    tree.advance(2.0)
    assert len(tree.system.home.abandoned) == 1


def test_killing_nobody_says_so(tree):
    one(tree, backoff=BackOff(100, 100))
    tree.tell("a", "crash")
    assert tree.handle("a").kill("gone anyway") is False


def test_a_real_actor_blocked_on_a_socket_is_freed_by_killing_its_peer():
    here, there = socket.socketpair()

    class Reader(Actor):
        def handle(self, message):
            self.context.kill_with(there.close)
            if not here.recv(1):
                raise ConnectionError("peer gone")

    spec = ChildSpec("reader", Reader, shutdown=0.05, restart=Restart.TEMPORARY)
    with System(SupervisorSpec((spec,))) as system:
        system.handle("reader").tell("read")
        system.terminate_child("reader").result(5)
    here.close()


@pytest.mark.parametrize("patience", [0.0, 0.2])
def test_a_system_that_does_not_stop_in_time_is_killed(patience):
    import threading  # noqa: PLC0415

    gate = threading.Event()

    class Stubborn(Actor):
        def handle(self, message):
            self.context.kill_with(gate.set)
            gate.wait(30)

    system = System(SupervisorSpec((ChildSpec("a", Stubborn, shutdown=60.0),)))
    system.start(5)
    system.handle("a").tell("work")
    while system.handle("a").stamp().message_type is None:
        pass
    assert system.stop(patience) is False
    assert system.ended.done()
