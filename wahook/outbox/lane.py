"""One session's lane: a thread that takes one message after another, each when it may go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from redis import Redis, RedisError
from rq import Queue
from rq.job import Job, Retry

from actors.errors import DeadlinePassed
from actors.model import MessageStatus, OutgoingMessage
from actors.ports import WINDOW, LaneListener, LaneView
from supervision import Clock
from wahook.outbox.courier import Again, Courier, Dropped, Failed, NotNow, Outcome, Sent, no_seam
from wahook.outbox.errors import GivenUp, QueuesLost
from wahook.outbox.gate import Gate, Interrupted
from wahook.outbox.jobs import delivering
from wahook.outbox.limits import SendLimits
from wahook.outbox.queues import Depths, LaneQueues
from wahook.outbox.window import Refill
from wahook.outbox.worker import HEARTBEAT, ThreadWorker

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0  # seconds between looks for what others did: rq requeue, rq suspend, an emptied Redis
TIDY_EVERY = 600.0
GAP_AGAIN = 5.0  # seconds after which a gap is told again
PERMIT_FRESH = 5.0  # seconds in which a permit that was not used may serve the next message
AWAY = "redis is away"


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why nothing is taken now, and how long that lasts; None: until somebody moves."""

    reason: str | None
    seconds: float | None = None

    @property
    def at_most(self) -> float:
        return LOOK_EVERY if self.seconds is None else min(self.seconds, LOOK_EVERY)


class RqLane:
    """Implements `actors.ports.Lane`. One start for each object.

    In one priority messages go in the order of acceptance, one at a time; a higher priority goes first, but
    never between two attempts of one message. While nothing may go, everything stays queued in RQ and no
    attempt is spent. Redis away: it tries again with back-off, for ever, and loses nothing. Of each priority
    it has at most `window` in Redis, and tells a gap in time for the rest to follow from the journal.
    """

    def __init__(
        self,
        session_id: str,
        user_id: str,
        *,
        connection: Redis,
        limits: SendLimits,
        courier: Callable[[Gate], Courier],
        clock: Clock,
        seam: Callable[[str], None] = no_seam,
        window: int = WINDOW,
    ) -> None:
        self.session_id = session_id
        self._user_id = user_id
        self._limits = limits
        self._clock = clock
        self._seam = seam
        self._gate = Gate(clock)
        self._courier = courier(self._gate)
        self._queues = LaneQueues(connection, session_id, clock.now, window)
        self._worker = ThreadWorker(f"wahook.{session_id}", list(self._queues.queues.values()), connection)
        self._thread = threading.Thread(target=self._run, name=f"lane {session_id}", daemon=True)
        self._view = LaneView(open=False, waiting="starting", until=None, queued=0, scheduled=0, sending=None)
        self._listener: LaneListener | None = None
        self._gap = object()  # replaced whenever undone rows may be missing in Redis
        self._filled: object = None  # the gap that was filled last
        self._gap_told_at = float("-inf")
        self._rebuilt = self._foreseen = object()  # the last rebuild, and the one whose end was foreseen
        self._first: str | None = None  # begun, so nothing overtakes it
        self._hold_until = float("-inf")
        self._hold_reason = ""
        self._stumbles = 0
        self._permit_at = float("-inf")
        self._beat_at = self._tidied_at = float("-inf")
        self._outcome: Outcome | None = None

    # -- from any thread --------------------------------------------------------------------------------

    @property
    def view(self) -> LaneView:
        return self._view

    def start(self, listener: LaneListener) -> None:
        self._listener = listener
        self._thread.start()

    def set_open(self, is_open: bool) -> None:
        self._gate.set_open(is_open)

    def enqueue(self, message: OutgoingMessage) -> None:
        try:
            if not self._queues.put(message):
                self._gap = object()  # its job may be about to end: a retry can be that quick
                self._gap_told_at = float("-inf")
        except (RedisError, OSError) as error:
            log.warning("outbox.enqueue_deferred", message_id=message.message_id, error=type(error).__name__)
            self._gap = object()
        self._gate.wake()

    def withdraw(self, message_id: str) -> None:
        try:
            if self._queues.withdraw(message_id) and self._queues.is_partial:
                self._gate.wake()  # it may have been the last one
        except (RedisError, OSError) as error:
            log.warning("outbox.withdraw_failed", message_id=message_id, error=type(error).__name__)

    def rebuild(self, rows: Sequence[OutgoingMessage]) -> int:
        gap = self._gap
        try:
            added = self._queues.rebuild(rows)
        except (RedisError, OSError) as error:
            log.warning("outbox.rebuild_deferred", session=self.session_id, error=type(error).__name__)
            return 0
        if added:
            log.info("outbox.rebuilt", session=self.session_id, jobs=added)
        begun = (row.message_id for row in rows if row.status is MessageStatus.SENDING)
        self._first = self._first or next(begun, None)
        self._filled = gap
        self._rebuilt = object()
        self._gate.wake()
        return added

    def stop(self, deadline: float) -> None:
        self._gate.stop(max(deadline - 1.0, deadline / 2))
        if self._thread.ident is None:
            return
        self._thread.join(deadline)
        if self._thread.is_alive():
            raise DeadlinePassed(f"lane {self.session_id} did not end within {deadline} s")

    # -- the lane's thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with delivering(self._deliver):
                self._work()
        except BaseException as error:  # noqa: BLE001 - told to its owner, whose crash has the traceback
            log.warning("outbox.lane_died", session=self.session_id, error=type(error).__name__)
            self._tell().died(error)

    def _work(self) -> None:
        wait = 0.1
        while not self._gate.stopping:
            ticket = self._gate.ticket
            try:
                self._enter()
                wait = 0.1
                self._live()
                self._worker.leave()
            except QueuesLost:
                log.warning("outbox.queues_lost", session=self.session_id)
            except (RedisError, OSError) as error:
                if self._view.waiting != AWAY:
                    log.warning("outbox.redis_away", session=self.session_id, error=type(error).__name__)
                self._limits.pace.queued(self.session_id, None)
                self._show(waiting=AWAY, seconds=wait)
                self._gate.wait(ticket, wait)
                wait = min(1.0, 2 * wait)

    def _enter(self) -> None:
        """Show up in Redis. What may be missing there is asked for before anything is taken."""
        self._worker.enter()
        self._queues.mark()
        self._gap = object()
        self._gap_told_at = float("-inf")
        self._beat_at = self._clock.monotonic()

    def _live(self) -> None:
        while not self._gate.stopping:
            ticket = self._gate.ticket
            depths = self._queues.look()
            self._limits.pace.queued(self.session_id, None if self._queues.is_partial else depths.queued)
            self._keep_up()
            obstacle = self._obstacle(depths)
            if obstacle is None:
                self._take()
                continue
            self._show(depths, waiting=obstacle.reason, seconds=obstacle.seconds)
            self._gate.wait(ticket, obstacle.at_most)

    def _keep_up(self) -> None:
        now = self._clock.monotonic()
        if now - self._beat_at >= HEARTBEAT:
            self._worker.heartbeat()
            self._beat_at = now
        if now - self._tidied_at >= TIDY_EVERY:
            self._worker.tidy()
            self._tidied_at = now

    def _obstacle(self, depths: Depths) -> _Obstacle | None:
        """Why the next message may not be taken; None: take it."""
        if not depths.marked:
            raise QueuesLost
        if depths.taken:  # by an earlier life, or by a pop whose answer was lost
            self._first = next(iter(self._queues.recover()), self._first)
            return _Obstacle(None, 0.0)  # look again: there is more now
        self._look_ahead()
        if self._filled is not self._gap:
            self._tell_gap()
            return _Obstacle("rebuilding from the journal")
        soon = self._until_due(depths)
        if soon <= 0 and self._queues.move_due():
            return _Obstacle(None, 0.0)
        if not depths.queued:
            return _Obstacle(None, soon)
        return self._closed(depths)

    def _look_ahead(self) -> None:
        """Ask for what the journal has beyond, best while something is left that goes meanwhile."""
        match self._queues.refill():
            case Refill.SOON if self._foreseen is not self._rebuilt:
                self._foreseen = self._rebuilt
                self._tell().gap()
            case Refill.NOW if self._filled is self._gap:
                self._gap = object()
                self._gap_told_at = float("-inf")

    def _closed(self, depths: Depths) -> _Obstacle | None:
        """What stands before a message that is there. Asks for a permit last: none is taken in vain."""
        now = self._clock.monotonic()
        if depths.suspended:
            return _Obstacle("suspended by rq", 1.0)
        if not self._gate.is_open:
            return _Obstacle("session not ready")
        if now < self._hold_until:
            return _Obstacle(self._hold_reason, self._hold_until - now)
        wait = self._permit(now)
        return _Obstacle("rate limit", wait) if wait > 0 else None

    def _until_due(self, depths: Depths) -> float:
        if depths.next_due is None:
            return LOOK_EVERY
        return depths.next_due - self._clock.now().timestamp()

    def _tell_gap(self) -> None:
        now = self._clock.monotonic()
        if now - self._gap_told_at >= GAP_AGAIN:
            self._gap_told_at = now
            self._tell().gap()

    def _permit(self, now: float) -> float:
        """0.0 with a permit in hand, else how long there will be none."""
        if now - self._permit_at < PERMIT_FRESH:
            return 0.0
        wait = self._limits.take(self.session_id, self._user_id)
        if wait <= 0:
            self._permit_at = now
        return wait

    def _take(self) -> None:
        popped = self._queues.pop(self._first)
        self._first = None
        if popped is None:
            return
        self._seam("after_pop")
        self._execute(*popped)
        self._seam("after_job")

    def _execute(self, job: Job, queue: Queue) -> None:
        self._outcome = None
        self._show(sending=job.id)
        try:
            self._worker.execute_job(job, queue)
        except (RedisError, OSError, QueuesLost):
            self._first = job.id  # whether it is done is in the journal; until then nothing overtakes it
            raise
        finally:
            self._follow(job.id, self._outcome)
            self._show(sending=None)

    def _deliver(self, message_id: str) -> str | Retry:
        """What RQ runs as the job."""
        if self._gate.stopping:
            return Retry(max=1)
        try:
            outcome = self._courier.attempt(message_id)
        except Interrupted:
            log.warning("outbox.abandoned", session=self.session_id, message_id=message_id)
            return Retry(max=1)
        self._outcome = outcome
        match outcome:
            case Failed(error=error):
                raise GivenUp(error)
            case Again() | NotNow():
                return Retry(max=1)
        return type(outcome).__name__.lower()

    def _follow(self, message_id: str, outcome: Outcome | None) -> None:
        """What the last outcome means for the next message."""
        match outcome:
            case Sent() | Failed() | Again():
                self._permit_at = float("-inf")
        self._stumbles = self._stumbles + 1 if isinstance(outcome, NotNow) else 0
        match outcome:
            case Again(delay=delay):
                self._hold(message_id, delay, "retry back-off")
            case NotNow():
                self._hold(message_id, min(2.0, 0.1 * 2**self._stumbles), "session not ready")
        if not isinstance(outcome, NotNow | Dropped | None):
            log.info("outbox.attempted", message_id=message_id, outcome=type(outcome).__name__.lower())

    def _hold(self, message_id: str, seconds: float, reason: str) -> None:
        self._first = message_id
        self._hold_until = self._clock.monotonic() + seconds
        self._hold_reason = reason

    def _show(
        self,
        depths: Depths | None = None,
        *,
        waiting: str | None = None,
        seconds: float | None = None,
        sending: str | None = None,
    ) -> None:
        """Tell what has changed, and no more often than it changes."""
        view = replace(
            self._view,
            open=self._gate.is_open,
            waiting=waiting,
            until=self._in(seconds) if waiting else None,
            sending=sending,
            queued=self._view.queued if depths is None else depths.queued,
            scheduled=self._view.scheduled if depths is None else depths.scheduled,
        )
        old, self._view = self._view, view
        if replace(old, until=None) != replace(view, until=None):
            self._tell().changed(view)

    def _in(self, seconds: float | None) -> datetime | None:
        return None if seconds is None else self._clock.now() + timedelta(seconds=seconds)

    def _tell(self) -> LaneListener:
        if self._listener is None:
            raise RuntimeError("the lane was not started")
        return self._listener
