"""Brings sessions up that lie down by idleness, when somebody needs them (lazy loading)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog

from actors.errors import DeadlinePassed, WahookError
from actors.events import Event, StatusChanged
from actors.model import SessionStatus
from wahook.announcer import Announcer
from wahook.board import Board

log = structlog.get_logger(__name__)

# What a start comes to. Whether it can then do what was asked is for the session to say.
ARRIVED = frozenset({SessionStatus.READY, SessionStatus.QR, SessionStatus.ERROR, SessionStatus.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class WakerParts:
    """`up` starts one session; `submit` runs it on a loop of the service, from any thread.

    `admit` raises MemoryShort while no session may be started. `deadline`, in seconds, of a whole start.
    """

    board: Board
    announcer: Announcer
    submit: Callable[[Coroutine[Any, Any, None]], Future[None]]
    up: Callable[[str], Coroutine[Any, Any, None]]
    admit: Callable[[], None]
    deadline: float


class Waker:
    """However many need a session at once, it is started once."""

    def __init__(self, parts: WakerParts) -> None:
        self._parts = parts
        self._waking: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def is_idle(self, session_id: str) -> bool:
        """Whether it lies down until it is needed."""
        view = self._parts.board.get(session_id)
        return view is not None and view.idle

    def wanted(self, session_id: str) -> None:
        """Messages wait for it. Any thread; does not block.

        A session that lies down because nobody scanned its code is left alone: only a human can help it.
        A refusal for want of memory is no matter: who waits says so again.
        """
        view = self._parts.board.get(session_id)
        if view is None or not view.idle or view.last_error is not None:
            return
        try:
            self._parts.admit()
        except WahookError:
            return
        self._wake(session_id)

    async def awake(self, session_id: str) -> None:
        """Bring it up if it is idle, and wait until it is there. DeadlinePassed, MemoryShort."""
        if not self.is_idle(session_id):
            return
        self._parts.admit()
        try:
            async with asyncio.timeout(self._parts.deadline):
                await asyncio.shield(asyncio.wrap_future(self._wake(session_id)))
                await self._there(session_id)
        except TimeoutError:
            raise DeadlinePassed(f"it was not up within {self._parts.deadline:g} s") from None

    async def _there(self, session_id: str) -> None:
        """Listens first and looks then, so that it misses nothing."""
        with self._parts.announcer.expecting(lambda event: _arrived(event, session_id)) as there:
            view = self._parts.board.get(session_id)
            if view is not None and view.status not in ARRIVED:
                await there.wait()

    def _wake(self, session_id: str) -> Future[None]:
        with self._lock:
            if (waking := self._waking.get(session_id)) is not None:
                return waking
            log.info("session.needed", session=session_id)
            waking = self._waking[session_id] = self._parts.submit(self._parts.up(session_id))
        waking.add_done_callback(lambda done: self._woken(session_id, done))
        return waking

    def _woken(self, session_id: str, done: Future[None]) -> None:
        with self._lock:
            self._waking.pop(session_id, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("session.not_woken", session=session_id, error=type(error).__name__)


def _arrived(event: Event, session_id: str) -> bool:
    return isinstance(event, StatusChanged) and event.session_id == session_id and event.status in ARRIVED
