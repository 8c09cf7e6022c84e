"""Sends what is pending: woken by commits, by answers, and by the time the next one is due.

Everything here runs on one loop. Who may go is decided by `Line`; what follows from an answer by `policy`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from yarl import URL

from actors.durable import Delivery, EndDelivery, TaskState
from actors.errors import DomainError, JournalError, WahookError
from actors.ports import Calendar, WebhooksView
from wahook.addresses import AddressRule
from wahook.notify.webhooks.line import ROOM, Limits, Line
from wahook.notify.webhooks.policy import CircuitState, Judgement, Outcome, Retries, judge
from wahook.notify.webhooks.ports import Queue, Record
from wahook.notify.webhooks.posting import Poster
from wahook.notify.webhooks.receivers import Receivers

log = structlog.get_logger(__name__)

AGAIN = 1.0  # seconds until the journal is asked again when it did not answer
SLOWEST = 5.0  # seconds between attempts to journal an outcome
REMOVED = "this webhook was removed"
TOO_LATE = "its time was over"


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderParts:
    """`deadline`: seconds for one call. `net`: every so many seconds the journal is asked, whoever forgot."""

    queue: Queue
    record: Record
    receivers: Receivers
    rule: AddressRule
    calendar: Calendar
    rng: random.Random
    user_agent: str = "wahook"
    limits: Limits = field(default_factory=Limits)
    retries: Retries = field(default_factory=Retries)
    deadline: float = 15.0
    net: float = 30.0


class Dispatcher:
    """One life of the sender. Made and used on its loop; `view` may be read by any thread."""

    def __init__(self, parts: SenderParts, poster: Poster) -> None:
        self._parts = parts
        self._poster = poster
        self._lines: dict[str, Line] = {}
        self._touched: set[str] = set()
        self._wake: dict[str, datetime] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[str] = set()  # done or dead, but not on disk yet: not to be fetched again
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="webhooks-read")
        self._stopping = False
        self._finished = asyncio.Event()
        self._delivered = self._failed = self._dead = 0
        self._last_error: str | None = None
        self.view = WebhooksView()

    # -- what others tell -------------------------------------------------------------------------------

    def added(self, deliveries: Sequence[Delivery]) -> None:
        """These are on disk now."""
        for one in deliveries:
            self._line(one.receiver).add(one)
            self._touch(one.receiver)

    def doubted(self) -> None:
        """A commit failed, or may have: ask the journal for everything."""
        for url, line in self._lines.items():
            line.doubt()
            self._touch(url)
        self._spawn(self._look())

    # -- life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `finish` is done."""
        loop = asyncio.get_running_loop()
        looked = -self._parts.net
        while not self._stopping:
            if loop.time() - looked >= self._parts.net:
                looked = loop.time()
                self._spawn(self._look())
            self._turn()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause())
            self._changed.clear()
        await self._finished.wait()

    async def finish(self, deadline: float) -> None:
        """Begin nothing more; wait at most `deadline` seconds for what is on its way."""
        self._stopping = True
        self._changed.set()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=deadline)
        for task in self._tasks:
            task.cancel()
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._finished.set()

    def _turn(self) -> None:
        now = self._parts.calendar()
        due = {url for url, at in self._wake.items() if at <= now}
        touched, self._touched = self._touched | due, set()
        for url in touched:
            line = self._line(url)
            for one in line.expire(now):
                self._spawn(self._give_up(one, TOO_LATE))
            if (after := line.wants()) is not None:
                self._spawn(self._fetch(url, after))
            for one in line.go(now):
                self._spawn(self._deliver(line, one))
            self._plan(url, line)
        self._show()

    def _plan(self, url: str, line: Line) -> None:
        self._wake.pop(url, None)
        if (at := line.next_at()) is not None:
            self._wake[url] = at

    def _pause(self) -> float:
        """Seconds until something is due, at most the net's."""
        soonest = min(self._wake.values(), default=None)
        if soonest is None:
            return self._parts.net
        wait = (soonest - self._parts.calendar()).total_seconds()
        return min(max(wait, 0.0) + 0.001, self._parts.net)

    # -- one delivery -----------------------------------------------------------------------------------

    async def _deliver(self, line: Line, one: Delivery) -> None:
        try:
            webhook = self._parts.receivers.find(one.session_id, one.receiver)
        except JournalError:
            self._ended(line, one, Judgement(TaskState.PENDING, AGAIN))
            return
        if webhook is None:
            line.gone(one)
            self._touch(one.receiver)
            await self._give_up(one, REMOVED)
            return
        outcome = await self._poster.post(webhook, one, self._parts.calendar())
        judgement = judge(outcome, one.attempts + 1, self._parts.retries, self._parts.rng.random())
        self._count(outcome, judgement)
        next_at = self._ended(line, one, judgement)
        await self._end(EndDelivery(one.id, judgement.state, next_at, outcome.status, outcome.words))

    def _ended(self, line: Line, one: Delivery, judgement: Judgement) -> datetime | None:
        """When it goes again; None: not any more."""
        now = self._parts.calendar()
        before = line.circuit.state(now)
        next_at = line.ended(one, judgement, now, self._parts.rng.random())
        after = line.circuit.state(now)
        if (before is CircuitState.CLOSED) != (after is CircuitState.CLOSED):
            closed = after is CircuitState.CLOSED
            event = "webhooks.circuit_closed" if closed else "webhooks.circuit_opened"
            log.warning(event, host=URL(one.receiver).host)
        self._touch(one.receiver)
        return next_at

    async def _give_up(self, one: Delivery, why: str) -> None:
        self._dead += 1
        await self._end(EndDelivery(one.id, TaskState.DEAD, None, one.last_status, why, spent=False))

    async def _end(self, operation: EndDelivery) -> None:
        """Write the outcome, however long the journal is away: nobody else knows it."""
        if operation.state is not TaskState.PENDING:
            self._ending.add(operation.id)
        wait = 0.1
        while True:
            try:
                await self._parts.record(operation)
            except DomainError:
                log.exception("webhooks.outcome_refused", delivery=operation.id)
            except WahookError as error:
                log.warning("webhooks.journal_away", delivery=operation.id, error=type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(SLOWEST, 2 * wait)
                continue
            self._ending.discard(operation.id)
            return

    # -- from the journal -------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Who has something pending? The net below the commits' signals."""
        try:
            found = await self._read(self._parts.queue.receivers)
        except JournalError:
            await asyncio.sleep(AGAIN)
            self._spawn(self._look())
            return
        for url in found:
            self._line(url).look_again()
            self._touch(url)

    async def _fetch(self, url: str, after: int) -> None:
        line = self._line(url)
        known = line.on_their_way | self._ending  # what ends while the journal is read may read as pending
        try:
            rows = await self._read(partial(self._parts.queue.pending_deliveries, url, after, ROOM))
        except JournalError:
            await asyncio.sleep(AGAIN)
            line.not_fetched()
        else:
            fresh = [one for one in rows if one.id not in known | self._ending]
            line.fetched(fresh, all_of_them=len(rows) < ROOM)
        self._touch(url)

    async def _read(self, read: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    # -- small things -----------------------------------------------------------------------------------

    def _line(self, url: str) -> Line:
        if url not in self._lines:
            self._lines[url] = Line(self._parts.limits)
        return self._lines[url]

    def _touch(self, url: str) -> None:
        self._touched.add(url)
        self._changed.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._stopping:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhooks.bug", error=type(error).__name__, exc_info=error)

    def _count(self, outcome: Outcome, judgement: Judgement) -> None:
        self._delivered += outcome.delivered
        self._failed += not outcome.delivered
        self._dead += judgement.state is TaskState.DEAD
        self._last_error = outcome.words or self._last_error

    def _show(self) -> None:
        lines = self._lines.values()
        self.view = WebhooksView(
            receivers=len(self._lines),
            open_circuits=sum(line.circuit.until is not None for line in lines),
            in_flight=sum(line.flying for line in lines),
            waiting=sum(map(len, lines)),
            delivered=self._delivered,
            failed_attempts=self._failed,
            dead=self._dead,
            last_error=self._last_error,
        )
