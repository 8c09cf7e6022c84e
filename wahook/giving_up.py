"""When supervision restarts a session no more: who would else take it to be on its way back is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from actors import tree
from actors.events import StatusChanged
from actors.messages import AccountChanges, UpdateAccount, Write
from actors.model import SessionStatus
from actors.ports import Announce, Board, Calendar
from supervision import Transition


@dataclass(frozen=True, slots=True)
class GivenUpSessions:
    """Called with each transition; on any thread, never blocks. `write` tells the journal writer."""

    board: Board
    announce: Announce
    calendar: Calendar
    write: Callable[[Write], object]

    def __call__(self, transition: Transition) -> None:
        """Shown as in need of a human, and lost for good to the journal's mirror."""
        session_id = given_up(transition)
        if session_id is None:
            return
        view = self.board.get(session_id)
        if view is not None and view.status is not SessionStatus.ERROR:
            error = SessionStatus.ERROR
            self.board.publish(replace(view, status=error, since=self.calendar(), qr_code=None))
            self.announce(StatusChanged(session_id, error))
        self.write(Write(UpdateAccount(session_id, AccountChanges(), for_good=True)))


def given_up(transition: Transition) -> str | None:
    """The session that has failed for good by this; None for everything else."""
    places = transition.path.removeprefix("root/").split("/")
    failed = transition.after == "failed" and places[0] == tree.SESSIONS and len(places) >= 2
    return places[1] if failed else None
