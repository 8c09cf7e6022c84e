"""The only one that writes the journal. Many writers wait for one commit instead of each for its own.

While a commit is on its way to the disk, more writes gather in the mailbox; the next commit takes them all.
An idle writer commits at once: nobody waits for company.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.errors import DomainError, JournalError
from actors.messages import Journaled, Write
from actors.ports import Journal
from supervision import Actor, Context, Reply

MOST_IN_ONE_COMMIT = 256


@dataclass(frozen=True, slots=True)
class _Pending:
    write: Write
    reply: Reply


class JournalWriter(Actor):
    """Takes `Write`s and answers each after the commit, in the order of arrival.

    An ask gets the operation's result, or its DomainError raised. A tell with `reply_to` gets `Journaled`,
    whose result may be a DomainError. When the journal fails, those of the batch that asked get the
    JournalError, the others get nothing (whoever tells must tell again; operations are idempotent), and the
    writer crashes: its supervisor starts it anew. What waits in its mailbox then is answered with ActorDown.
    """

    def __init__(self, context: Context, journal: Journal) -> None:
        super().__init__(context)
        self._journal = journal
        self._batch: list[_Pending] = []
        self._written = 0

    def handle(self, message: object) -> object:
        """Take one write; commit when no more are waiting, or enough have gathered."""
        match message:
            case Write():
                self._batch.append(_Pending(message, self.context.defer_reply()))
            case _:
                self._commit()  # what was taken before must not suffer from what is not understood
                return super().handle(message)
        if self.context.pending == 0 or len(self._batch) >= MOST_IN_ONE_COMMIT:
            self._commit()
        return None

    def _commit(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        began = self.context.clock.monotonic()
        try:
            results = self._journal.write([one.write.operation for one in batch])
        except JournalError as error:
            for one in batch:
                one.reply.fail(error)
            raise
        took = self.context.clock.monotonic() - began
        for one, result in zip(batch, results, strict=True):
            self._answer(one, result)
        self._written += len(batch)
        self.context.report(batch=len(batch), commit_ms=round(took * 1000, 2), written=self._written)

    def _answer(self, one: _Pending, result: object) -> None:
        if isinstance(result, DomainError):
            one.reply.fail(result)
        else:
            one.reply.set(result)
        if one.write.reply_to is not None:
            self.context.lookup(one.write.reply_to).tell(Journaled(one.write.correlation, result))
