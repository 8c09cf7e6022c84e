"""What a session tells itself: each is one turn through its mailbox."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from actors.model import IncomingMessage


@dataclass(frozen=True, slots=True)
class LaunchGranted:
    """It is its turn to start a browser."""


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

    future: Future[tuple[IncomingMessage, ...]]


@dataclass(frozen=True, slots=True)
class Tick:
    """Repeat what got no answer."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask the page what arrived while nobody listened."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End this incarnation if nothing is in flight any more."""
