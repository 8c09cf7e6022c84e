"""One session's queues in Redis: RQ's own keys, so that RQ's tools show the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import structlog
from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.results import Result
from rq.suspension import WORKERS_SUSPENDED

from actors.model import OutgoingMessage, Priority
from actors.ports import Calendar
from wahook.outbox import scripts
from wahook.outbox.errors import QueuesLost
from wahook.outbox.jobs import FUNCTION
from wahook.outbox.serializer import DataOnly

log = structlog.get_logger(__name__)

ORDER = (Priority.HIGH, Priority.DEFAULT, Priority.LOW)
JOB_TIMEOUT = 180  # seconds; RQ's tools count a job as abandoned a minute later
RESULT_TTL = 600  # seconds a sent message stays in RQ's list of finished jobs
_ENDED = frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.STOPPED})
_EPOCH = datetime.min.replace(tzinfo=UTC)


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

    `pop`, `recover` and `move_due` are for the one consumer.
    """

    def __init__(self, connection: Redis, session_id: str, now: Calendar) -> None:
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

    def put(self, message: OutgoingMessage) -> bool:
        """Queue or schedule one. False if its job is there already; one that had ended is made anew."""
        try:
            self._put(message)
        except DuplicateJobError:
            if not self._forget_ended(message.message_id):
                return False
            self._put(message)
        return True

    def withdraw(self, message_id: str) -> bool:
        """Take a job out that waits or has failed; False if it does neither, or no more."""
        try:
            job = Job.fetch(message_id, self._redis, DataOnly)
        except NoSuchJobError:
            return False
        if job.get_status(refresh=False) not in {JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.FAILED}:
            return False
        self._forget(message_id)
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
                    self._forget(job_id)
            queue.delete(delete_jobs=True)
            self._redis.delete(queue.intermediate_queue_key, *(registry.key for registry in registries))
        self._redis.delete(self._mark)

    def move_due(self) -> int:
        """Move scheduled messages whose time has come to the end of their queues; how many."""
        now = self._now().timestamp()
        return sum(
            int(self._due(keys=[queue.key, queue.scheduled_job_registry.key], args=[now]))
            for queue in self.queues.values()
        )

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
        job = self._restored(job_id, dict(zip(rest[1::2], rest[2::2], strict=True)))
        if job is None:
            self._redis.lrem(queue.intermediate_queue_key, 1, job_id)
            self._redis.delete(Job.key_for(job_id))
            raise QueuesLost
        return job, queue

    def _restored(self, job_id: str, fields: dict[bytes, bytes]) -> Job | None:
        """None for what is no job of ours, or no more."""
        job = Job(job_id, self._redis, DataOnly)
        try:
            job.restore(fields)
            ours = job.func_name == FUNCTION and list(job.args) == [job_id]
        except Exception as error:  # noqa: BLE001 - RQ's reading of it may raise anything
            log.warning("outbox.job_unreadable", message_id=job_id, error=type(error).__name__)
            return None
        return job if ours else None

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
        """Put back what is nowhere, in the order of `rows` (scheduled ones by their date); how many."""
        now = self._now()
        present = self._present()
        missing = [row for row in rows if row.message_id not in present]
        later = [row for row in missing if _later(row, now)]
        for row in later:
            self._forget(row.message_id)
            self._put(row)
        lost = {row.message_id for row in missing} - {row.message_id for row in later}
        self._save_jobs([row for row in missing if row.message_id in lost])
        due = _in_turn([row for row in rows if not _later(row, now)])
        return len(later) + sum(self._place_all(due, lost, priority) for priority in ORDER)

    def _place_all(self, due: Sequence[OutgoingMessage], lost: set[str], priority: Priority) -> int:
        mine = [row.message_id for row in due if row.priority is priority]
        if lost.isdisjoint(mine):
            return 0
        queue = self.queues[priority]
        flags = [word for job_id in mine for word in (job_id, int(job_id in lost))]
        keys = [queue.key, queue.intermediate_queue_key, queue.started_job_registry.key]
        return int(self._place(keys=keys, args=flags))

    def _present(self) -> set[str]:
        with self._redis.pipeline() as pipe:
            for queue in self.queues.values():
                pipe.lrange(queue.key, 0, -1)
                pipe.lrange(queue.intermediate_queue_key, 0, -1)
                pipe.zrange(queue.scheduled_job_registry.key, 0, -1)
                pipe.zrange(queue.started_job_registry.key, 0, -1)
            return _ids(pipe.execute())

    def _known(self, rows: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
        """Those that have a job, though it is in no queue: it had ended, or a crash lost its place."""
        with self._redis.pipeline(transaction=False) as pipe:
            for row in rows:
                pipe.exists(Job.key_for(row.message_id))
            return [row for row, known in zip(rows, pipe.execute(), strict=True) if known]

    def _save_jobs(self, rows: Sequence[OutgoingMessage]) -> None:
        for row in self._known(rows):
            self._forget(row.message_id)
        with self._redis.pipeline() as pipe:
            for row in rows:
                queue = self.queues[row.priority]
                job = self._job(row, queue)
                queue._prepare_for_queue(job)  # noqa: SLF001 - what RQ's enqueue does before it pushes
                queue._persist_job(job, pipe)  # noqa: SLF001
            pipe.execute()

    def _put(self, message: OutgoingMessage) -> None:
        queue = self.queues[message.priority]
        job = self._job(message, queue)
        if message.send_at is not None and _later(message, self._now()):
            job.timeout = JOB_TIMEOUT
            rounded_up = message.send_at + timedelta(seconds=1, microseconds=-1)  # RQ cuts fractions off
            queue.schedule_job(job, rounded_up, unique=True)
        else:
            queue._enqueue_job(job, unique=True)  # noqa: SLF001 - RQ's set of queues has it since `mark`

    def _job(self, message: OutgoingMessage, queue: Queue) -> Job:
        job = queue.create_job(
            FUNCTION,
            args=(message.message_id,),
            job_id=message.message_id,
            timeout=JOB_TIMEOUT,
            result_ttl=RESULT_TTL,
            description=f"deliver {message.message_id}",
        )
        job.created_at = (message.created_at or self._now()).astimezone(UTC)
        return job

    def _forget_ended(self, job_id: str) -> bool:
        """Delete a job that has ended; False if it has not."""
        try:
            job = Job.fetch(job_id, self._redis, DataOnly)
        except NoSuchJobError:
            return True
        if job.get_status(refresh=False) not in _ENDED:
            return False
        job.delete()
        return True

    def _forget(self, job_id: str) -> None:
        try:
            Job.fetch(job_id, self._redis, DataOnly).delete()
        except NoSuchJobError:
            self._redis.delete(Job.key_for(job_id))
        # RQ leaves its result behind, a year long for what failed.
        self._redis.delete(Result.get_key(job_id))  # type: ignore[no-untyped-call]


def _ids(found: list[list[bytes]]) -> set[str]:
    return {entry.decode().partition(":")[0] for entries in found for entry in entries}


def _later(row: OutgoingMessage, now: datetime) -> bool:
    return row.send_at is not None and row.send_at > now


def _in_turn(rows: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
    """By when they were due; in the order of acceptance also when the clock was put back meanwhile."""
    accepted = accumulate((row.created_at or _EPOCH for row in rows), max)
    turns = [max(at, row.send_at or _EPOCH) for at, row in zip(accepted, rows, strict=True)]
    return [rows[place] for place in sorted(range(len(rows)), key=turns.__getitem__)]
