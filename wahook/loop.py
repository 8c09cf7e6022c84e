"""A thread with one asyncio loop, for code that lives in other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

import structlog

from actors.errors import ProcessError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = structlog.get_logger(__name__)


class LoopThread:
    """One daemon thread, one loop. Every method may be called from any thread but the loop's own.

    Children that are forked here die with this thread (see `wahook.processes`), so it lives as long as the
    service. Not reusable after `stop`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._lock = threading.Lock()
        self._open: set[Future[Any]] = set()
        self._stopped = False

    def start(self) -> None:
        """Start the thread. RuntimeError when called twice."""
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self._stopped

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it on the loop. The Future always settles, with ProcessError when the loop stops first."""
        with self._lock:
            if not self.running:
                coroutine.close()
                return self._refused()
            inner = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            outer: Future[T] = Future()
            self._open.add(outer)
        outer.add_done_callback(partial(self._closed, inner))
        inner.add_done_callback(partial(self._settle, outer))
        return outer

    def call(self, function: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call it soon on the loop; nothing when the loop has stopped."""
        with self._lock:
            if not self.loop.is_closed():
                self.loop.call_soon_threadsafe(function, *args)

    def stop(self, deadline: float) -> bool:
        """Cancel what runs and end the thread. False when it did not end within `deadline` seconds."""
        with self._lock:
            first, self._stopped = not self._stopped, True
        if not self._thread.is_alive():
            return True
        if first:
            self.loop.call_soon_threadsafe(self._cancel_all)
        self._thread.join(deadline)
        if self._thread.is_alive():
            log.error("loop.stuck", loop=self.name)
            return False
        return True

    def _settle(self, outer: Future[T], inner: Future[T]) -> None:
        """Hand the result on; what our own stop cancelled is told as such."""
        with suppress(InvalidStateError):  # it was cancelled, or the loop's end was faster
            if inner.cancelled():
                outer.set_exception(ProcessError(f"the loop {self.name} stopped"))
            elif error := inner.exception():
                outer.set_exception(error)
            else:
                outer.set_result(inner.result())

    def _closed(self, inner: Future[T], outer: Future[T]) -> None:
        self._open.discard(outer)
        if outer.cancelled():
            inner.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            with self._lock:
                self._stopped = True
                left = tuple(self._open)
                self.loop.close()
            for future in left:  # submitted between the last turn of the loop and its end
                with suppress(InvalidStateError):
                    future.set_exception(ProcessError(f"the loop {self.name} stopped"))

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        ending = self.loop.create_task(self._end(tasks))
        ending.add_done_callback(lambda _: self.loop.stop())

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()

    def _refused(self) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(ProcessError(f"the loop {self.name} is not running"))
        return future
