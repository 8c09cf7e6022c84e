"""RQ's worker, tamed for a thread of a service that has many."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job, Retry
from rq.registry import StartedJobRegistry, clean_registries
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from wahook.outbox.errors import GivenUp
from wahook.outbox.serializer import DataOnly

WORKER_TTL = 60  # seconds RQ's tools show a worker after its last sign of life
HEARTBEAT = 20.0


class NoDeathPenalty(BaseDeathPenalty):
    """No exception out of the blue: every step of a delivery has its own deadline."""

    def setup_death_penalty(self) -> None: ...

    def cancel_death_penalty(self) -> None: ...


class ThreadWorker(SimpleWorker):
    """Executes jobs one by one for its lane, which dequeues them. Lives in the lane's thread only.

    No signal handlers, no process title, no command channel (its "shutdown" would interrupt the whole
    service, and each costs a thread and a connection). Redis errors come out; the lane knows what to do.
    """

    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False

    def __init__(self, name: str, queues: Sequence[Queue], connection: Redis) -> None:
        super().__init__(
            list(queues),
            name=name,
            connection=connection,
            worker_ttl=WORKER_TTL,
            serializer=DataOnly,
            log_job_description=False,
        )
        # The lane logs what happens; RQ's own lines, four for each message, would only repeat it.
        self.log = logging.Logger("rq.worker", logging.WARNING)  # noqa: LOG001 - not the global one
        self.log.parent = logging.getLogger("rq")
        self._taken_to = ""

    def enter(self) -> None:
        """Show up in RQ's tools. An earlier life of this lane may have left its name behind."""
        self.connection.delete(self.key)
        self.register_birth()  # type: ignore[no-untyped-call]
        self.set_state(WorkerStatus.IDLE)

    def leave(self) -> None:
        """Vanish from RQ's tools."""
        self.register_death()  # type: ignore[no-untyped-call]

    def tidy(self) -> None:
        """Drop what is past its time from the registries. Only between two jobs."""
        for queue in self.queues:
            clean_registries(queue)

    def handle_job_retry(
        self,
        job: Job,
        queue: Queue,
        retry: Retry,  # noqa: ARG002
        started_job_registry: StartedJobRegistry,  # noqa: ARG002
        execution: Execution,  # noqa: ARG002
    ) -> None:
        """Back to the head of its queue (RQ would take the tail, and count a failure)."""
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline=pipeline)
            queue._enqueue_job(job, pipeline=pipeline, at_front=True)  # noqa: SLF001
            pipeline.execute()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:  # noqa: ARG002
        """Only a message that is given up fails; anything else is the lane's trouble, not the message's."""
        if not isinstance(exc_info[1], GivenUp):
            raise exc_info[1]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run it. It is in the queue's intermediate list, which RQ uses only for workers with one queue."""
        self._taken_to = queue.intermediate_queue_key
        super().execute_job(job, queue)

    def prepare_execution(self, job: Job) -> Execution:
        """What RQ writes before a job begins, by its master and by its horse, in one round trip."""
        ttl = self.get_heartbeat_ttl(job)
        with self.connection.pipeline() as pipeline:
            self.execution = Execution.create(job, ttl, pipeline=pipeline, worker_name=self.name)
            self.set_state(WorkerStatus.BUSY, pipeline=pipeline)
            self.set_current_job_id(job.id, pipeline=pipeline)
            self.set_current_job_working_time(0, pipeline=pipeline)
            self.heartbeat(ttl, pipeline=pipeline)
            job.prepare_for_execution(self.name, pipeline=pipeline)
            pipeline.lrem(self._taken_to, 1, job.id)
            pipeline.execute()
        return self.execution

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """Done by `prepare_execution`."""

    def _set_connection(self, connection: Redis) -> Redis:
        return connection  # RQ would widen the deadlines of a pool that is not its own

    def _set_ip_address(self, connection: Redis) -> None:  # noqa: ARG002
        self.ip_address = "local"

    def procline(self, message: str) -> None: ...
