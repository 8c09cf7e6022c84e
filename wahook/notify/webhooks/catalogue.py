"""Which events there are, and which of them a receiver hears. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from actors.events import Event

EVERYTHING = "*"
TEST = "webhook:test"
NAMES = frozenset(kind.name for kind in get_args(Event))
BY_NAME_ONLY = frozenset({"qr", "qr:updated", "loading"})  # logs somebody in, or is worthless a moment later


def fault_of(pattern: str) -> str | None:
    """What is wrong with an entry of `events`; None: nothing."""
    if pattern == EVERYTHING or pattern in NAMES:
        return None
    if pattern.endswith(":*") and any(name.startswith(pattern[:-1]) for name in NAMES):
        return None
    return f"there is no event of this name; there are {', '.join(sorted(NAMES))}, message:*, and *"


def hears(events: Iterable[str], name: str) -> bool:
    """Whether somebody who asked for these events is told of that one."""
    for pattern in events:
        if pattern == name:
            return True
        if pattern == EVERYTHING and name not in BY_NAME_ONLY:
            return True
        if pattern.endswith(":*") and name.startswith(pattern[:-1]) and name not in BY_NAME_ONLY:
            return True
    return False
