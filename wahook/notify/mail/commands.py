"""What operators may do with e-mails: look at them, and send those that were given up after all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from actors.durable import Mail, ReplayMail, TaskState
from actors.errors import RuleBroken
from supervision import Handle
from wahook.asking import JOURNAL_DEADLINE, write
from wahook.journal.queues import QueueReader
from wahook.replaying import MOST_AT_ONCE, replay_all


class MailCommands:
    """Implements `edge.ports.Mails`. Coroutines for any loop. The mailer finds what is pending by itself."""

    def __init__(self, queues: QueueReader, writer: Callable[[], Handle]) -> None:
        """`writer` is found when it is needed."""
        self._queues = queues
        self._writer = writer

    async def mails(
        self, *, state: TaskState | None, session_id: str | None, limit: int, before: int | None
    ) -> Sequence[Mail]:
        """Newest first."""
        return await asyncio.to_thread(self._queues.mails, state, session_id, limit, before)

    async def mail(self, mail_id: str) -> Mail:
        """One of them."""
        found = await asyncio.to_thread(self._queues.mail, mail_id)
        if found is None:
            raise _unknown()
        return found

    async def replay(self, mail_id: str) -> Mail:
        """Pending again, now."""
        again = await self._again(mail_id)
        if not isinstance(again, Mail):
            raise _unknown()
        return again

    async def replay_dead(self) -> int:
        """All of them, oldest first; how many."""
        dead = await self.mails(state=TaskState.DEAD, session_id=None, limit=MOST_AT_ONCE, before=None)
        return await replay_all(dead[::-1], self._again)

    async def _again(self, mail_id: str) -> object:
        return await write(self._writer(), ReplayMail(mail_id), JOURNAL_DEADLINE)


def _unknown() -> RuleBroken:
    return RuleBroken("unknown_mail", "there is no such mail")
