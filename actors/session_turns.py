"""What a session tells itself: each is one turn through its mailbox."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from actors.page import Arrival
from actors.session_state import LoginSettled

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaunchGranted:
    """It is its turn to start a browser."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """A start has had its time: whatever it still waits for, the next session's turn is not held up by it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The page is on its way, or is not."""

    future: Future[None]


@dataclass(frozen=True, slots=True)
class LeftAccount:
    """The page answered to our logout."""

    future: Future[None]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the page's chats hold."""

    future: Future[tuple[Arrival, ...]]


@dataclass(frozen=True, slots=True)
class Tick:
    """Repeat what got no answer."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask the page what arrived while nobody listened."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End this incarnation if nothing is in flight any more."""


def login_settled(session_id: str, future: Future[None]) -> LoginSettled:
    """A new login is on disk. One that cannot be brought there is of use all the same."""
    if error := future.exception():
        log.warning("session.login_not_settled", session=session_id, error=type(error).__name__)
    return LoginSettled()
