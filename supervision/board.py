"""What a child shows about itself, kept across its incarnations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from supervision.context import JSON


@dataclass(frozen=True, slots=True)
class Beat:
    """The last health checks. `at` is monotonic seconds, `rtt` seconds."""

    last_ok_at: datetime | None = None
    at: float | None = None
    misses: int = 0
    rtt: float | None = None


@dataclass(slots=True)
class Board:
    """Written by the incarnation of the moment, read by dumps; each field is replaced whole."""

    app: Mapping[str, JSON] = field(default_factory=dict)
    pids: tuple[int, ...] = ()
    heartbeat: Beat | None = None

    def report(self, fields: Mapping[str, JSON]) -> None:
        """Overwrite these fields."""
        self.app = {**self.app, **fields}

    def beat(self, now: datetime, at: float, *, ok: bool, rtt: float | None) -> None:
        """Note a health check."""
        last = self.heartbeat or Beat()
        self.heartbeat = Beat(now, at, 0, rtt) if ok else Beat(last.last_ok_at, last.at, last.misses + 1, rtt)
