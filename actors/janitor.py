"""Goes round once an hour: sessions given up or silent, old rows, caches of profiles that nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from actors.durable import Prune
from actors.errors import JournalError
from actors.janitor_policy import IdleAction, another_chance, at_rest, silent
from actors.messages import Write
from actors.model import Account, SessionView
from actors.ports import Calendar, Storehouse
from supervision import Actor, Context

log = structlog.get_logger(__name__)

DAY = 86400.0
FIRST = 600.0  # seconds; a service that is restarted every day has a janitor too


@dataclass(frozen=True, slots=True, kw_only=True)
class JanitorParts:
    """`accounts` reads the journal, blocking. Times in seconds; `kept` of what was delivered.

    `exhausted`: the sessions that supervision starts no more, so often have they failed. `retry` starts one,
    without waiting.
    """

    accounts: Callable[[], Sequence[Account]]
    views: Callable[[], Mapping[str, SessionView]]
    exhausted: Callable[[], Sequence[str]]
    retry: Callable[[str], object]
    storehouse: Storehouse
    calendar: Calendar
    session_path: Callable[[str], str]
    writer_path: str
    action: IdleAction
    idle_after: float
    interval: float
    kept: float = 7 * DAY
    set_aside_kept: float = 30 * DAY


@dataclass(frozen=True, slots=True)
class Round:
    """Go round."""


class Janitor(Actor):
    """May block on the disk: nobody waits for it. What it is kept from doing it does on its next round."""

    def __init__(self, context: Context, parts: JanitorParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._daily_at = float("-inf")

    def started(self) -> None:
        self.context.every(self._parts.interval, Round(), first=min(FIRST, self._parts.interval))

    def handle(self, message: object) -> object:
        """Go round."""
        if not isinstance(message, Round):
            return super().handle(message)
        try:
            accounts = self._parts.accounts()
        except JournalError as error:
            log.warning("janitor.journal_away", error=type(error).__name__)
            return None
        told = self._tell_silent(accounts)
        retried = self._retry_exhausted(accounts)
        now, freed = self.context.clock.monotonic(), 0
        if now - self._daily_at >= DAY:
            self._daily_at = now
            self._prune()
            freed = self._tidy(accounts)
        at = self._parts.calendar().isoformat(timespec="seconds")
        self.context.report(at=at, silent=told, retried=retried, **({"freed": freed} if freed else {}))
        return None

    def _tell_silent(self, accounts: Sequence[Account]) -> int:
        parts = self._parts
        after = timedelta(seconds=parts.idle_after)
        told = silent(parts.action, accounts, parts.views(), parts.calendar(), after)
        for session_id, message in told:
            log.info("janitor.silent", session=session_id, action=str(parts.action))
            self.context.lookup(parts.session_path(session_id)).tell(message)
        return len(told)

    def _retry_exhausted(self, accounts: Sequence[Account]) -> int:
        """An outage of some hours must not end in sessions that wait for a human."""
        again = another_chance(self._parts.exhausted(), accounts)
        for session_id in again:
            log.info("janitor.retry", session=session_id)
            self._parts.retry(session_id)
        return len(again)

    def _prune(self) -> None:
        """Nobody waits for it: tomorrow's takes what this one did not."""
        before = self._parts.calendar() - timedelta(seconds=self._parts.kept)
        self.context.lookup(self._parts.writer_path).tell(Write(Prune(before)))

    def _tidy(self, accounts: Sequence[Account]) -> int:
        parts = self._parts
        freed = 0
        for session_id in at_rest(accounts, parts.views()):
            try:
                freed += parts.storehouse.trim(session_id)
            except OSError as error:
                log.warning("janitor.not_trimmed", session=session_id, error=type(error).__name__)
        cleared = parts.storehouse.clear(parts.calendar() - timedelta(seconds=parts.set_aside_kept))
        log.info("janitor.tidied", freed=freed, set_aside=cleared)
        return freed
