"""Watches how much memory the service takes, and has it given back where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from actors import memory_policy
from actors.memory_policy import Level, Limits, Order, Size, State
from actors.messages import Recycle
from actors.model import SessionStatus, SessionView
from actors.ports import Calendar, MemoryMeter
from supervision import Actor, Context

log = structlog.get_logger(__name__)

LINE_EVERY = 60.0  # seconds between lines in the log
COLLECT_EVERY = 60.0
FIRST = 5.0


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """The last look. Bytes: `rss` of this process, `tree` of all that is ours, against `limit`."""

    at: datetime
    rss: int
    tree: int
    limit: int
    level: Level


@dataclass(frozen=True, slots=True)
class Footprint:
    """The PSS of one session's processes, renderers and helpers included, as sampled in the background."""

    pss: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryParts:
    """What the actor reads and whom it tells.

    `footprints`: the samples of supervision by session. `collect` gives back what this process does not use.
    `publish` hands the report to whoever refuses and shows.
    """

    meter: MemoryMeter
    footprints: Callable[[], Mapping[str, Footprint]]
    views: Callable[[], Mapping[str, SessionView]]
    collect: Callable[[], None]
    publish: Callable[[MemoryReport], None]
    calendar: Calendar
    session_path: Callable[[str], str]
    limits: Limits
    interval: float = 15.0


@dataclass(frozen=True, slots=True)
class _Look:
    pass


class MemoryActor(Actor):
    """Looks, collects garbage above the limit, orders a recycling, publishes. All it knows can be lost."""

    def __init__(self, context: Context, parts: MemoryParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._state = State()
        self._line_at = self._collected_at = float("-inf")
        self._recycled = 0

    def started(self) -> None:
        self.context.every(self._parts.interval, _Look(), first=min(FIRST, self._parts.interval))

    def handle(self, message: object) -> object:
        """Look."""
        if not isinstance(message, _Look):
            return super().handle(message)
        now, parts = self.context.clock.monotonic(), self._parts
        usage = parts.meter.read()
        if usage.tree > parts.limits.total and now - self._collected_at >= COLLECT_EVERY:
            self._collected_at = now
            parts.collect()
            usage = parts.meter.read()
        before = self._state.level
        self._state, order = memory_policy.decide(self._state, usage.tree, self._sizes(), now, parts.limits)
        if order is not None:
            self._recycle(order)
        report = MemoryReport(parts.calendar(), usage.rss, usage.tree, parts.limits.total, self._state.level)
        parts.publish(report)
        self._show(report, before, now)
        return None

    def _recycle(self, order: Order) -> None:
        self._recycled += 1
        log.warning("memory.recycle", session=order.session_id, reason=order.reason)
        session = self.context.lookup(self._parts.session_path(order.session_id))
        session.tell(Recycle(order.reason, order.quiet))

    def _sizes(self) -> list[Size]:
        now, views = self._parts.calendar(), self._parts.views()
        return [
            _size(print_, views[session_id], now)
            for session_id, print_ in self._parts.footprints().items()
            if session_id in views and print_.pss > 0
        ]

    def _show(self, report: MemoryReport, before: Level, now: float) -> None:
        sessions = sum(view.status is SessionStatus.READY for view in self._parts.views().values())
        fields: dict[str, int | str] = {
            "rss_mb": _mb(report.rss),
            "tree_mb": _mb(report.tree),
            "limit_mb": _mb(report.limit),
            "level": str(report.level),
        }
        self.context.report(**fields, recycled=self._recycled)
        self.context.heartbeat(report.level is Level.EASY)
        if report.level is not before:
            log.warning("memory.level", **fields, before=str(before))
        if now - self._line_at >= LINE_EVERY:
            self._line_at = now
            log.info("memory.used", **fields, sessions=sessions)


def _size(footprint: Footprint, view: SessionView, now: datetime) -> Size:
    """`ready_for` counts up to the sample: one from before this browser says nothing of it."""
    ready = view.status is SessionStatus.READY
    active_at = view.active_at or view.since
    return Size(
        view.session_id,
        footprint.pss,
        (footprint.at - view.since).total_seconds() if ready else None,
        (now - active_at).total_seconds(),
    )


def _mb(size: int) -> int:
    return round(size / 1024**2)
