"""One session's queues in Redis: RQ's own keys, so that RQ's tools show the truth."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.suspension import WORKERS_SUSPENDED

from actors.model import OutgoingMessage, Priority
from actors.ports import WINDOW, Calendar
from wahook.outbox import scripts
from wahook.outbox.errors import QueuesLost
from wahook.outbox.job_store import JOB_TIMEOUT, JobStore
from wahook.outbox.serializer import DataOnly
from wahook.outbox.window import Refill, Share, Window, is_later, shares

ORDER = (Priority.HIGH, Priority.DEFAULT, Priority.LOW)


@dataclass(frozen=True, slots=True)
class Depths:
    """What one look at Redis tells. `next_due`: Unix seconds of the first scheduled message.

    `taken`: popped or started, and not ended. Between two messages of the one consumer that is a leftover.
    """

    marked: bool
    suspended: bool
    queued: int
    scheduled: int
    taken: int
    next_due: float | None


class LaneQueues:
    """All that a lane does in Redis. Blocking, with the client's deadlines; raises RedisError. Any thread.

    `pop`, `recover` and `move_due` are for the one consumer. Of each priority no more than `window` wait in
    the list, and no more in the schedule; what does not fit is left to the journal, and to a later `rebuild`.
    """

    def __init__(self, connection: Redis, session_id: str, now: Calendar, window: int = WINDOW) -> None:
        self.queues = {
            priority: Queue(
                f"{session_id}:{priority}",
                connection=connection,
                serializer=DataOnly,
                default_timeout=JOB_TIMEOUT,
            )
            for priority in ORDER
        }
        self._redis = connection
        self._now = now
        self._jobs = JobStore(connection, self.queues, now)
        self._size = window
        self._windows = {priority: Window() for priority in ORDER}
        self._filling = threading.Lock()  # a rebuild, a new one, and those that fall due decide one by one
        self._mark = f"wahook:lane:{session_id}"
        self._looked_at = [self._mark, WORKERS_SUSPENDED]
        self._popped_from = [self._mark]
        for queue in self.queues.values():
            self._popped_from += [queue.key, queue.intermediate_queue_key]
            self._looked_at += [queue.key, queue.scheduled_job_registry.key]
            self._looked_at += [queue.intermediate_queue_key, queue.started_job_registry.key]
        self._look = connection.register_script(scripts.LOOK)
        self._pop = connection.register_script(scripts.POP)
        self._recover = connection.register_script(scripts.RECOVER)
        self._due = connection.register_script(scripts.DUE)
        self._place = connection.register_script(scripts.PLACE)

    def mark(self) -> None:
        """Leave a mark by whose absence an emptied Redis is known, and show the queues in RQ's tools."""
        with self._redis.pipeline() as pipe:
            pipe.set(self._mark, 1)
            pipe.sadd(Queue.redis_queues_keys, *(queue.key for queue in self.queues.values()))
            pipe.execute()

    def look(self) -> Depths:
        """How much there is, in one round trip."""
        marked, suspended, queued, scheduled, taken, due = self._look(keys=self._looked_at)
        return Depths(
            marked=bool(marked),
            suspended=bool(suspended),
            queued=queued,
            scheduled=scheduled,
            taken=taken,
            next_due=float(due) if due else None,
        )

    def taken(self) -> set[str]:
        """What was popped or started, and has not ended: mostly the one that is being sent."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in self.queues.values():
                pipe.lrange(queue.intermediate_queue_key, 0, -1)
                pipe.zrange(queue.started_job_registry.key, 0, -1)
            return _ids(pipe.execute())

    @property
    def is_partial(self) -> bool:
        """Whether the journal may have more that is due. Does not ask Redis."""
        return any(window.partial for window in self._windows.values())

    def refill(self) -> Refill:
        """Whether the journal must be asked for what follows. Asks Redis only if there may be more."""
        cut = {priority: window for priority, window in self._windows.items() if not window.is_whole}
        if not cut:
            return Refill.NOT_NEEDED
        with self._redis.pipeline(transaction=False) as pipe:
            for priority, window in cut.items():
                if window.partial:
                    pipe.llen(self.queues[priority].key)
                else:
                    pipe.zcard(self.queues[priority].scheduled_job_registry.key)
            left = pipe.execute()
        if 0 in left:
            return Refill.NOW
        lists = [number for number, window in zip(left, cut.values(), strict=True) if window.partial]
        return Refill.SOON if min(lists, default=math.inf) <= self._size // 10 else Refill.NOT_NEEDED

    def put(self, message: OutgoingMessage) -> bool:
        """Queue or schedule one, or leave it to the journal if it does not belong to the first ones.

        False if its job is there already; one that had ended is made anew.
        """
        with self._filling:
            if not self._belongs(message):
                return not message.may_be_on_wire or self._jobs.forget_ended(message.message_id)
            try:
                self._jobs.put(message)
            except DuplicateJobError:
                if not self._jobs.forget_ended(message.message_id):
                    return False
                self._jobs.put(message)
            return True

    def _belongs(self, message: OutgoingMessage) -> bool:
        window = self._windows[message.priority]
        if window.partial:
            return False
        if message.send_at is not None and is_later(message, self._now()):
            return self._goes_in_time(message.send_at.timestamp(), self.queues[message.priority], window)
        if not window.room:
            window.room = max(0, self._size - len(self.queues[message.priority]))
        window.partial = not window.room
        window.room = max(0, window.room - 1)
        return not window.partial

    def _goes_in_time(self, date: float, queue: Queue, window: Window) -> bool:
        """Whether it belongs into the schedule; the last ones of a full one give up their places for it."""
        if date >= window.horizon:
            return False
        registry = queue.scheduled_job_registry
        last: Any = self._redis.zrange(registry.key, self._size - 1, -1, withscores=True)
        if not last:
            return True
        window.horizon = min(window.horizon, last[0][1] - 0.999_999)  # RQ's dates are rounded up
        if date >= window.horizon:
            return False
        self._unschedule(queue, [job_id.decode() for job_id, _ in last])
        return True

    def withdraw(self, message_id: str) -> bool:
        """Take a job out that waits or has failed; False if it does neither, or no more."""
        try:
            job = Job.fetch(message_id, self._redis, DataOnly)
        except NoSuchJobError:
            return False
        if job.get_status(refresh=False) not in {JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.FAILED}:
            return False
        self._jobs.forget(message_id)
        return True

    def clear(self) -> None:
        """Remove all that Redis has of this session. Only when its lane has ended for good."""
        for queue in self.queues.values():
            registries = (
                queue.scheduled_job_registry,
                queue.failed_job_registry,
                queue.finished_job_registry,
                queue.started_job_registry,
            )
            for registry in registries:
                for job_id in registry.get_job_ids(cleanup=False):
                    self._jobs.forget(job_id)
            queue.delete(delete_jobs=True)
            self._redis.delete(queue.intermediate_queue_key, *(registry.key for registry in registries))
        self._redis.delete(self._mark)

    def move_due(self) -> int:
        """Move scheduled messages whose time has come to the end of their queues; how many.

        Where that is not their place, because there is more in the journal, they are left to the journal.
        """
        now = self._now().timestamp()
        with self._filling:
            return sum(self._move_due(priority, now) for priority in ORDER)

    def _move_due(self, priority: Priority, now: float) -> int:
        queue, window = self.queues[priority], self._windows[priority]
        schedule = queue.scheduled_job_registry.key
        found: Any = self._redis.zrangebyscore(schedule, 0, now)
        due = [job_id.decode() for job_id in found]
        if not due:
            return 0
        window.room = 0
        if not window.partial and len(queue) + len(due) <= self._size:
            return int(self._due(keys=[queue.key, schedule], args=[now]))
        window.partial = True
        self._unschedule(queue, due)
        return len(due)

    def pop(self, first: str | None = None) -> tuple[Job, Queue] | None:
        """The next job by priority, `first` before all.

        It stays in the intermediate list until the worker has registered it, so no crash loses it. QueuesLost
        if Redis was emptied, or if this one was deleted or damaged: the journal knows whether it is wanted.
        """
        which, *rest = self._pop(keys=self._popped_from, args=[first or ""])
        if which < 0:
            raise QueuesLost
        if not rest:
            return None
        queue, job_id = self.queues[ORDER[int(which) - 1]], rest[0].decode()
        job = self._jobs.restored(job_id, dict(zip(rest[1::2], rest[2::2], strict=True)))
        if job is None:
            self._redis.lrem(queue.intermediate_queue_key, 1, job_id)
            self._redis.delete(Job.key_for(job_id))
            raise QueuesLost
        return job, queue

    def recover(self) -> list[str]:
        """Put what an earlier life had taken back to the head of its queue; the ids, the first one first."""
        return [
            job_id.decode()
            for queue in self.queues.values()
            for job_id in self._recover(
                keys=[queue.key, queue.intermediate_queue_key, queue.started_job_registry.key]
            )
        ]

    def rebuild(self, rows: Sequence[OutgoingMessage]) -> int:
        """Put back what is nowhere and belongs to the first ones, in turn, scheduled ones by date; how many.

        `rows`: as of a time after the last `put` had returned, all or as `JournalReader.undone` cuts them.
        """
        with self._filling:
            by_priority = shares(rows, self._now(), self._size)
            return sum(self._fill(priority, by_priority[priority]) for priority in ORDER)

    def _fill(self, priority: Priority, share: Share) -> int:
        queue, window = self.queues[priority], self._windows[priority]
        window.partial, window.horizon = window.partial or share.partial, min(window.horizon, share.horizon)
        listed, taken, scheduled = self._present(queue)
        due = {row.message_id for row in share.due}
        if share.partial:  # what was not read comes between
            self._unlist(queue, [job_id for job_id in reversed(listed) if job_id not in due])
        placed = taken.union(listed)
        later = [row for row in share.later if row.message_id not in placed]
        lost = [row for row in share.due if row.message_id not in placed]
        stale = scheduled & {row.message_id for row in lost}
        if share.horizon < math.inf:
            stale |= scheduled - {row.message_id for row in later}
        self._unschedule(queue, stale)
        missing = [row for row in later if row.message_id not in scheduled]
        for row in missing:
            self._jobs.forget(row.message_id)
            self._jobs.schedule(row)
        added = self._place_all(queue, share.due, lost)
        window.partial, window.room = share.partial, 0
        window.horizon = share.horizon if later else math.inf
        return len(missing) + added

    def _place_all(
        self, queue: Queue, due: Sequence[OutgoingMessage], lost: Sequence[OutgoingMessage]
    ) -> int:
        if not lost:
            return 0
        self._jobs.save(lost)
        anew = {row.message_id for row in lost}
        flags = [word for row in due for word in (row.message_id, int(row.message_id in anew))]
        keys = [queue.key, queue.intermediate_queue_key, queue.started_job_registry.key]
        return int(self._place(keys=keys, args=flags))

    def _present(self, queue: Queue) -> tuple[list[str], set[str], set[str]]:
        """What its list (in order), its consumer and its schedule have."""
        with self._redis.pipeline() as pipe:
            pipe.lrange(queue.key, 0, -1)
            pipe.lrange(queue.intermediate_queue_key, 0, -1)
            pipe.zrange(queue.started_job_registry.key, 0, -1)
            pipe.zrange(queue.scheduled_job_registry.key, 0, -1)
            listed, popped, started, scheduled = pipe.execute()
        return [job_id.decode() for job_id in listed], _ids([popped, started]), _ids([scheduled])

    def _unlist(self, queue: Queue, job_ids: Sequence[str]) -> None:
        """Leave to the journal what waits, the last one first; what was popped meanwhile keeps its job."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.lrem(queue.key, -1, job_id)
            removed = [job_id for job_id, number in zip(job_ids, pipe.execute(), strict=True) if number]
        if removed:
            self._redis.delete(*map(Job.key_for, removed))

    def _unschedule(self, queue: Queue, job_ids: Collection[str]) -> None:
        """Leave to the journal what is scheduled."""
        if job_ids:
            with self._redis.pipeline() as pipe:
                pipe.zrem(queue.scheduled_job_registry.key, *job_ids)
                pipe.delete(*map(Job.key_for, job_ids))
                pipe.execute()


def _ids(found: list[list[bytes]]) -> set[str]:
    return {entry.decode().partition(":")[0] for entries in found for entry in entries}
