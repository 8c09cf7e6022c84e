"""What a session is made of, and what supervision does about its exits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors import session_state
from actors.errors import Banned, LoginLost, PermanentLoss
from actors.hearing import Hearing
from actors.leaving import RECYCLE
from actors.model import Account, CaughtUp
from actors.ports import Announce, Board, Calendar, Profiles, WhatsAppClient
from actors.slots import LaunchSlots
from supervision import Exit, ExitKind, HoldUntil, Outcome, RestartLater, RestartNow, StopChild

FRESH_STARTS = 3  # lost logins in a row that are answered by a new code without asking anybody


@dataclass(slots=True)
class SessionMemory:
    """What outlives an incarnation and is not worth a row: lives with the session's specification."""

    fresh_starts_left: int = FRESH_STARTS
    login_void: bool = False  # the last profile was discarded: a code is no surprise

    def connected(self) -> None:
        """A login that works makes up for what was before."""
        self.fresh_starts_left, self.login_void = FRESH_STARTS, False


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Everything a session is made of; one for each session, shared by its incarnations.

    `caught_up` reads how far the journal has what arrived.
    """

    account: Account
    client: WhatsAppClient
    policy: session_state.Policy
    announce: Announce
    board: Board
    calendar: Calendar
    profiles: Profiles
    slots: LaunchSlots
    memory: SessionMemory
    caught_up: Callable[[], CaughtUp]
    writer_path: str
    lane_path: str
    call_deadline: float
    stop_deadline: float
    hearing: Hearing = field(default_factory=Hearing)


def classify(exit_: Exit) -> Outcome | None:
    """What supervision does about an exit: by the type of the loss, never by its text."""
    if exit_.kind is ExitKind.NORMAL and exit_.reason == RECYCLE:
        return HoldUntil(0.0)  # comes back at once, and counts as no failure
    match exit_.error:
        case PermanentLoss(reason=reason):
            return StopChild(reason)
        case Banned(until=until):
            return HoldUntil(until)
        case LoginLost():
            return RestartNow()
    return RestartLater() if exit_.abnormal else None
