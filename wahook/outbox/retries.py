"""How often and when a message is tried again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` in all; before attempt n+1 a wait of min(cap, base * 2^(n-1)), longer by up to `jitter`."""

    attempts: int = 3
    base: float = 2.0
    cap: float = 60.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.base < 0 or self.cap < self.base or self.jitter < 0:
            raise ValueError(f"{self}: attempts >= 1, 0 <= base <= cap, jitter >= 0")

    def last(self, attempt: int) -> bool:
        """Whether attempt number `attempt` (from 1) has none after it."""
        return attempt >= self.attempts

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Seconds to wait after attempt number `attempt` failed."""
        exponent = min(attempt - 1, 30)
        return float(min(self.cap, self.base * 2**exponent)) * rng.uniform(1.0, 1.0 + self.jitter)
