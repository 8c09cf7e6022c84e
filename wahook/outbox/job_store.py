"""The jobs of one session's queues: made, read and deleted as RQ does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta

import structlog
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.results import Result

from actors.model import OutgoingMessage, Priority
from actors.ports import Calendar
from wahook.outbox.jobs import FUNCTION
from wahook.outbox.serializer import DataOnly
from wahook.outbox.window import is_later

log = structlog.get_logger(__name__)

JOB_TIMEOUT = 180  # seconds; RQ's tools count a job as abandoned a minute later
RESULT_TTL = 600  # seconds a sent message stays in RQ's list of finished jobs
FAILURE_TTL = 7 * 86_400  # seconds a failed one stays in RQ's; the journal has it for good
_ENDED = frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.STOPPED})


class JobStore:
    """Blocking, with the client's deadlines; raises RedisError. Any thread."""

    def __init__(self, connection: Redis, queues: Mapping[Priority, Queue], now: Calendar) -> None:
        self._redis = connection
        self._queues = queues
        self._now = now

    def put(self, message: OutgoingMessage) -> None:
        """Queue or schedule it. DuplicateJobError if its job is there already."""
        if is_later(message, self._now()):
            self.schedule(message)
        else:
            queue = self._queues[message.priority]
            job = self._job(message, queue)
            queue._enqueue_job(job, unique=True)  # noqa: SLF001 - RQ's set of queues has it since `mark`

    def schedule(self, message: OutgoingMessage) -> None:
        """For its date, though it may have come. DuplicateJobError if its job is there already."""
        queue = self._queues[message.priority]
        job = self._job(message, queue)
        job.timeout = JOB_TIMEOUT
        date = message.send_at or self._now()
        rounded_up = date + timedelta(seconds=1, microseconds=-1)  # RQ cuts fractions off
        queue.schedule_job(job, rounded_up, unique=True)

    def save(self, rows: Sequence[OutgoingMessage]) -> None:
        """Make their jobs, without a place in a list."""
        for row in self._known(rows):
            self.forget(row.message_id)
        with self._redis.pipeline() as pipe:
            for row in rows:
                queue = self._queues[row.priority]
                job = self._job(row, queue)
                queue._prepare_for_queue(job)  # noqa: SLF001 - what RQ's enqueue does before it pushes
                queue._persist_job(job, pipe)  # noqa: SLF001
            pipe.execute()

    def restored(self, job_id: str, fields: dict[bytes, bytes]) -> Job | None:
        """None for what is no job of ours, or no more."""
        job = Job(job_id, self._redis, DataOnly)
        try:
            job.restore(fields)
            ours = job.func_name == FUNCTION and list(job.args) == [job_id]
        except Exception as error:  # noqa: BLE001 - RQ's reading of it may raise anything
            log.warning("outbox.job_unreadable", message_id=job_id, error=type(error).__name__)
            return None
        return job if ours else None

    def forget_ended(self, job_id: str) -> bool:
        """Delete a job that has ended; False if it has not."""
        try:
            job = Job.fetch(job_id, self._redis, DataOnly)
        except NoSuchJobError:
            return True
        if job.get_status(refresh=False) not in _ENDED:
            return False
        job.delete()
        return True

    def forget(self, job_id: str) -> None:
        """Delete a job, its places and its result."""
        try:
            Job.fetch(job_id, self._redis, DataOnly).delete()
        except NoSuchJobError:
            self._redis.delete(Job.key_for(job_id))
        # RQ leaves its result behind, a year long for what failed.
        self._redis.delete(Result.get_key(job_id))  # type: ignore[no-untyped-call]

    def _known(self, rows: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
        """Those that have a job, though it is in no queue: it had ended, or a crash lost its place."""
        with self._redis.pipeline(transaction=False) as pipe:
            for row in rows:
                pipe.exists(Job.key_for(row.message_id))
            return [row for row, known in zip(rows, pipe.execute(), strict=True) if known]

    def _job(self, message: OutgoingMessage, queue: Queue) -> Job:
        job = queue.create_job(
            FUNCTION,
            args=(message.message_id,),
            job_id=message.message_id,
            timeout=JOB_TIMEOUT,
            result_ttl=RESULT_TTL,
            failure_ttl=FAILURE_TTL,
            description=f"deliver {message.message_id}",
        )
        job.created_at = (message.created_at or self._now()).astimezone(UTC)
        return job
