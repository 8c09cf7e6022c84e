"""How an incarnation ended, and what may be done about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from supervision import checks
from supervision.errors import SpecError


class ExitKind(enum.Enum):
    """The class of an end. Only NORMAL and SHUTDOWN are "not abnormal", as in OTP."""

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    CRASH = "crash"
    KILLED = "killed"
    START_FAILED = "start_failed"

    @property
    def abnormal(self) -> bool:
        """Whether a transient child would be restarted after it."""
        return self not in (ExitKind.NORMAL, ExitKind.SHUTDOWN)


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one incarnation. `ran_for` is seconds from readiness (0 when it never was ready)."""

    kind: ExitKind
    error: BaseException | None = None
    reason: str = ""
    ran_for: float = 0.0

    @property
    def abnormal(self) -> bool:
        """Short for `kind.abnormal`."""
        return self.kind.abnormal


@dataclass(frozen=True, slots=True)
class RestartLater:
    """Restart after the child's back-off (at once when it has none)."""


@dataclass(frozen=True, slots=True)
class RestartNow:
    """Restart without waiting. Counts in the budget like any other restart."""


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Restart not before `at`: an aware datetime, or seconds from now. Spends no budget."""

    at: datetime | float

    def __post_init__(self) -> None:
        if isinstance(self.at, datetime):
            if self.at.tzinfo is None:
                raise SpecError("HoldUntil.at", self.at, "needs a time zone")
        else:
            checks.seconds("HoldUntil.at", self.at)


@dataclass(frozen=True, slots=True)
class StopChild:
    """Do not restart: the child becomes `failed` with this reason, keeps its spec, and waits for a human."""

    reason: str


Outcome: TypeAlias = RestartLater | RestartNow | HoldUntil | StopChild
