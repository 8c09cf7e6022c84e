"""Whether somebody wrote in a chat on the phone itself, or on another device: only the page knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

import structlog

from actors.errors import DomainError, Fault
from actors.model import JSON
from actors.page import AskPage, PageCall
from supervision import RemoteError
from wahook.journal.chats import ChatReader

log = structlog.get_logger(__name__)

LOOK_AT = 20  # messages; whoever takes over is among the last
PAGE_SECONDS = 5.0


class AskSession(Protocol):
    """`SessionCommands.ask_page`."""

    def __call__(self, session_id: str, question: AskPage) -> Awaitable[JSON]: ...


async def wrote_elsewhere(
    ask: AskSession, chats: ChatReader, session_id: str, chat_id: str, since: datetime
) -> bool:
    """Whether a message of ours since then is not from the outbox. False when the page does not answer."""
    arguments: dict[str, JSON] = {"chat": chat_id, "before": None, "limit": LOOK_AT}
    question = AskPage(PageCall.HISTORY, arguments, deadline=PAGE_SECONDS)
    try:
        answer = await asyncio.wait_for(ask(session_id, question), 2 * PAGE_SECONDS)
    except (DomainError, Fault, RemoteError, TimeoutError) as error:
        log.debug("assistant.page_not_asked", session=session_id, error=type(error).__name__)
        return False
    own = own_ids(answer, int(since.timestamp()))
    return bool(own - await asyncio.to_thread(chats.from_outbox, session_id, own)) if own else False


def own_ids(answer: JSON, since: int) -> frozenset[str]:
    """The WhatsApp ids of our messages in a page's answer, sent at or after a Unix time. Pure."""
    messages = answer.get("messages") if isinstance(answer, dict) else None
    found = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    return frozenset(str(one.get("messageId")) for one in found if _own(one, since))


def _own(message: dict[str, JSON], since: int) -> bool:
    at = message.get("timestamp")
    return message.get("fromMe") is True and isinstance(at, int | float) and at >= since
