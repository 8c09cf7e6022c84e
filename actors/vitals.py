"""Whether a session that calls itself ready is alive. Pure."""

from __future__ import annotations

from enum import Enum

from actors.model import PageState


class Verdict(Enum):
    """What a look at a session shows."""

    WELL = "well"
    ACTOR_STUCK = "actor_stuck"
    PAGE_HANGS = "page_hangs"
    NOT_CONNECTED = "not_connected"


def judge(busy_for: float, state: PageState | None, limit: float) -> Verdict:
    """`busy_for`: seconds on one message; more than `limit` is too long. `state` None: no answer in time."""
    if busy_for > limit:
        return Verdict.ACTOR_STUCK
    if state is None:
        return Verdict.PAGE_HANGS
    return Verdict.WELL if state.connected else Verdict.NOT_CONNECTED
