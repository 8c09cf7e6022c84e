"""The loop thread: results, refusals, and nobody who waits for ever."""

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from actors.errors import ProcessError
from wahook.loop import LoopThread


@pytest.fixture
def thread():
    thread = LoopThread("a-loop")
    thread.start()
    yield thread
    thread.stop(20)


async def test_a_coroutine_runs_on_the_loops_thread_and_its_result_arrives(thread: LoopThread):
    async def name() -> str:
        return threading.current_thread().name

    assert thread.submit(name()).result(30) == "a-loop"


async def test_an_error_arrives_as_it_was_raised(thread: LoopThread):
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        thread.submit(fail()).result(30)


def test_stop_settles_what_still_runs_with_a_process_error(thread: LoopThread):
    future = thread.submit(asyncio.Event().wait())
    assert thread.stop(20)
    with pytest.raises(ProcessError, match="stopped"):
        future.result(30)


def test_cancelling_the_future_cancels_the_coroutine(thread: LoopThread):
    began, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    future = thread.submit(wait())
    assert began.wait(20)
    future.cancel()
    assert ended.wait(20)
    with pytest.raises(CancelledError):
        future.result(30)


def test_after_stop_submit_answers_with_an_error_and_call_does_nothing(thread: LoopThread):
    assert thread.stop(20)

    async def never() -> None:
        raise AssertionError("ran")

    with pytest.raises(ProcessError, match="not running"):
        thread.submit(never()).result(0)
    thread.call(pytest.fail, "called")
    assert thread.stop(20), "stopping twice is fine"


def test_a_stuck_loop_is_told_and_not_waited_for(thread: LoopThread):
    began, release = threading.Event(), threading.Event()

    async def block() -> None:
        began.set()
        release.wait(20)

    thread.submit(block())
    assert began.wait(20)
    assert thread.stop(0.05) is False
    release.set()
    assert thread.stop(20)


def test_every_future_settles_when_many_threads_submit_while_it_stops(thread: LoopThread):
    futures = []
    go = threading.Event()

    async def quick() -> int:
        await asyncio.sleep(0)
        return 1

    def flood() -> None:
        go.wait(20)
        futures.extend([thread.submit(quick()) for _ in range(200)])

    flooders = [threading.Thread(target=flood) for _ in range(4)]
    for flooder in flooders:
        flooder.start()
    go.set()
    thread.stop(20)
    for flooder in flooders:
        flooder.join(20)
    assert len(futures) == 800
    for future in futures:
        assert isinstance(future.exception(20), ProcessError | None)
