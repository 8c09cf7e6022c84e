"""The owner of one helper process: Redis, ChromeDriver."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from actors.errors import ProcessError
from actors.ports import ManagedProcess
from supervision import Actor, Context, Exit

log = structlog.get_logger(__name__)

PROBE_DEADLINE = 5.0  # seconds
MISSES = 2  # probes in a row without an answer; one may be a busy machine


@dataclass(frozen=True, slots=True)
class _Exited:
    incarnation: int
    code: int


@dataclass(frozen=True, slots=True)
class _Probe:
    """Ask it something."""


@dataclass(frozen=True, slots=True)
class _Probed:
    incarnation: int
    answered: bool


class ProcessActor(Actor):
    """Ready when the process answers; crashes when it ends, so that supervision starts it again.

    A process that lives and answers no more is killed: whoever needs it would only wait for it. Times in
    seconds, deadlines longer than the process's own. Blocks its own thread while it starts and stops.
    """

    def __init__(
        self,
        context: Context,
        process: ManagedProcess,
        *,
        start_deadline: float = 30.0,
        stop_deadline: float = 12.0,
        probe_every: float = 10.0,
    ) -> None:
        super().__init__(context)
        self._process = process
        self._start_deadline = start_deadline
        self._stop_deadline = stop_deadline
        self._probe_every = probe_every
        self._misses = 0
        self._probing = False

    def started(self) -> None:
        """Start the process and wait for its answer. Fails with what the process's own start says."""
        self.context.claim(f"process {self.context.path}")
        self.context.kill_with(self._process.kill)
        self.context.processes(self._process.start(self._exited).result(self._start_deadline))
        self.context.healthy()
        self.context.every(self._probe_every, _Probe())

    def handle(self, message: object) -> object:
        match message:
            case _Exited(incarnation=incarnation, code=code):
                if incarnation == self.context.incarnation:
                    raise ProcessError(f"{self.context.name} ended with code {code}")
                return None
            case _Probe():
                self._probe()
                return None
            case _Probed(incarnation=incarnation, answered=answered):
                if incarnation == self.context.incarnation:
                    self._probed(answered)
                return None
        return super().handle(message)

    def _exited(self, code: int) -> None:
        """From the process's side, any thread."""
        self.context.handle.tell(_Exited(self.context.incarnation, code))

    def _probe(self) -> None:
        if not self._probing:
            self._probing = True
            self._process.answers(PROBE_DEADLINE).add_done_callback(self._heard)

    def _heard(self, future: Future[bool]) -> None:
        answered = future.exception() is None and future.result()
        self.context.handle.tell(_Probed(self.context.incarnation, answered))

    def _probed(self, answered: bool) -> None:
        self._probing = False
        self._misses = 0 if answered else self._misses + 1
        self.context.heartbeat(answered)
        if self._misses == MISSES:
            log.warning("process.hangs", name=self.context.name)
            self._process.kill()  # its exit follows

    def stopping(self, exit: Exit) -> None:  # noqa: A002, ARG002
        """Stop the process in good order; it is killed when it does not heed that."""
        self.context.processes()
        self._process.stop().result(self._stop_deadline)
