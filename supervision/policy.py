"""Every decision of a supervisor, as functions of plain values: no clock, no threads, no I/O.

Follows erlang/otp's supervisor.erl (do_restart/3, add_restart, terminate_children/2) where OTP speaks;
docs/decisions/0010 and 0011 say where the back-off and the storm fuse go beyond it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from supervision.exits import Exit, ExitKind, HoldUntil, Outcome, RestartLater, RestartNow, StopChild
from supervision.specs import AutoShutdown, Restart, StormFuse, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supervision.backoff import BackOff


class Act(enum.Enum):
    """What becomes of a child that ended by itself."""

    RESTART = "restart"
    HOLD = "hold"
    FAIL = "fail"
    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An act; `delay` in seconds before the next start; `failures` is the new consecutive count."""

    act: Act
    delay: float = 0.0
    reason: str = ""
    failures: int = 0


def fate(restart: Restart, kind: ExitKind, *, dynamic: bool) -> Act:
    """OTP's table of restart type against exit reason. A dynamic supervisor keeps no specs of the ended."""
    match restart:
        case Restart.PERMANENT:
            return Act.RESTART
        case Restart.TRANSIENT if kind.abnormal:
            return Act.RESTART
        case Restart.TRANSIENT if not dynamic:
            return Act.KEEP
        case _:
            return Act.DROP


def verdict(
    restart: Restart,
    backoff: BackOff | None,
    exit_: Exit,
    outcome: Outcome | None,
    *,
    failures: int,
    uniform: float,
    now: datetime,
    dynamic: bool = False,
) -> Verdict:
    """What to do about an exit of the child's own making.

    `outcome` is the answer of the child's `classify`, which overrules the restart type except for temporary
    children, who never come back. `failures`: consecutive ones before this; `uniform`: a draw from [0, 1).
    """
    if restart is Restart.TEMPORARY:
        return Verdict(Act.DROP)
    match outcome:
        case HoldUntil(at=at):
            seconds = (at - now).total_seconds() if isinstance(at, datetime) else float(at)
            return Verdict(Act.HOLD, max(0.0, seconds), "held by policy", failures)
        case StopChild(reason=reason):
            why = str(reason) if reason else "needs an operator"  # without one it would not look failed
            return Verdict(Act.FAIL, reason=why, failures=failures)
        case RestartNow() | RestartLater():
            act = Act.RESTART
        case _:
            act = fate(restart, exit_.kind, dynamic=dynamic)
    if act is not Act.RESTART or backoff is None:
        return Verdict(act, failures=failures + 1 if act is Act.RESTART else 0)
    if backoff.exhausted(failures + 1):
        return Verdict(Act.FAIL, reason=f"{failures + 1} consecutive failures", failures=failures + 1)
    delay = 0.0 if isinstance(outcome, RestartNow) else backoff.delay(failures, uniform)
    return Verdict(Act.RESTART, delay, failures=failures + 1)


def add_restart(
    times: Sequence[float], now: float, intensity: int, period: float
) -> tuple[tuple[float, ...], bool]:
    """The restarts still in the window with this one, and whether the fuse blows (boundary inclusive)."""
    recent = (*(at for at in times if at >= now - period), now)
    return recent, len(recent) > intensity


def group(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """Who goes down and comes up together with `failed`, itself included, in start order."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (failed,)
        case Strategy.ONE_FOR_ALL:
            return tuple(ids)
        case _:
            return tuple(ids[list(ids).index(failed) :])


def survives_stop(restart: Restart, *, dynamic: bool) -> bool:
    """Whether the spec is kept when the child is stopped by an operator."""
    return restart is not Restart.TEMPORARY and not dynamic


def ends_supervisor(mode: AutoShutdown, *, significant: bool, others: Iterable[bool]) -> bool:
    """Whether a child that ended by itself, for good, takes its supervisor along.

    `others`: for each other significant child, whether it is up or coming up.
    """
    match mode:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return significant
        case _:
            return significant and not any(others)


@dataclass(frozen=True, slots=True)
class Storm:
    """Recent failures (when, which direct child) and until when starts are paused (monotonic; 0: not)."""

    failures: tuple[tuple[float, str], ...] = ()
    paused_until: float = 0.0

    def used(self) -> int:
        """How many different children failed in the window."""
        return len({child for _, child in self.failures})


def add_failure(fuse: StormFuse, storm: Storm, child: str, now: float) -> Storm:
    """The storm after one more failure. When it trips, the window starts afresh."""
    recent = (*(f for f in storm.failures if f[0] >= now - fuse.period and f[1] != child), (now, child))
    grown = Storm(recent, storm.paused_until)
    if grown.used() > fuse.max:
        return Storm((), max(storm.paused_until, now + fuse.pause))
    return grown
