"""Handles, asks and late replies, on real threads where waiting is the subject."""

import asyncio
import threading
import time

import pytest

from supervision import (
    Actor,
    ActorDown,
    AskRefused,
    AskTimeout,
    AwaitableFuture,
    BackOff,
    ChildSpec,
    MailboxFull,
    SupervisorSpec,
    System,
)


class Echo(Actor):
    def handle(self, message):
        return message


class Gated(Actor):
    """Waits for its gate before each answer."""

    gate = threading.Event()

    def handle(self, message):
        assert self.gate.wait(10)
        return message


class Late(Actor):
    """Answers the ask before the one it gets now."""

    def started(self):
        self.replies = []

    def handle(self, message):
        if message == "crash":
            raise ValueError(message)
        if message == "flush":
            for n, reply in enumerate(self.replies):
                reply.set(n)
                reply.set("twice")
            return len(self.replies)
        if message == "fail":
            self.replies.pop().fail(KeyError("declared late"))
            return None
        self.replies.append(self.context.defer_reply())
        return "ignored"


@pytest.fixture
def system():
    gate = threading.Event()
    gated = type("Gated", (Gated,), {"gate": gate})
    made = System(
        SupervisorSpec(
            (
                ChildSpec("echo", Echo),
                ChildSpec("gated", gated, mailbox=3, shutdown=5.0),
                ChildSpec("late", Late, backoff=BackOff(0.01, 0.01)),
            )
        )
    )
    made.start(5)
    made.gate = gate
    yield made
    gate.set()
    assert made.stop(5)


def test_an_ask_returns_the_answer(system):
    assert system.handle("echo").ask("hello", 5) == "hello"


def test_an_ask_without_an_answer_ends_at_its_deadline(system):
    began = time.monotonic()
    with pytest.raises(AskTimeout, match="gated did not answer within"):
        system.handle("gated").ask("hello", 0.05)
    assert 0.04 < time.monotonic() - began < 20


def test_a_timed_out_ask_is_still_handled_as_in_erlang(system):
    with pytest.raises(AskTimeout):
        system.handle("gated").ask("first", 0.02)
    system.gate.set()
    assert system.handle("gated").ask("second", 5) == "second"


def test_a_handle_exists_where_nobody_lives_and_refuses(system):
    nobody = system.handle("no/body")
    assert not nobody.alive
    assert nobody.incarnation == 0
    assert nobody.tell("x") is False
    with pytest.raises(ActorDown):
        nobody.ask("x", 5)
    assert isinstance(nobody.ask_async("x", 5).exception(5), ActorDown)
    assert nobody.stamp().message_type is None


def test_a_handle_follows_its_actor_through_incarnations(system):
    late = system.handle("late")
    late.tell("crash")
    deadline = time.monotonic() + 30
    while late.incarnation == 1 or not late.alive:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert late.ask("flush", 5) == 0


def test_a_full_mailbox_refuses_and_counts(system):
    gated = system.handle("gated")
    gated.tell("being handled")
    while gated.stamp().message_type is None:
        time.sleep(0.001)
    assert [gated.tell(n) for n in range(4)] == [True, True, True, False]
    with pytest.raises(MailboxFull):
        gated.ask("x", 5)
    box = system.snapshot().find("gated")["mailbox"]
    assert (box["depth"], box["high_water"], box["dropped_total"]) == (3, 3, 2)
    assert box["oldest_age_s"] >= 0


def test_a_stamp_tells_what_an_actor_is_busy_with_without_asking_it(system):
    gated = system.handle("gated")
    gated.tell("x")
    while gated.stamp().message_type is None:
        time.sleep(0.001)
    stamp = gated.stamp()
    assert (stamp.message_type, stamp.last_handled_at) == ("str", None)
    assert stamp.busy_for >= 0
    system.gate.set()
    gated.ask("y", 5)
    deadline = time.monotonic() + 30
    while gated.stamp().message_type is not None:
        assert time.monotonic() < deadline
    assert gated.stamp().last_handled_at is not None


def test_a_blocking_ask_on_an_actors_own_thread_is_refused():
    class Asker(Actor):
        def handle(self, message):
            return self.context.lookup("echo").ask("x", 5)

    with System(SupervisorSpec((ChildSpec("echo", Echo), ChildSpec("asker", Asker)))) as system:
        error = system.handle("asker").ask_async("go", 5).exception(5)
        assert isinstance(error.__cause__, AskRefused)


def test_an_actor_may_ask_another_system(system):
    echo = system.handle("echo")

    class Asker(Actor):
        def handle(self, message):
            return echo.ask(message, 5)

    with System(SupervisorSpec((ChildSpec("asker", Asker),))) as other:
        assert other.handle("asker").ask("over there", 5) == "over there"


def test_late_replies_answer_and_only_once(system):
    late = system.handle("late")
    asks = [late.ask_async(n, 5) for n in range(3)]
    assert late.ask("flush", 5) == 3
    assert [ask.result(5) for ask in asks] == [0, 1, 2]


def test_late_replies_may_fail(system):
    late = system.handle("late")
    ask = late.ask_async("x", 5)
    late.tell("fail")
    with pytest.raises(KeyError):
        ask.result(5)


def test_late_replies_fail_when_the_incarnation_ends(system):
    late = system.handle("late")
    ask = late.ask_async("x", 60)
    late.tell("crash")
    assert isinstance(ask.exception(5), ActorDown)


def test_deferring_the_reply_to_a_tell_does_no_harm(system):
    late = system.handle("late")
    assert late.tell("no asker")
    assert late.ask("flush", 5) == 1


def test_awaiting_an_ask_does_not_block_the_loop(system):
    async def scene():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                if ticks > 10:
                    system.gate.set()
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        answer = await system.handle("gated").ask_async("hello", 30)
        ticking.cancel()
        return answer, ticks

    answer, ticks = asyncio.run(scene())
    assert answer == "hello"
    assert ticks > 10


def test_an_awaited_ask_ends_at_its_deadline(system):
    async def scene():
        with pytest.raises(AskTimeout):
            await system.handle("gated").ask_async("hello", 0.05)

    asyncio.run(scene())


def test_many_coroutines_may_await_one_future(system):
    async def scene():
        ask = system.handle("gated").ask_async("shared", 5)
        waiting = [asyncio.ensure_future(wait(ask)) for _ in range(10)]
        await asyncio.sleep(0)
        system.gate.set()
        return await asyncio.gather(*waiting)

    async def wait(future):
        return await future

    assert asyncio.run(scene()) == ["shared"] * 10


def test_a_cancelled_await_leaves_no_callback_behind(system):
    async def scene():
        ask = system.handle("gated").ask_async("hello", 5)
        before = len(ask._done_callbacks)
        for _ in range(100):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting(ask), 0.001)
        assert len(ask._done_callbacks) == before
        system.gate.set()
        return await ask

    async def waiting(future):
        return await future

    assert asyncio.run(scene()) == "hello"


def test_an_answer_after_the_loop_was_closed_is_dropped_quietly(system, caplog):
    ask = system.handle("gated").ask_async("hello", 5)

    async def scene():
        asyncio.ensure_future(waiting(ask))  # noqa: RUF006 - abandoned on purpose
        await asyncio.sleep(0)
        asyncio.get_running_loop().stop()

    async def waiting(future):
        return await future

    loop = asyncio.new_event_loop()
    running = loop.create_task(scene())
    loop.run_forever()
    assert running.done()
    for task in asyncio.all_tasks(loop):
        task.get_coro().close()
    loop.close()
    system.gate.set()
    assert ask.result(5) == "hello"
    assert "exception calling callback" not in caplog.text


def test_a_future_takes_the_first_result_and_shrugs_at_the_rest():
    future = AwaitableFuture()
    assert future.settle(1)
    assert not future.settle(2)
    assert not future.settle_error(ValueError())
    assert future.result(0) == 1
    cancelled = AwaitableFuture()
    cancelled.cancel()
    assert not cancelled.settle(1)


def test_no_ask_is_ever_lost_while_actors_come_and_go():
    """pykka alone loses replies here: it checks that the actor is alive and then puts."""

    class Brief(Actor):
        def handle(self, message):
            if message == 7:
                self.context.stop()
            return message

    import sys  # noqa: PLC0415

    before = sys.getswitchinterval()
    spec = ChildSpec("brief", Brief, backoff=BackOff(0.0001, 0.0001))
    with System(SupervisorSpec((spec,))) as system:
        handle = system.handle("brief")
        sys.setswitchinterval(1e-6)
        try:
            asks = [handle.ask_async(number % 8, 300) for number in range(3000)]
        finally:
            sys.setswitchinterval(before)
        deadline = time.monotonic() + 20
        settled = []
        for ask in asks:
            error = ask.exception(max(0.0, deadline - time.monotonic()))
            settled.append("answer" if error is None else type(error).__name__)
    assert set(settled) <= {"answer", "ActorDown", "MailboxFull"}
    assert "answer" in settled


def test_asks_after_the_system_has_ended_fail_at_once():
    with System(SupervisorSpec((ChildSpec("echo", Echo),))) as system:
        handle = system.handle("echo")
    with pytest.raises(ActorDown):
        handle.ask("x", 5)
    assert isinstance(handle.ask_async("x", 3600).exception(1), ActorDown)
