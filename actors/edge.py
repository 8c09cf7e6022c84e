"""The edge's place in the tree: owns the server, and restarts it when its loop has died or is stuck."""

from __future__ import annotations

from dataclasses import dataclass

from actors.errors import ProcessError
from actors.ports import EdgePort
from supervision import Actor, Context, Exit


@dataclass(frozen=True, slots=True)
class EdgeDied:
    """The server's loop ended by itself; `reason` is the error's type."""

    reason: str


@dataclass(frozen=True, slots=True)
class CheckEdge:
    """Time to see whether the server's loop turns."""


class EdgeActor(Actor):
    """`patience`: seconds without a turn of the loop after which it is taken to be stuck."""

    def __init__(
        self,
        context: Context,
        edge: EdgePort,
        *,
        stop_deadline: float = 5.0,
        check_every: float = 10.0,
        patience: float = 30.0,
    ) -> None:
        super().__init__(context)
        self._edge = edge
        self._stop_deadline = stop_deadline
        self._check_every = check_every
        self._patience = patience

    def started(self) -> None:
        """Listen. ProcessError when the port is taken: the start failed, and the back-off tries again."""
        self.context.kill_with(self._edge.kill)
        address = self._edge.start(self._on_death)
        self.context.report(address=str(address))
        self.context.every(self._check_every, CheckEdge())

    def _on_death(self, error: BaseException) -> None:
        """On the edge's thread."""
        if self.context.current:
            self.context.handle.tell(EdgeDied(type(error).__name__))

    def handle(self, message: object) -> object:
        """Crash on what a restart repairs."""
        match message:
            case EdgeDied(reason=reason):
                raise ProcessError(f"the edge's loop ended: {reason}")
            case CheckEdge():
                self._check()
                return None
            case _:
                return super().handle(message)

    def _check(self) -> None:
        silence = self._edge.silence()
        self.context.heartbeat(ok=silence <= self._patience)
        if silence > self._patience:
            raise ProcessError(f"the edge's loop has not turned for {silence:.0f} s")

    def stopping(self, exit: Exit) -> None:  # noqa: A002, ARG002
        """Free the port; a loop that does not end in time is left behind without it."""
        self._edge.stop(self._stop_deadline)
