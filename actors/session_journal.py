"""A session's dealings with the journal: what it has written there, and what follows once that is on disk.

Plain; the session's thread only. `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from actors import session_view
from actors.errors import DomainError
from actors.events import MessageAck
from actors.hearing import Hearing
from actors.inbox import Inbox
from actors.messages import (
    AccountChanges,
    AckArrived,
    Journaled,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    Unset,
    UpdateAccount,
    Write,
)
from actors.model import CaughtUp, OutgoingMessage
from actors.page import Arrival
from actors.ports import Announce
from actors.post import Post

log = structlog.get_logger(__name__)


class SessionJournal:
    """Writes by telling, tells again without an answer, and announces messages and acks only then."""

    def __init__(
        self,
        session_id: str,
        *,
        path: str,
        incarnation: int,
        tell: Callable[[Write], bool],
        announce: Announce,
        now: Callable[[], float],
        floor: int,
        caught_up: CaughtUp,
        hearing: Hearing = Hearing(),  # noqa: B008 - frozen
    ) -> None:
        self._id = session_id
        self._announce = announce
        self._now = now
        self._hearing = hearing
        self._post = Post(path, str(incarnation), tell)
        self._inbox = Inbox(self._record, floor, caught_up)
        self._phone_number = caught_up.phone_number

    def save(self, changes: AccountChanges, *, for_good: bool = False) -> None:
        """Change the account's row. `for_good`: only a human mends the loss that is written down."""
        if isinstance(linked := changes.phone_number, str):
            if self._phone_number not in (None, linked):
                changes = replace(changes, missed_since=None)
                self._inbox.other_phone()
            self._phone_number = linked
        self._write(UpdateAccount(self._id, changes, for_good))

    def acked(self, arrived: AckArrived) -> None:
        """A message of ours reached a further level."""
        self._write(RecordAck(self._id, arrived.wa_message_id, arrived.ack))

    def arrived(self, one: Arrival) -> None:
        """A message came in, or somebody does something to one; it waits while a history is fetched."""
        if self._hearing.counts(one.chat_id):
            self._inbox.arrived(one)

    @property
    def fetching(self) -> bool:
        """Whether a history is on its way."""
        return self._inbox.fetching

    @property
    def settled(self) -> bool:
        """Whether all that was told is on disk, and no history is on its way."""
        return not self._post and not self.fetching and not self._inbox

    def fetch(self, now: int) -> int:
        """Begin to wait for the history; since when (Unix seconds) it is wanted."""
        return self._inbox.fetch(now)

    def missing(self) -> None:
        """From now on messages may be missed: those that come wait for the next history."""
        self._inbox.hold()

    def history(self, messages: Sequence[Arrival] | None) -> None:
        """The history is here; None: it could not be had."""
        if messages is None:
            self._inbox.failed()
        else:
            heard = [message for message in messages if self._hearing.counts(message.chat_id)]
            self._inbox.history(heard)

    def journaled(self, answer: Journaled) -> None:
        """The writer's answer: on disk. Now it may be told."""
        operation = self._post.settle(answer.correlation)
        if isinstance(operation, RecordIncoming):
            self._inbox.recorded()
        match operation, answer.result:
            case (None, _):
                return
            case (_, DomainError()):
                log.warning("session.journal_refused", session=self._id, operation=type(operation).__name__)
            case (RecordIncoming(), tuple() as new):
                for one in new:
                    self._announce(session_view.arrived(self._id, one))
            case (RecordAck(), OutgoingMessage() as row):
                self._announce(MessageAck(self._id, row.message_id, row.wa_message_id, row.ack, row.status))

    def tell_again(self, after: float) -> None:
        """Repeat what got no answer within `after` seconds."""
        self._post.tell_again(self._now(), after)

    def _record(self, messages: tuple[Arrival, ...], missed_since: int | Unset | None) -> None:
        self._write(RecordIncoming(self._id, messages, missed_since))

    def _write(self, operation: JournalOperation) -> None:
        self._post.write(operation, self._now())
