"""A future that threads and event loops can both wait for."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_log = logging.getLogger("supervision")
T = TypeVar("T")


class AwaitableFuture(Future[T], Generic[T]):
    """`result(timeout)` on a thread, `await` in a coroutine. Thread-safe.

    Awaiting never blocks the loop. A cancelled await only stops waiting: the loop's waiter is let go, and
    the future itself is settled later by its maker (every maker in this library has a deadline). The first
    of `settle` and `settle_error` wins; the rest return False instead of raising. What a callback raises is
    logged and harms neither the other callbacks nor the thread that settles, be it an actor's.
    """

    def settle(self, value: T) -> bool:
        """Give the result; False when the future was already settled or cancelled."""
        return self._first(lambda: self.set_result(value))

    def settle_error(self, error: BaseException) -> bool:
        """Give an error; False when the future was already settled or cancelled."""
        return self._first(lambda: self.set_exception(error))

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call `fn` with the future once it is settled, on the thread that settles it."""
        super().add_done_callback(lambda done: _contained(fn, done))

    def _first(self, settle: Callable[[], None]) -> bool:
        try:
            settle()
        except InvalidStateError:
            return False
        return True

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            yield from self._arrival().__await__()
        return self.result(timeout=0)

    async def _arrival(self) -> None:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def wake(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop was closed while we waited
                loop.call_soon_threadsafe(_set_if_waiting, arrived)

        super().add_done_callback(wake)
        try:
            await arrived
        finally:
            self._forget(wake)

    def _forget(self, callback: Callable[..., None]) -> None:
        """Let a waiter go that waits no more; the standard future can only add callbacks."""
        with self._condition:
            if self.done():
                return  # the callbacks are being called at this moment: the list must keep its shape
            callbacks: list[Callable[..., None]] = self._done_callbacks  # type: ignore[attr-defined]
            callbacks.remove(callback)


def _contained(fn: Callable[[Future[T]], object], done: Future[T]) -> None:
    try:
        fn(done)
    except BaseException:  # noqa: BLE001 - a SystemExit here would run up an actor's thread
        _log.exception("future.callback_failed")


def _set_if_waiting(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)
