"""What clients may do with messages: accepted means on disk, everything else follows from the journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import uuid4

from actors import tree
from actors.errors import RuleBroken, SendRefused
from actors.events import Event, MessageFailed, MessageSent
from actors.messages import (
    Accepted,
    AcceptMessage,
    AlreadyAccepted,
    CancelMessage,
    Duplicate,
    Enqueue,
    JournalOperation,
    RetryMessage,
    Withdraw,
)
from actors.model import Direction, MessageStatus, OutgoingMessage
from actors.ports import Calendar
from supervision import Handle, System
from wahook import references
from wahook.announcer import Announcer
from wahook.asking import write
from wahook.drafts import Drafts, is_repeat, message_of, needs_others
from wahook.edge.ports import Draft, Refused
from wahook.journal.outgoing import KEY_VALID
from wahook.journal.reader import JournalReader
from wahook.journal.stored import MessagePage, Received
from wahook.outbox.outlook import Outlook

AT_ONCE = 100  # messages of a bulk send that are accepted together
Found: TypeAlias = Draft | Refused | OutgoingMessage  # complete, refused, or accepted before
WAITING = frozenset({MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesParts:
    """`duplicate_window` and `journal_deadline` in seconds."""

    system: System
    reader: JournalReader
    announcer: Announcer
    calendar: Calendar
    drafts: Drafts
    duplicate_window: float
    outlook: Outlook
    journal_deadline: float = 10.0


class MessageCommands:
    """Implements `edge.ports.Messages`."""

    def __init__(self, parts: MessagesParts) -> None:
        self._parts = parts

    async def accept(
        self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool
    ) -> Accepted | Duplicate | AlreadyAccepted:
        """Journal it, then tell its lane. The lane hears of it from the journal too, should that get lost."""
        if key is not None and (earlier := await self._repeated(session_id, draft, key)):
            return AlreadyAccepted(earlier)
        complete = await self._parts.drafts.complete(session_id, draft)
        return await self._put(message_of(session_id, complete, key=key), allow_duplicate=allow_duplicate)

    async def _repeated(self, session_id: str, draft: Draft, key: str) -> OutgoingMessage | None:
        """What this key made of the same request: a file or a message that it names may be gone by now."""
        if not needs_others(draft):
            return None  # the journal knows it by its content
        earlier = await asyncio.to_thread(self._parts.reader.message_by_key, session_id, key)
        if earlier is None or earlier.created_at is None or not is_repeat(earlier, draft):
            return None
        return earlier if earlier.created_at > self._parts.calendar() - KEY_VALID else None

    async def _put(
        self, message: OutgoingMessage, *, allow_duplicate: bool
    ) -> Accepted | Duplicate | AlreadyAccepted:
        window = None if allow_duplicate else self._parts.duplicate_window
        result = await self._write(AcceptMessage(message, window))
        assert isinstance(result, Accepted | Duplicate | AlreadyAccepted)  # noqa: S101
        if isinstance(result, Accepted):
            self._enqueue(result.message)
        return result

    async def accept_many(
        self, session_id: str, drafts: Sequence[tuple[Draft, bool]], *, key: str | None
    ) -> tuple[str, list[OutgoingMessage | Refused]]:
        """Each by itself, in order. With a key the same call has the same batch, and makes nothing twice."""
        if await asyncio.to_thread(self._parts.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")
        batch = batch_id(session_id, key)
        outcomes: list[OutgoingMessage | Refused] = []
        for start in range(0, len(drafts), AT_ONCE):
            some = list(enumerate(drafts))[start : start + AT_ONCE]
            keys = [key and f"{key}:{index}" for index, _ in some]
            complete = await asyncio.gather(
                *(
                    self._complete(session_id, draft, own)
                    for (_, (draft, _)), own in zip(some, keys, strict=True)
                )
            )
            putting = [
                self._one_of(batch, session_id, found, may_repeat, key=own)
                for (_, (_, may_repeat)), found, own in zip(some, complete, keys, strict=True)
            ]
            outcomes += await asyncio.gather(*putting)  # begun in order, so journaled in order
        return batch, outcomes

    async def _complete(self, session_id: str, draft: Draft, key: str | None) -> Found:
        if key is not None and (earlier := await self._repeated(session_id, draft, key)):
            return earlier
        try:
            return await self._parts.drafts.complete(session_id, draft)
        except (RuleBroken, SendRefused) as error:
            return Refused(error.code, str(error))

    async def _one_of(
        self, batch: str, session_id: str, draft: Found, may_repeat: bool, *, key: str | None
    ) -> OutgoingMessage | Refused:
        if not isinstance(draft, Draft):
            return draft
        try:
            result = await self._put(
                message_of(session_id, draft, key=key, batch_id=batch), allow_duplicate=may_repeat
            )
        except RuleBroken as error:
            return Refused(error.code, str(error))
        if isinstance(result, Duplicate):
            return Refused("duplicate", "the same went there a moment ago", result.earlier.message_id)
        return result.message

    async def batch(self, session_id: str, batch_id: str) -> Sequence[OutgoingMessage]:
        """A bulk send's messages, in the order of acceptance."""
        rows = await asyncio.to_thread(self._parts.reader.batch, session_id, batch_id)
        if not rows:
            raise RuleBroken("unknown_batch", "this session has no such bulk send")
        return rows

    async def outcome(self, message_id: str, seconds: float) -> OutgoingMessage:
        """The row once it is sent or failed, or as it is when the time is over."""
        with self._parts.announcer.expecting(lambda event: _about(event, message_id)) as happened:
            row = await self._row(message_id)
            if row.status in WAITING:
                with suppress(TimeoutError):
                    await asyncio.wait_for(happened.wait(), seconds)
                row = await self._row(message_id)
        return row

    async def not_before(self, message: OutgoingMessage) -> datetime | None:
        """Until when the rate limits hold it back, at least; None: they do not, or it is not known."""
        if message.status is not MessageStatus.QUEUED or self._parts.outlook.is_clear(message):
            return None
        return await asyncio.to_thread(self._parts.outlook.not_before, message)

    async def page(
        self, session_id: str, *, direction: Direction | None, limit: int, cursor: str | None
    ) -> MessagePage:
        """Newest first."""
        if await asyncio.to_thread(self._parts.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")
        return await asyncio.to_thread(self._parts.reader.page, session_id, direction, limit, cursor)

    async def get(self, session_id: str, named: str) -> OutgoingMessage | Received:
        """One message of this session, of either direction."""
        return await asyncio.to_thread(references.look_up, self._parts.reader, session_id, named)

    async def _own(self, session_id: str, message_id: str) -> OutgoingMessage:
        row = await self._row(message_id)
        if row.session_id != session_id:
            raise RuleBroken("unknown_message", "this session has no such message")
        return row

    async def cancel(self, session_id: str, message_id: str) -> OutgoingMessage:
        """Take it back before it has begun, or give it up after it has failed."""
        await self._own(session_id, message_id)
        row = await self._write(CancelMessage(message_id))
        if not isinstance(row, OutgoingMessage):
            raise RuleBroken("unknown_message", "this session has no such message")
        if row.status is not MessageStatus.CANCELLED:
            raise RuleBroken("wrong_state", f"a message that is {row.status} cannot be cancelled")
        self._lane(session_id).tell(Withdraw(message_id))
        return row

    async def retry(self, session_id: str, message_id: str) -> OutgoingMessage:
        """Queue it again after it had failed."""
        before = await self._own(session_id, message_id)
        if before.status is not MessageStatus.FAILED:
            raise RuleBroken("wrong_state", f"only a failed message can be retried, this is {before.status}")
        row = await self._write(RetryMessage(message_id))
        if not isinstance(row, OutgoingMessage):
            raise RuleBroken("unknown_message", "this session has no such message")
        self._enqueue(row)
        return row

    async def _row(self, message_id: str) -> OutgoingMessage:
        row = await asyncio.to_thread(self._parts.reader.message, message_id)
        if row is None:
            raise RuleBroken("unknown_message", "this session has no such message")
        return row

    async def _write(self, operation: JournalOperation) -> object:
        return await write(self._parts.system.handle(tree.WRITER), operation, self._parts.journal_deadline)

    def _enqueue(self, message: OutgoingMessage) -> None:
        self._parts.outlook.expect(message)
        self._lane(message.session_id).tell(Enqueue(message))

    def _lane(self, session_id: str) -> Handle:
        return self._parts.system.handle(tree.lane_path(session_id))


def batch_id(session_id: str, key: str | None) -> str:
    """A new bulk send's id; the same one for the same key."""
    if key is None:
        return f"batch_{uuid4().hex}"
    return f"batch_{hashlib.sha256(f'{session_id} {key}'.encode()).hexdigest()[:32]}"


def _about(event: Event, message_id: str) -> bool:
    return isinstance(event, MessageSent | MessageFailed) and event.message_id == message_id
