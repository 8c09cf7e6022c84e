"""Exponential back-off: delay(n) = min(max, min * factor**n) * U[low, high).

The cap comes first and the jitter after it (Pekko, `BackoffSupervisor.calculateDelay`), so with Pekko's
jitter (1, 1 + rf) a delay is never below the base, and with the default (0.5, 1.0) never above the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from supervision import checks
from supervision.errors import SpecError


@dataclass(frozen=True, slots=True)
class Jitter:
    """A factor drawn from [low, high) that multiplies the capped delay. Jitter(1, 1) is none."""

    low: float = 0.5
    high: float = 1.0

    def __post_init__(self) -> None:
        checks.number("Jitter.low", self.low, 0)
        checks.number("Jitter.high", self.high, self.low)

    @classmethod
    def pekko(cls, random_factor: float) -> Jitter:
        """Pekko's `randomFactor`: never below the base delay."""
        return cls(1.0, 1.0 + random_factor)


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before a restart, and when to give up. All durations in seconds.

    `reset_after`: a healthy spell that long clears the count of consecutive failures; it is measured from
    readiness, or from `Context.healthy()` when `reset_from="healthy"`. None means (min + max) / 2.
    `max_consecutive`: failure number max_consecutive + 1 in a row makes the child `failed`; None: never.
    `retry_first_start`: a first start that fails is retried too, instead of failing the supervisor's start.
    """

    min: float
    max: float
    factor: float = 2.0
    jitter: Jitter = Jitter()
    reset_after: float | None = None
    reset_from: Literal["started", "healthy"] = "started"
    max_consecutive: int | None = None
    retry_first_start: bool = False

    def __post_init__(self) -> None:
        checks.positive("BackOff.min", self.min)
        checks.number("BackOff.max", self.max, self.min, " seconds (min)")
        checks.number("BackOff.factor", self.factor, 1)
        if not isinstance(self.jitter, Jitter):
            raise SpecError("BackOff.jitter", self.jitter, "must be a Jitter")
        if self.reset_after is not None:
            checks.positive("BackOff.reset_after", self.reset_after)
        if self.reset_from not in ("started", "healthy"):
            raise SpecError("BackOff.reset_from", self.reset_from, "must be 'started' or 'healthy'")
        if self.max_consecutive is not None:
            checks.whole("BackOff.max_consecutive", self.max_consecutive, 0)
        checks.flag("BackOff.retry_first_start", self.retry_first_start)

    @property
    def healthy_spell(self) -> float:
        """Seconds of health that clear the count."""
        return self.reset_after if self.reset_after is not None else (self.min + self.max) / 2

    def delay(self, failures_before: int, uniform: float) -> float:
        """Seconds to wait after `failures_before` earlier consecutive failures; `uniform` in [0, 1)."""
        try:
            base = min(self.max, self.min * self.factor**failures_before)
        except OverflowError:
            base = self.max
        return base * (self.jitter.low + (self.jitter.high - self.jitter.low) * uniform)

    def exhausted(self, failures: int) -> bool:
        """Whether this many consecutive failures are more than the child may have."""
        return self.max_consecutive is not None and failures > self.max_consecutive
