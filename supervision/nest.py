"""The cell of a supervisor, and which cell a child gets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from supervision.cell import Cell
from supervision.errors import AskRefused, text_of
from supervision.exits import Exit, ExitKind
from supervision.mailbox import Control, Letter
from supervision.specs import SupervisorSpec
from supervision.supervisor import Supervisor
from supervision.worker import WorkerCell

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.child import Child
    from supervision.handle import Handle
    from supervision.home import Home
    from supervision.roster import Roster
    from supervision.specs import ChildSpec
    from supervision.storm import StormGuard

_log = logging.getLogger("supervision")


class SupervisorCell(Cell):
    """Hosts a Supervisor: its readiness and its end come messages after they were asked for."""

    def __init__(
        self,
        home: Home,
        spec: ChildSpec,
        handle: Handle,
        notify: Callable[[object], object],
        guards: tuple[StormGuard, ...] = (),
    ) -> None:
        super().__init__(home, spec, handle, notify)
        assert isinstance(spec.start, SupervisorSpec)  # noqa: S101 - make_cell chose by it
        self.supervisor = Supervisor(
            home,
            spec.start,
            self.path,
            guards=guards,
            post=self.mailbox.put_control,
            make_cell=make_cell,
            ready=self.become_ready,
            finish=self._finish_now,
        )

    def begin(self) -> None:
        self._guarded(self.supervisor.begin)

    def receive(self, letter: Any) -> None:
        if isinstance(letter, Control):
            self._guarded(lambda: self.supervisor.on(letter.signal))
        else:
            self._refuse(letter)

    def _refuse(self, letter: Letter) -> None:
        _log.warning("supervisor.refused path=%s type=%s", self.path, type(letter.body).__name__)
        if letter.reply is not None:
            letter.reply.settle_error(
                AskRefused(f"{self.path or 'root'} is a supervisor: it handles no messages")
            )

    def _guarded(self, step: Callable[[], None]) -> None:
        """A defect in the library must not leave children without a supervisor."""
        try:
            step()
        except BaseException as error:  # noqa: BLE001
            _log.exception("supervisor.crashed", extra={"path": self.path})
            self._desert()
            self.finish(Exit(ExitKind.CRASH, error, text_of(error), self.ran_for()))

    def _desert(self) -> None:
        for child in list(self.supervisor.children.values()):
            if child.cell is not None:
                child.cell.kill("its supervisor crashed")

    def _finish_now(self, exit_: Exit) -> None:
        self.finish(Exit(exit_.kind, exit_.error, exit_.reason, self.ran_for()))

    def _clean_up(self, exit_: Exit) -> None:
        """The children are down already."""


def make_cell(supervisor: Roster, child: Child) -> Cell:
    """A new incarnation for a child."""
    home, spec, handle = supervisor.home, child.spec, child.handle
    if spec.is_supervisor:
        return SupervisorCell(home, spec, handle, supervisor.post, supervisor.guards)
    return WorkerCell(home, spec, handle, supervisor.post, child.board)
