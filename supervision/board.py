"""What a child shows about itself, kept across its incarnations."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervision.context import JSON


_DEEP = 8
_LARGE = 2**63


def plain(value: object, depth: int = 0) -> JSON:  # noqa: PLR0911 - one line for each kind
    """A copy that is JSON whatever it was: one careless report must not be the end of every dump."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) < _LARGE:
            return value
        case float():
            return value if math.isfinite(value) else None
        case date() | time():
            return value.isoformat()  # as text with a blank it would look like a phone number
        case _ if depth >= _DEEP:
            return "…"
        case Mapping():
            return {_said(key): plain(each, depth + 1) for key, each in value.items()}
        case Collection() if not isinstance(value, bytes | bytearray):
            return [plain(each, depth + 1) for each in value]
        case _:
            return _said(value)


def _said(value: object) -> str:
    try:
        return str(value)
    except BaseException:  # noqa: BLE001 - __str__ is the user's code
        return type(value).__name__


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
        self.app = {**self.app, **{name: plain(value) for name, value in fields.items()}}

    def beat(self, now: datetime, at: float, *, ok: bool, rtt: float | None) -> None:
        """Note a health check."""
        last = self.heartbeat or Beat()
        rtt = rtt if rtt is not None and math.isfinite(rtt) else None
        self.heartbeat = Beat(now, at, 0, rtt) if ok else Beat(last.last_ok_at, last.at, last.misses + 1, rtt)
