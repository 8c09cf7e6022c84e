"""The owner of one helper process: Redis, ChromeDriver."""

from __future__ import annotations

from dataclasses import dataclass

from actors.errors import ProcessError
from actors.ports import ManagedProcess
from supervision import Actor, Context, Exit


@dataclass(frozen=True, slots=True)
class _Exited:
    incarnation: int
    code: int


class ProcessActor(Actor):
    """Ready when the process answers; crashes when it ends, so that supervision starts it again.

    Deadlines in seconds, longer than the process's own. Blocks its own thread while it starts and stops.
    """

    def __init__(
        self,
        context: Context,
        process: ManagedProcess,
        *,
        start_deadline: float = 30.0,
        stop_deadline: float = 12.0,
    ) -> None:
        super().__init__(context)
        self._process = process
        self._start_deadline = start_deadline
        self._stop_deadline = stop_deadline

    def started(self) -> None:
        """Start the process and wait for its answer. Fails with what the process's own start says."""
        self.context.claim(f"process {self.context.path}")
        self.context.kill_with(self._process.kill)
        self.context.processes(self._process.start(self._exited).result(self._start_deadline))
        self.context.healthy()

    def handle(self, message: object) -> object:
        match message:
            case _Exited(incarnation=incarnation, code=code):
                if incarnation == self.context.incarnation:
                    raise ProcessError(f"{self.context.name} ended with code {code}")
                return None
        return super().handle(message)

    def _exited(self, code: int) -> None:
        """From the process's side, any thread."""
        self.context.handle.tell(_Exited(self.context.incarnation, code))

    def stopping(self, exit: Exit) -> None:  # noqa: A002, ARG002
        """Stop the process in good order; it is killed when it does not heed that."""
        self.context.processes()
        self._process.stop().result(self._stop_deadline)
