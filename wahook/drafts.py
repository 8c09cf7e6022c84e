"""From a draft to the message that is journaled: ids made, files fetched, messages it is about found."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from actors.errors import RuleBroken
from actors.model import JSON, OutgoingMessage
from wahook import references
from wahook.edge.ports import ASKED, Draft, MediaDraft
from wahook.journal.reader import JournalReader

ABOUT_OURS = frozenset({"edit"})


@dataclass(frozen=True, slots=True)
class Drafts:
    """`fetch` stores a file and answers with what the content says of it."""

    reader: JournalReader
    fetch: Callable[[MediaDraft], Coroutine[Any, Any, dict[str, JSON]]]

    async def complete(self, session_id: str, draft: Draft) -> Draft:
        """The draft with nothing left to look up. RuleBroken when it is about what there is not."""
        draft = replace(draft, asked=digest_of(draft) if needs_others(draft) else None)
        if draft.reply_to is not None:
            quoted = await self._find(session_id, draft.reply_to)
            draft = replace(draft, content={**draft.content, "replyTo": quoted.as_json()})
        if draft.target is not None:
            draft = await self._about(session_id, draft, draft.target)
        if draft.media is not None:
            media = await self.fetch(draft.media)
            draft = replace(draft, type=str(media["kind"]), content={**draft.content, "media": media})
        return draft

    async def _about(self, session_id: str, draft: Draft, named: str) -> Draft:
        target = await self._find(session_id, named)
        if draft.type in ABOUT_OURS and not target.from_me:
            raise RuleBroken("not_own_message", f"only own messages can be changed by {draft.type}")
        return replace(
            draft, to=draft.to or target.chat, content={**draft.content, "target": target.as_json()}
        )

    async def _find(self, session_id: str, named: str) -> references.Reference:
        return await asyncio.to_thread(references.find, self.reader, session_id, named)


def message_of(
    session_id: str, draft: Draft, *, key: str | None = None, batch_id: str | None = None
) -> OutgoingMessage:
    """The message of a complete draft, under new ids, and with what `is_repeat` will want to know of it."""
    content = draft.content if key is None or draft.asked is None else {**draft.content, ASKED: draft.asked}
    return OutgoingMessage(
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
        content=content,
        typing=draft.typing,
        batch_id=batch_id,
    )


def needs_others(draft: Draft) -> bool:
    """Whether completing it depends on the moment: a file elsewhere or another message may be gone later."""
    is_elsewhere = draft.media is not None and draft.media.data is None
    return is_elsewhere or draft.reply_to is not None or draft.target is not None


def is_repeat(earlier: OutgoingMessage, draft: Draft) -> bool:
    """Whether such a draft asks for what was accepted before: told without looking anything up again."""
    return earlier.content.get(ASKED) == digest_of(draft)


def digest_of(draft: Draft) -> str:
    """SHA-256 over what was asked for; it may hold a URL with secrets, so nothing more is kept of it."""
    media = None if draft.media is None else asdict(draft.media)
    asked = [draft.to, draft.body, draft.type, draft.content, draft.reply_to, draft.target, media]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def new_stanza_id() -> str:
    """A WhatsApp message id as its web page makes them: 3EB0 and 18 hexadecimal digits."""
    return "3EB0" + secrets.token_hex(9).upper()


def content_hash(draft: Draft) -> str:
    """SHA-256 over the whole content, for the duplicate guard; wherever a file came from."""
    content = {"to": draft.to, "type": draft.type, "body": draft.body, "options": draft.content}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
