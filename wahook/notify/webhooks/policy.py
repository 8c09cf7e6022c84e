"""What follows from an attempt to deliver, and when a dead receiver is tried again. Pure.

    outcome            the delivery                                          the receiver
    2xx                done                                                  is alive
    410                given up: the receiver says that it is gone for good  is alive
    400 413 415 422 …  again, a few times: it is about this body             is alive
    no answer, 429, from 502 on: again, until its time is over               one failure more in a row
    anything else      again, until its time is over                         so, once for each delivery
    429, 503 with Retry-After: as no answer, and the receiver is left alone that long

The circuit of a receiver:  closed ──failures in a row──▶ open ──its time is over──▶ half-open: one goes alone
                              ▲                            ▲                             │
                              └────────── success ─────────┴───────── failure ───────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from actors.durable import TaskState

GONE = 410
ABOUT_THE_BODY = frozenset({400, 406, 411, 413, 414, 415, 422, 431})
MAY_ASK_FOR_REST = frozenset({429, 503})
BAD_GATEWAY = 502  # and above: somebody before the receiver, who does not reach it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: an HTTP status, or `error`, a fixed phrase. `retry_after` in seconds."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def words(self) -> str | None:
        """For people; None when all is well."""
        if self.delivered:
            return None
        if self.status is not None and 300 <= self.status < 400:
            return f"answered {self.status}: redirects are not followed"
        return self.error if self.status is None else f"answered {self.status}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of the delivery; `delay` in seconds while PENDING. `blame`: the receiver failed.

    `again`: it was answered, and the delivery had failed before: that may be about this one alone.
    """

    state: TaskState
    delay: float = 0.0
    blame: bool = False
    again: bool = False
    rest: float | None = None  # seconds for which the receiver wants to be left alone


@dataclass(frozen=True, slots=True)
class Retries:
    """Waits double from `base` to `cap` s, each times 0.5 to 1. `body_attempts`: of what is refused."""

    base: float = 5.0
    cap: float = 3600.0
    body_attempts: int = 6

    def delay(self, attempts: int, fraction: float) -> float:
        """Seconds until the next attempt after `attempts` of them; `fraction`: 0 to 1, random."""
        whole = min(self.cap, self.base * 2.0 ** min(attempts - 1, 30))
        return whole * (0.5 + fraction / 2)

    def longest(self) -> timedelta:
        """No wait is longer, so a longer one means that the clock was set back."""
        return timedelta(seconds=self.cap)


def judge(outcome: Outcome, attempts: int, retries: Retries, fraction: float) -> Judgement:
    """What follows from the attempt that was the `attempts`-th."""
    delay = retries.delay(attempts, fraction)
    if outcome.delivered:
        return Judgement(TaskState.DONE)
    if outcome.status == GONE:
        return Judgement(TaskState.DEAD)
    if outcome.status in ABOUT_THE_BODY:
        state = TaskState.PENDING if attempts < retries.body_attempts else TaskState.DEAD
        return Judgement(state, delay)
    if outcome.status in MAY_ASK_FOR_REST and outcome.retry_after is not None:
        rest = min(max(outcome.retry_after, 1.0), retries.cap)
        return Judgement(TaskState.PENDING, rest, blame=True, rest=rest)
    return Judgement(TaskState.PENDING, delay, blame=True, again=attempts > 1 and _spoke(outcome.status))


def _spoke(status: int | None) -> bool:
    """Whether the receiver itself answered, and not that there is too much."""
    return status is not None and status not in MAY_ASK_FOR_REST and status < BAD_GATEWAY


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """Opens after `threshold` failures in a row, for `base` seconds, doubling up to `cap`, times 0.5 to 1."""

    threshold: int = 5
    base: float = 10.0
    cap: float = 300.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` in a row; `openings` in a row; nobody goes before `until`, then one alone."""

    failures: int = 0
    openings: int = 0
    until: datetime | None = None

    def state(self, now: datetime) -> CircuitState:
        """Closed: all may go. Half-open: one."""
        if self.until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self.until else CircuitState.HALF_OPEN

    def failed(
        self, now: datetime, policy: CircuitPolicy, fraction: float, *, again: bool = False
    ) -> Circuit:
        """After a failure. Those that were on their way when it opened change nothing.

        Nor does one delivery that fails `again` open it: the others would have to wait for that one.
        """
        if again and self.until is None:
            return self
        after = replace(self, failures=self.failures + 1)
        match self.state(now):
            case CircuitState.OPEN:
                return after
            case CircuitState.CLOSED if after.failures < policy.threshold:
                return after
        seconds = min(policy.cap, policy.base * 2.0 ** min(self.openings, 30)) * (0.5 + fraction / 2)
        return replace(after, openings=self.openings + 1, until=now + timedelta(seconds=seconds))

    def resting(self, now: datetime, seconds: float) -> Circuit:
        """The receiver asked to be left alone."""
        until = now + timedelta(seconds=seconds)
        return replace(self, until=until if self.until is None else max(self.until, until))


ALIVE = Circuit()
