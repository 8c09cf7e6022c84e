"""Keeps sealed copies of the profiles elsewhere: soon after a login, every few minutes, and at the end.

One actor for all sessions, so that archives are made one at a time and never compete with the sessions for
the machine. It may block on the disk and the store: nobody waits for it, and each call ends by its own
deadline.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from actors.errors import Fault
from actors.messages import ForgetProfile, ProfileClosed, ProfileReady
from actors.ports import ProfileArchive, ProfileSaved
from supervision import Actor, Context, Exit, ExitKind

log = structlog.get_logger(__name__)

TICK = 5.0  # seconds
FORGET_AGAIN = 60.0  # seconds
DRAIN = 8.0  # seconds at the end of the service for what is not saved yet


@dataclass(frozen=True, slots=True)
class _Tick:
    """Look who is due."""


class Archiver(Actor):
    """Put it before the sessions in its supervisor: then it ends after them and saves what they leave.

    The archive is made once and outlives incarnations, so a crash forgets no session.
    """

    def __init__(self, context: Context, archive: ProfileArchive) -> None:
        super().__init__(context)
        self._archive = archive
        self._saves = self._failures = 0

    def started(self) -> None:
        self.context.every(TICK, _Tick())

    def handle(self, message: object) -> None:
        """Never crashes for the store's sake: a store that is away is reported and asked again."""
        match message:
            case ProfileReady(session_id=session_id):
                self._archive.ready(session_id, self._now())
            case ProfileClosed(session_id=session_id):
                self._noted(self._archive.closed(session_id, self._now()))
            case ForgetProfile(session_id=session_id):
                self._forget(session_id)
            case _Tick():
                self._save_one()
            case _:
                super().handle(message)

    def stopping(self, exit: Exit) -> None:  # noqa: A002
        """Save what is left, as long as the time lasts; after a crash the next incarnation does."""
        if exit.kind not in (ExitKind.NORMAL, ExitKind.SHUTDOWN):
            return
        end = self._now() + DRAIN
        for session_id in self._archive.unsaved():
            if self._now() >= end:
                log.warning("archiver.out_of_time", session=session_id)
                return
            self._noted(self._archive.closed(session_id, self._now()))

    def _save_one(self) -> None:
        due = self._archive.due(self._now())
        if not due:
            return
        self._noted(self._archive.save(due[0], self._now()))
        if len(due) > 1:
            self.context.handle.tell(
                _Tick()
            )  # one at a time, so that a closed profile or a stop comes between

    def _forget(self, session_id: str) -> None:
        try:
            self._archive.forget(session_id)
        except Fault as error:
            log.warning("archiver.forget_failed", session=session_id, why=type(error).__name__)
            self.context.after(FORGET_AGAIN, ForgetProfile(session_id))

    def _noted(self, saved: ProfileSaved) -> None:
        self._saves += saved.changed
        self._failures = self._failures + 1 if saved.error else 0
        self.context.heartbeat(saved.error is None)
        self.context.report(
            saves=self._saves,
            failures_in_a_row=self._failures,
            last_session=saved.session_id,
            last_size=saved.size,
            last_error=saved.error,
            watched=len(self._archive.unsaved()),
        )

    def _now(self) -> float:
        return self.context.clock.monotonic()
