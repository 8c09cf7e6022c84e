"""What follows from how much memory the service and each of its sessions take. Pure.

A session is recycled (ended in good order, started anew) for one of two reasons: its browser is past the
budget of one session, or all together are past the service's limit and it is the largest. Never in vain: only
what has grown since it was fresh is given back. What cannot be helped by recycling ends in refusing more.

    EASY ──above the limit──▶ TIGHT ──still, and nothing left to give back──▶ FULL
      ◀────────────────────────── below 90 % of the limit ──────────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType


class Level(StrEnum):
    """How the service stands with its limit."""

    EASY = "easy"
    TIGHT = "tight"  # above the limit: what has grown is given back
    FULL = "full"  # nothing is left to give back: no further session is started


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, growth as a factor of the fresh size."""

    total: int
    session: int
    relief: float = 0.9  # of `total`: below it all is well again
    grown: float = 1.25  # for the sake of the whole only what has grown by so much
    past_budget: float = 1.1  # for its own sake; a page that is larger than its budget when fresh stays
    quiet: float = 60.0  # an idle moment: nothing went in or out for so long
    patience: float = 600.0  # past its budget for longer than this, a session is recycled without one
    settled: float = 90.0  # ready for so long: its size tells something
    again: float = 600.0  # at the soonest between two recyclings of one session
    effect: float = 45.0  # until a recycling shows in the total


@dataclass(frozen=True, slots=True)
class Size:
    """One session's browser as last sampled. `ready_for`: since when it was ready then; None: it was not."""

    session_id: str
    pss: int
    ready_for: float | None
    quiet: float


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a session. `fresh`: the smallest settled size of this browser, 0: none yet."""

    fresh: int = 0
    over_since: float | None = None
    ordered_at: float = float("-inf")
    renewing: bool = False  # ordered, and not yet seen with a new browser


@dataclass(frozen=True, slots=True)
class State:
    """Between two looks. `ordered_at`: when a session was recycled for the sake of the whole."""

    level: Level = Level.EASY
    ordered_at: float = float("-inf")
    records: Mapping[str, Record] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Order:
    """Recycle this session if nothing went in or out for `quiet` seconds."""

    session_id: str
    reason: str
    quiet: float


def decide(
    state: State, total: int, sizes: Sequence[Size], now: float, limits: Limits
) -> tuple[State, Order | None]:
    """The next state and at most one order: one browser at a time. `now` is monotonic."""
    settled = [size for size in sizes if size.ready_for is not None and size.ready_for >= limits.settled]
    records = {size.session_id: state.records.get(size.session_id, Record()) for size in sizes}
    for name in records.keys() - {size.session_id for size in settled}:
        records[name] = _starting(records[name])
    for size in settled:
        records[size.session_id] = _noted(records[size.session_id], size, now, limits)
    order = _for_itself(settled, records, now, limits)
    level, for_all = _for_all(replace(state, records=records), total, settled, now, limits)
    order = order or for_all
    if order is not None:
        records[order.session_id] = replace(records[order.session_id], ordered_at=now, renewing=True)
    ordered_at = now if order is not None else state.ordered_at
    return State(level, ordered_at, MappingProxyType(records)), order


def _starting(record: Record) -> Record:
    """A new browser, if it was recycled: what the last one had grown to says nothing of it."""
    return Record(ordered_at=record.ordered_at) if record.renewing else record


def _noted(record: Record, size: Size, now: float, limits: Limits) -> Record:
    fresh = min(record.fresh or size.pss, size.pss)
    if size.pss <= limits.session:
        return replace(record, fresh=fresh, over_since=None)
    since = now if record.over_since is None else record.over_since
    return replace(record, fresh=fresh, over_since=since)


def _for_itself(
    sizes: Sequence[Size], records: Mapping[str, Record], now: float, limits: Limits
) -> Order | None:
    for size in sorted(sizes, key=lambda one: -one.pss):
        record = records[size.session_id]
        if record.over_since is None or not _worth_it(size, record, now, limits.past_budget, limits):
            continue
        quiet = limits.quiet if now - record.over_since < limits.patience else 0.0
        if size.quiet >= quiet:
            return Order(size.session_id, "over its budget", quiet)
    return None


def _for_all(
    state: State, total: int, sizes: Sequence[Size], now: float, limits: Limits
) -> tuple[Level, Order | None]:
    if total < limits.relief * limits.total:
        return Level.EASY, None
    if total <= limits.total:
        return state.level, None  # between the two it stays as it is, so that it does not flap
    if now - state.ordered_at < limits.effect:
        return max(state.level, Level.TIGHT, key=_RANK), None
    for size in sorted(sizes, key=lambda one: -one.pss):
        record = state.records[size.session_id]
        if size.quiet >= limits.quiet and _worth_it(size, record, now, limits.grown, limits):
            level = Level.TIGHT if state.level is Level.EASY else Level.FULL
            return level, Order(size.session_id, "the service is past its limit", limits.quiet)
    return Level.FULL, None


_RANK = list(Level).index


def _worth_it(size: Size, record: Record, now: float, growth: float, limits: Limits) -> bool:
    """Whether a fresh browser would be smaller, and this one is not fresh itself."""
    return size.pss >= growth * record.fresh and now - record.ordered_at >= limits.again
