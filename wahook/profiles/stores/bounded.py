"""A deadline around any store: a network file system that hangs must not hang an actor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from wahook.profiles.errors import StoreFailed
from wahook.profiles.stores.base import ArchiveStore, Stored

T = TypeVar("T")


def in_thread(call: Callable[[], T], name: str) -> Future[T]:
    """Run a call on a daemon thread of its own: if it never returns, the interpreter can end all the same."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


class Bounded:
    """Another store, each of whose calls ends within `deadline` seconds, with StoreFailed if need be.

    While a call that was given up has not returned, new ones fail at once instead of piling up threads.
    """

    def __init__(self, store: ArchiveStore, deadline: float, *, most_hanging: int = 4) -> None:
        self._store = store
        self._deadline = deadline
        self._places = threading.BoundedSemaphore(most_hanging)

    def put(self, name: str, source: Path) -> None:
        self._run(lambda: self._store.put(name, source))

    def get(self, name: str, target: Path) -> None:
        self._run(lambda: self._store.get(name, target))

    def list(self, folder: str) -> list[Stored]:
        return self._run(lambda: self._store.list(folder))

    def delete(self, name: str) -> None:
        self._run(lambda: self._store.delete(name))

    def _run(self, call: Callable[[], T]) -> T:
        if not self._places.acquire(timeout=self._deadline):
            raise StoreFailed("the store of archives hangs")
        future = in_thread(call, "archive-store")
        future.add_done_callback(lambda _: self._places.release())
        try:
            return future.result(self._deadline)
        except TimeoutError:
            if future.done():
                raise
            raise StoreFailed(f"the store of archives did not answer within {self._deadline:g} s") from None
