"""The place in a merged, newest-first list after which the next page begins; opaque to clients."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from actors.errors import RuleBroken
from actors.model import Direction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A message's rank: none of it ever changes, so a cursor stays true while messages come and go."""

    at: datetime
    direction: Direction
    seq: int

    def encode(self) -> str:
        """As a client gets it."""
        text = f"1.{(self.at - _EPOCH) // _MICROSECOND}.{self.direction}.{self.seq}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str) -> Place:
    """A place from a client. Raises RuleBroken("bad_cursor") for anything that `encode` did not make."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
        version, at, direction, seq = text.split(".")
        place = Place(_EPOCH + int(at) * _MICROSECOND, Direction(direction), int(seq))
    except (ValueError, OverflowError, binascii.Error):
        raise RuleBroken("bad_cursor", "this cursor is not one of ours") from None
    if version != "1" or not 0 <= place.seq <= _LARGEST or place.encode() != cursor:
        raise RuleBroken("bad_cursor", "this cursor is not one of ours")
    return place
