"""The system as a whole: starting, stopping, odd moments, and what must not stay in memory."""

import gc
import threading
import weakref

import pytest

from supervision import (
    Actor,
    AskRefused,
    AskTimeout,
    BackOff,
    ChildSpec,
    ExitKind,
    Jitter,
    NotFound,
    Restart,
    StartFailed,
    Strategy,
    SupervisorSpec,
    System,
    SystemClock,
    SystemDown,
)
from supervision.scheduler import ThreadScheduler
from supervision.testing import Take, VirtualTree


class Slow(Actor):
    """Gets ready only when its gate opens."""

    gate: threading.Event

    def started(self):
        self.context.kill_with(self.gate.set)
        self.gate.wait(10)


def test_a_start_that_takes_too_long_is_killed_and_says_so():
    slow = type("Slow", (Slow,), {"gate": threading.Event()})
    system = System(SupervisorSpec((ChildSpec("slow", slow, kill_grace=0.2),)))
    with pytest.raises(AskTimeout, match="was not up within"):
        system.start(timeout=0.05)
    assert system.ended.result(5).kind in (ExitKind.START_FAILED, ExitKind.KILLED)


def test_a_start_that_fails_raises_why():
    class Broken(Actor):
        def started(self):
            raise OSError("no such port")

    system = System(SupervisorSpec((ChildSpec("broken", Broken),)))
    with pytest.raises(StartFailed, match="failed to start child broken: OSError: no such port"):
        system.start(5)


def test_a_system_starts_once():
    with System(SupervisorSpec()) as system, pytest.raises(SystemDown):
        system.start()


def test_verbs_before_the_start_and_after_the_end_find_nobody():
    system = System(SupervisorSpec((ChildSpec("a", Actor),)))
    assert isinstance(system.terminate_child("a").exception(1), NotFound)
    system.start(5)
    assert system.stop(5)
    assert isinstance(system.which_children("").exception(1), NotFound)


def test_an_actor_that_would_wait_for_the_end_of_its_own_tree_is_refused():
    class Suicidal(Actor):
        def handle(self, message):
            return message.stop()

    with System(SupervisorSpec((ChildSpec("a", Suicidal, backoff=BackOff(0.01, 0.01)),))) as system:
        error = system.handle("a").ask_async(system, 5).exception(5)
        assert isinstance(error.__cause__, AskRefused)


def test_an_actor_may_ask_for_the_end_of_its_tree_without_waiting():
    class Last(Actor):
        def handle(self, message):
            message.request_stop(by="last")

    system = System(SupervisorSpec((ChildSpec("a", Last),)))
    system.start(5)
    system.handle("a").tell(system)
    assert system.ended.result(5).kind is ExitKind.SHUTDOWN
    assert system.stop(5)


def test_supervisors_take_no_messages(tree):
    tree.start(SupervisorSpec((ChildSpec("sub", SupervisorSpec()),)))
    with pytest.raises(AskRefused):
        tree.ask("sub", "hello")
    assert tree.tell("sub", "hello")
    assert tree.state("sub") == "running"


def test_a_verb_that_cannot_be_done_in_time_says_so(tree):
    slow = SupervisorSpec((ChildSpec("a", tree.scripted(stopping=Take(500.0)), shutdown=1000.0),))
    tree.start(slow, verb_timeout=10.0)
    pending = tree.system.terminate_child("a")
    tree.advance(10)
    assert isinstance(pending.exception(0), AskTimeout)


def test_deaths_during_the_boot_are_judged_after_it(tree):
    children = (
        ChildSpec("early", tree.scripted()),
        ChildSpec("slow", tree.scripted(Take(5.0))),
    )
    up = tree.start(SupervisorSpec(children, strategy=Strategy.REST_FOR_ONE))
    tree.tell("early", "crash")
    tree.advance(4.9)
    assert tree.handle("early").incarnation == 1
    tree.advance(0.2)
    assert up.done()
    assert tree.said()[-3:] == ["slow#1 stopping shutdown", "early#2 started", "slow#2 started"]


def test_a_death_during_a_boot_that_fails_changes_nothing(tree):
    children = (ChildSpec("early", tree.scripted()), ChildSpec("bad", tree.scripted(Take(5.0, "crash"))))
    up = tree.start(SupervisorSpec(children))
    tree.tell("early", "crash")
    tree.advance(5)
    assert isinstance(up.exception(0), StartFailed)
    assert tree.handle("early").incarnation == 1


def test_saying_healthy_again_and_again_does_not_postpone_the_reset(tree):
    class Connected(Actor):
        def started(self):
            self.context.every(1.0, "pulse")

        def handle(self, message):
            if message == "crash":
                raise ValueError(message)
            self.context.healthy()

    backoff = BackOff(1, 60, jitter=Jitter(1, 1), reset_after=5, reset_from="healthy")
    tree.start(SupervisorSpec((ChildSpec("a", Connected, backoff=backoff),)))
    tree.tell("a", "crash")
    tree.advance(1 + 1 + 5)
    assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 0


def test_a_crashed_actor_and_what_it_owned_are_freed_at_once():
    class Heavy:
        """A browser, say."""

    seen = []

    class Owner(Actor):
        def __init__(self, context):
            super().__init__(context)
            self.heavy = Heavy()
            seen.append(weakref.ref(self.heavy))

        def handle(self, message):
            raise ValueError(message)

    spec = ChildSpec("a", Owner, backoff=BackOff(0.01, 0.01))
    with System(SupervisorSpec((spec,))) as system:
        handle = system.handle("a")
        handle.tell("crash")
        deadline = threading.Event()
        for _ in range(500):
            if len(seen) == 2 and handle.alive:
                break
            deadline.wait(0.01)
        gc.collect()
        assert seen[0]() is None
        assert seen[1]() is not None


def test_deadlines_of_answered_asks_do_not_pile_up():
    class Echo(Actor):
        def handle(self, message):
            return message

    with System(SupervisorSpec((ChildSpec("a", Echo),))) as system:
        handle = system.handle("a")
        for number in range(5000):
            assert handle.ask_async(number, 3600).result(5) == number
        scheduler = system.runtime.scheduler
        assert isinstance(scheduler, ThreadScheduler)
        assert len(scheduler._heap) < 2500


def test_handles_of_paths_where_nobody_ever_lived_are_not_kept():
    with System(SupervisorSpec()) as system:
        for number in range(1000):
            system.handle(f"no/such/{number}")
        gc.collect()
        assert len(system.home._handles) < 10


@pytest.mark.parametrize("subtree", [False, True])
def test_children_with_ever_new_names_do_not_fill_the_memory(tree, monkeypatch, subtree):
    monkeypatch.setattr("supervision.home.REMEMBERED", 20)
    tree.start(SupervisorSpec((ChildSpec("pool", SupervisorSpec(dynamic=True)),)))
    for number in range(100):
        worker = ChildSpec("w", tree.scripted(), restart=Restart.TEMPORARY)
        start = SupervisorSpec((worker,)) if subtree else worker.start
        tree.do(tree.system.start_child("pool", ChildSpec(f"t{number}", start, restart=Restart.TEMPORARY)))
        tree.handle(f"pool/t{number}").kill("done")
        tree.settle()
    assert tree.do(tree.system.count_children("pool")).specs == 0
    tree.runtime.blocked()
    gc.collect()
    assert len(tree.system.home._handles) < 30
    assert tree.handle("pool/t99").incarnation == 1, "the latest are known"


def test_incarnations_keep_counting_when_a_child_is_deleted_and_added_again(tree):
    tree.start(SupervisorSpec((ChildSpec("a", tree.scripted()),)))
    tree.do(tree.system.terminate_child("a"))
    tree.do(tree.system.delete_child("a"))
    tree.do(tree.system.start_child("", ChildSpec("a", tree.scripted())))
    assert tree.handle("a").incarnation == 2


def test_a_context_of_an_ended_incarnation_is_powerless(tree):
    contexts = []

    class Leaky(Actor):
        def handle(self, message):
            contexts.append(self.context)
            if message == "hang":
                tree.gate("a").wait()

    tree.start(SupervisorSpec((ChildSpec("a", Leaky, kill_grace=1.0, backoff=BackOff(1, 1)),)))
    tree.tell("a", "hang")
    tree.handle("a").kill("stuck")
    tree.advance(3)
    old = contexts[0]
    assert not old.current
    old.report(ghost=True)
    old.heartbeat(True)
    old.processes(1)
    old.healthy()
    node = tree.system.snapshot().find("a")
    assert (node["app"], node["heartbeat"], node["os"], node["incarnation"]) == ({}, None, None, 2)


def test_the_harness_names_a_thread_that_blocks_in_real_time(monkeypatch):
    monkeypatch.setattr("supervision.virtual._REAL_LIMIT", 0.05)
    gate = threading.Event()

    class Blocks(Actor):
        def handle(self, message):
            gate.wait(10)

    tree = VirtualTree()
    tree.start(SupervisorSpec((ChildSpec("a", Blocks),)))
    with pytest.raises(RuntimeError, match="a#1 blocks in real time"):
        tree.tell("a", "x")
    gate.set()
    assert tree.runtime.back.acquire(timeout=5)
    tree.close()


def test_the_harness_stops_messages_that_go_in_circles(tree, monkeypatch):
    monkeypatch.setattr("supervision.virtual._STEP_LIMIT", 500)

    class Circle(Actor):
        def handle(self, message):
            if message == "go":
                self.context.handle.tell("go")

    tree.start(SupervisorSpec((ChildSpec("a", Circle),)))
    with pytest.raises(RuntimeError, match="circles"):
        tree.tell("a", "go")
    tree.system.request_stop()
    monkeypatch.undo()


def test_shuffling_finds_different_orders_and_each_seed_always_the_same_one():
    def order(seed):
        with VirtualTree(seed, shuffle=True) as tree:
            spec = SupervisorSpec(tuple(ChildSpec(name, tree.scripted()) for name in "abcd"))
            tree.start(spec)
            for name in "abcd":
                tree.handle(name).tell("x")
            tree.settle()
            return [line for line in tree.said() if "handles" in line]

    assert [order(seed) for seed in range(6)] == [order(seed) for seed in range(6)]
    assert len({tuple(order(seed)) for seed in range(6)}) > 1


def test_a_temporary_child_under_group_restart_does_not_answer_its_start_twice(tree):
    tree.start(SupervisorSpec((ChildSpec("a", tree.scripted()),), strategy=Strategy.ONE_FOR_ALL))
    spec = ChildSpec("t", tree.scripted(Take(5.0)), restart=Restart.TEMPORARY)
    pending = tree.system.start_child("", spec)
    tree.settle()
    tree.tell("a", "crash")
    tree.advance(10)
    assert pending.done()


def test_the_system_clock_gives_aware_utc_and_monotonic_seconds():
    clock = SystemClock()
    assert clock.now().utcoffset().total_seconds() == 0
    assert clock.monotonic() <= clock.monotonic()
