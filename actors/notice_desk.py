"""Decides what is written to owners, over all sessions: the fold of `notices`, and at most one of a kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from actors import notices
from actors.events import Event
from actors.notices import Kind, Notice, Patience, Step, Watch


class Throttle:
    """At most one notice of a kind for each session in `interval` seconds. Plain; one thread.

    What is left out is counted, and the count goes with the session's next notice. The newest that was left
    out is told when its time has come, unless it only repeats what was told last, or something newer was told
    meanwhile: so the last that people read is how things stand.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: dict[tuple[str, Kind], datetime] = {}
        self._left_out: dict[str, int] = {}
        self._held: dict[str, Notice] = {}

    def seed(self, session_id: str, kind: Kind, at: datetime) -> None:
        """This was told in an earlier life."""
        known = self._last.get((session_id, kind), at)
        self._last[session_id, kind] = max(known, at)

    def offer(self, notice: Notice) -> Notice | None:
        """The notice as it may go now; None if it has to wait."""
        if self._free(notice, notice.at):
            return self._admit(notice, notice.at)
        session_id = notice.session_id
        self._left_out[session_id] = self._left_out.get(session_id, 0) + 1
        if self._told_last(session_id) is notice.kind:
            self._held.pop(session_id, None)
        else:
            self._held[session_id] = notice
        return None

    def due(self, now: datetime) -> list[Notice]:
        """Those that were held and may go now."""
        ready = [notice for notice in self._held.values() if self._free(notice, now)]
        for notice in ready:
            self._left_out[notice.session_id] -= 1
        admitted = [self._admit(notice, now) for notice in ready]
        self._forget_old(now)
        return admitted

    def _free(self, notice: Notice, now: datetime) -> bool:
        last = self._last.get((notice.session_id, notice.kind))
        return last is None or (now - last).total_seconds() >= self._interval

    def _told_last(self, session_id: str) -> Kind | None:
        told = [(at, kind) for (one, kind), at in self._last.items() if one == session_id]
        return max(told)[1] if told else None

    def _admit(self, notice: Notice, now: datetime) -> Notice:
        self._last[notice.session_id, notice.kind] = now
        self._held.pop(notice.session_id, None)
        return replace(notice, suppressed=self._left_out.pop(notice.session_id, 0))

    def _forget_old(self, now: datetime) -> None:
        old = [key for key, at in self._last.items() if (now - at).total_seconds() >= self._interval]
        for key in old:
            del self._last[key]


class NoticeDesk:
    """Outlives the incarnations of the actor that asks it. Plain; that actor's thread only."""

    def __init__(self, patience: Patience, throttle: Throttle) -> None:
        self._patience = patience
        self._throttle = throttle
        self._watches: dict[str, Watch] = {}

    def remember(self, session_id: str, kind: Kind, at: datetime) -> None:
        """This was told in an earlier life of the service."""
        self._throttle.seed(session_id, kind, at)

    def resume(self, last: Notice, now: datetime) -> None:
        """This was the last that was told of a session; nothing, if it is watched already."""
        if last.session_id not in self._watches:
            self._keep(notices.told_before(last, now))

    def heard(self, event: Event, now: datetime, *, linked: bool) -> Notice | None:
        """What to tell because of an event."""
        return self._step(
            event.session_id,
            lambda watch: notices.heard(watch, event, now, self._patience, linked=linked),
        )

    def by_hand(self, session_id: str, now: datetime) -> Notice | None:
        """Somebody took the session down."""
        return self._step(session_id, lambda watch: notices.by_hand(watch, now))

    def gave_up(self, session_id: str, now: datetime) -> Notice | None:
        """Supervision gave the session up."""
        return self._step(session_id, lambda watch: notices.gave_up(watch, now, self._patience))

    def tick(self, now: datetime) -> list[Notice]:
        """What to tell because time has passed."""
        lost = [watch.session_id for watch in self._watches.values() if watch.lost_at and not watch.told]
        waited = [self._step(one, lambda watch: notices.waited(watch, now, self._patience)) for one in lost]
        return [notice for notice in waited if notice is not None] + self._throttle.due(now)

    def _step(self, session_id: str, step: Callable[[Watch], Step]) -> Notice | None:
        after, notice = step(self._watches.get(session_id, Watch(session_id)))
        self._keep(after)
        return None if notice is None else self._throttle.offer(notice)

    def _keep(self, watch: Watch) -> None:
        if watch == Watch(watch.session_id):
            self._watches.pop(watch.session_id, None)
        else:
            self._watches[watch.session_id] = watch
