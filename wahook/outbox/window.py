"""How much of a backlog Redis holds: of each priority the first ones; the journal has the rest. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import accumulate

from actors.model import OutgoingMessage, Priority

_EPOCH = datetime.min.replace(tzinfo=UTC)


class Refill(Enum):
    """How soon the journal must be asked for what follows."""

    NOT_NEEDED = 0
    SOON = 1  # little is left
    NOW = 2  # none is left: what follows may come before all others


@dataclass(slots=True)
class Window:
    """What is known of one priority. Guarded by its owner's lock.

    `partial`: the journal may have more that is due, and it comes after what the list holds. `horizon`: Unix
    seconds; of what is scheduled for then or later, the journal may have what the schedule has not.
    """

    partial: bool = False
    horizon: float = math.inf
    room: int = 0  # so many more are sure to fit into the list; 0: ask

    @property
    def is_whole(self) -> bool:
        """Whether Redis has all that the journal has."""
        return not self.partial and self.horizon == math.inf


@dataclass(frozen=True, slots=True)
class Share:
    """What of one priority belongs in Redis: `due` in turn, `later` by date; the rest as in `Window`."""

    due: Sequence[OutgoingMessage]
    later: Sequence[OutgoingMessage]
    partial: bool
    horizon: float


def is_later(row: OutgoingMessage, now: datetime) -> bool:
    """Whether its time has not come. Of one that has begun it has, though the clock was put back since."""
    return row.send_at is not None and row.send_at > now and not row.attempts


def shares(rows: Sequence[OutgoingMessage], now: datetime, size: int) -> dict[Priority, Share]:
    """`rows` in the order of acceptance: all undone ones, or as `JournalReader.undone` cuts them."""
    due = in_turn([row for row in rows if not is_later(row, now)])
    later = sorted((row for row in rows if is_later(row, now)), key=_date)
    return {
        priority: _share(
            [row for row in due if row.priority is priority],
            [row for row in later if row.priority is priority],
            size,
        )
        for priority in Priority
    }


def _share(due: list[OutgoingMessage], later: list[OutgoingMessage], size: int) -> Share:
    if len(due) > size:  # what falls due from now on goes behind these, so the schedule gets nothing
        begun = [row for row in due[size:] if row.attempts]  # nothing may go between two attempts
        return Share([*due[:size], *begun], [], partial=True, horizon=math.inf)
    if sum(map(_has_date, due)) + len(later) <= size:
        return Share(due, later, partial=False, horizon=math.inf)
    beyond = later[min(size, len(later) - 1)]  # those that were not read have a date that is no earlier
    return Share(due, later[:size], partial=False, horizon=_date(beyond).timestamp())


def in_turn(rows: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
    """By when they were due; in the order of acceptance also when the clock was put back meanwhile."""
    accepted = accumulate((row.created_at or _EPOCH for row in rows), max)
    turns = [max(at, _date(row)) for at, row in zip(accepted, rows, strict=True)]
    return [rows[place] for place in sorted(range(len(rows)), key=turns.__getitem__)]


def _date(row: OutgoingMessage) -> datetime:
    return row.send_at or _EPOCH


def _has_date(row: OutgoingMessage) -> bool:
    return _date(row) > (row.created_at or _EPOCH)
