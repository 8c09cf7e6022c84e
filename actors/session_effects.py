"""What a session's state machine wants done; the actor in `actors/session.py` does it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from actors.errors import SessionError
from actors.events import Event


class Wait(Enum):
    """What is being waited for with a deadline; the value is the reason when it passes."""

    OPENING = "open_timeout"  # the page shows neither a code nor a login
    CODE = "qr_stalled"  # the page shows a code and does not renew it
    SYNCING = "sync_timeout"  # logged in, but never connected
    HEALING = "not_connected"  # was connected; the page is trying by itself
    BAN = "ban_without_end"  # blocked; the page may yet say until when


@dataclass(frozen=True, slots=True)
class Tell:
    """Announce an event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Arm:
    """Wait for this with a deadline, in place of what was waited for; None: for nothing."""

    wait: Wait | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Settle:
    """See to it that the new login is on disk; then `LoginSettled`."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The session can send and receive: announce it, open the lane, fetch what arrived meanwhile."""

    again: bool  # it healed by itself, so Reconnected instead of Ready


@dataclass(frozen=True, slots=True)
class NotConnected:
    """The session cannot send: close the lane."""


@dataclass(frozen=True, slots=True)
class ShowCode:
    """A QR code is on the page; it lives for so many seconds."""

    code: str
    lives: int


@dataclass(frozen=True, slots=True)
class LoginMissing:
    """An account that was linked has to be scanned again: write it down."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Crash with this."""

    error: SessionError


@dataclass(frozen=True, slots=True)
class End:
    """End normally. `discard_profile`: the login in it is void."""

    reason: str
    discard_profile: bool = False


Effect: TypeAlias = Tell | Arm | Settle | Connected | NotConnected | ShowCode | LoginMissing | Fail | End
