"""What clients may do with messages: accepted means on disk, everything else follows from the journal."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from actors import tree
from actors.errors import RuleBroken
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
from wahook.announcer import Announcer
from wahook.asking import write
from wahook.edge.ports import Draft, MessagePage
from wahook.journal.reader import JournalReader

WAITING = frozenset({MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesParts:
    """`duplicate_window` and `journal_deadline` in seconds."""

    system: System
    reader: JournalReader
    announcer: Announcer
    calendar: Calendar
    duplicate_window: float
    journal_deadline: float = 10.0


class MessageCommands:
    """Implements `edge.ports.Messages`."""

    def __init__(self, parts: MessagesParts) -> None:
        self._parts = parts

    async def accept(
        self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool
    ) -> Accepted | Duplicate | AlreadyAccepted:
        """Journal it, then tell its lane. The lane hears of it from the journal too, should that get lost."""
        message = OutgoingMessage(
            message_id=f"msg_{uuid4().hex}",
            session_id=session_id,
            to=draft.to,
            body=draft.body,
            wa_message_id=new_stanza_id(),
            type=draft.type,
            priority=draft.priority,
            content_hash=content_hash(draft),
            idempotency_key=key,
            send_at=draft.send_at,
        )
        window = None if allow_duplicate else self._parts.duplicate_window
        result = await self._write(AcceptMessage(message, window))
        assert isinstance(result, Accepted | Duplicate | AlreadyAccepted)  # noqa: S101
        if isinstance(result, Accepted):
            self._enqueue(result.message)
        return result

    async def outcome(self, message_id: str, seconds: float) -> OutgoingMessage:
        """The row once it is sent or failed, or as it is when the time is over."""
        with self._parts.announcer.expecting(lambda event: _about(event, message_id)) as happened:
            row = await self._row(message_id)
            if row.status in WAITING:
                with suppress(TimeoutError):
                    await asyncio.wait_for(happened.wait(), seconds)
                row = await self._row(message_id)
        return row

    async def page(
        self, session_id: str, *, direction: Direction | None, limit: int, cursor: str | None
    ) -> MessagePage:
        """Newest first."""
        if await asyncio.to_thread(self._parts.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")
        return await asyncio.to_thread(self._parts.reader.page, session_id, direction, limit, cursor)

    async def get(self, session_id: str, message_id: str) -> OutgoingMessage:
        """One message of this session."""
        row = await self._row(message_id)
        if row.session_id != session_id:
            raise RuleBroken("unknown_message", "this session has no such message")
        return row

    async def cancel(self, session_id: str, message_id: str) -> OutgoingMessage:
        """Take it back before it has begun."""
        await self.get(session_id, message_id)
        row = await self._write(CancelMessage(message_id))
        if not isinstance(row, OutgoingMessage):
            raise RuleBroken("unknown_message", "this session has no such message")
        if row.status is not MessageStatus.CANCELLED:
            raise RuleBroken("wrong_state", f"a message that is {row.status} cannot be cancelled")
        self._lane(session_id).tell(Withdraw(message_id))
        return row

    async def retry(self, session_id: str, message_id: str) -> OutgoingMessage:
        """Queue it again after it had failed."""
        before = await self.get(session_id, message_id)
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
        self._lane(message.session_id).tell(Enqueue(message))

    def _lane(self, session_id: str) -> Handle:
        return self._parts.system.handle(tree.lane_path(session_id))


def new_stanza_id() -> str:
    """A WhatsApp message id as its web page makes them: 3EB0 and 18 hexadecimal digits."""
    return "3EB0" + secrets.token_hex(9).upper()


def content_hash(draft: Draft) -> str:
    """SHA-256 over the whole content, for the duplicate guard."""
    content = {"to": draft.to, "type": draft.type, "body": draft.body, "options": draft.options}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _about(event: Event, message_id: str) -> bool:
    return isinstance(event, MessageSent | MessageFailed) and event.message_id == message_id
