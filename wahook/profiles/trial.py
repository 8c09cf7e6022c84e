"""Is it the profile? A page that shows neither a code nor a login, time and again, is tried once without it.

If the page works with an empty profile, the old one is to blame: it is set aside, and the code that the page
shows is for a human to scan. If it does not work either, the profile is innocent (WhatsApp or the network is
not well) and is brought back. A login is too dear to be given up on a suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from actors.messages import AccountBanned, BrowserLost, LoggedOut, PageEvent, QrShown, StateChanged

SUSPECT_AFTER = 3  # openings in a row
ELSEWHERE = frozenset({"page_unreachable"})  # losses that no profile is to blame for


class Finding(Enum):
    """What an event means for the suspicion."""

    NOTHING = "nothing"
    CLEARED = "cleared"  # the page works with its own profile
    GUILTY = "guilty"  # the page works only without it


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What is known so far; a value. `openings`: how many in a row showed nothing. `trial`: one goes on."""

    openings: int = 0
    patience: int = SUSPECT_AFTER
    trial: bool = False

    @property
    def due(self) -> bool:
        """Whether the next opening should be a trial."""
        return not self.trial and self.openings >= self.patience

    def begin(self) -> Suspicion:
        """The next opening is without the profile."""
        return replace(self, trial=True)

    def heard(self, event: PageEvent) -> tuple[Suspicion, Finding]:
        """The page said something."""
        if isinstance(event, BrowserLost) and event.reason in ELSEWHERE:
            return Suspicion(patience=self.patience), Finding.NOTHING
        if not _known(event):
            return self, Finding.NOTHING
        if self.trial:
            return Suspicion(), Finding.GUILTY
        return Suspicion(), Finding.CLEARED

    def ended(self) -> Suspicion:
        """An opening was given up before the page showed anything. A failed trial doubles the patience."""
        if self.trial:
            return Suspicion(patience=self.patience * 2)
        return replace(self, openings=self.openings + 1)


def _known(event: PageEvent) -> bool:
    match event:
        case QrShown() | LoggedOut() | AccountBanned():
            return True
        case StateChanged(state=state):
            return state.authenticated
    return False
