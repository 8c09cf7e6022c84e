"""Answers one message: what the journal says, whether to answer, the model's words, the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from actors.assistant import ReplyOutcome, ReplyVerdict
from actors.errors import DomainError, JournalError, RuleBroken
from actors.model import Account, IncomingMessage
from actors.ports import Calendar
from actors.turns import Asked
from wahook.edge.ports import Draft
from wahook.journal.chats import AI_KEY, ChatReader, Line
from wahook.journal.reader import JournalReader
from wahook.loop import LoopThread
from wahook.notify.ai.client import AiClient, AiFault
from wahook.notify.ai.phone import AskSession, wrote_elsewhere
from wahook.notify.ai.policy import AiPolicy, Refuse, Situation, Skip, address, human_spoke, is_group, judge
from wahook.notify.ai.prompt import asked_last, conversation

LOOK_BACK = timedelta(days=2)  # what is older is another conversation
LINES = 200
LONGEST_TYPING = 5.0  # seconds; the session's other messages wait meanwhile
ACCEPT_TRIES = 3


class Accept(Protocol):
    """The outbox's door: `MessageCommands.accept`."""

    def __call__(
        self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool
    ) -> Awaitable[object]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplierParts:
    """`client` None: no endpoint is set. `typing_speed` in characters a second, 0: no delay."""

    loop: LoopThread
    client: AiClient | None
    policy: AiPolicy
    reader: JournalReader
    chats: ChatReader
    accept: Accept
    ask_page: AskSession
    calendar: Calendar
    typing_speed: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class OutboxReplier:
    """Implements `actors.assistant.Replier`. Any thread."""

    def __init__(self, parts: ReplierParts) -> None:
        self._parts = parts

    def wanted(self, session_id: str) -> bool:
        """Whether AI is on for the session; a journal that is away decides nothing."""
        try:
            account = self._parts.reader.account(session_id)
        except JournalError:
            return True
        return account is not None and account.config.ai_enabled

    def reply(self, asked: Asked) -> Future[ReplyOutcome]:
        """Settles within the endpoint's and the journal's deadlines."""
        return self._parts.loop.submit(self._reply(asked))

    def unanswered(self) -> Sequence[Asked]:
        """The newest message of each chat that no reply of ours is for. Blocking; JournalError."""
        since = self._parts.calendar() - timedelta(seconds=self._parts.policy.max_age)
        newest: dict[tuple[str, str], Asked] = {}
        for account in self._parts.reader.accounts():
            if account.config.ai_enabled:
                for one in self._parts.chats.arrivals(account.session_id, since):
                    asked = Asked(one.session_id, one.sender, one.wa_message_id)
                    newest[asked.chat] = asked
        return [
            one
            for one in newest.values()
            if not self._parts.chats.answered(one.session_id, one.wa_message_id)
        ]

    # -- on the loop ------------------------------------------------------------------------------------

    async def _reply(self, asked: Asked) -> ReplyOutcome:
        try:
            return await self._answer(asked)
        except AiFault as fault:
            return _failed(fault.reason)
        except JournalError:
            return _failed("journal")

    async def _answer(self, asked: Asked) -> ReplyOutcome:  # noqa: PLR0911 (steps, each of which may end it)
        found = await asyncio.to_thread(self._look, asked)
        if found is None:
            return _skipped(Skip.OFF)
        situation, policy = found
        verdict = judge(situation, policy, self._parts.calendar())
        if isinstance(verdict, Skip):
            return _skipped(verdict)
        if isinstance(verdict, Refuse):
            return _failed(verdict.value)
        if self._parts.client is None:
            return _failed("not_configured")
        if await self._wrote_elsewhere(asked, situation.message, policy):
            return _skipped(Skip.PAUSED)
        messages = conversation(
            policy.system_prompt,
            asked_last(situation.lines, asked.wa_message_id),
            policy.context_messages,
            named=is_group(situation.message),
        )
        words = await self._parts.client.complete(policy.model, messages, policy.max_tokens)
        if not words.text:
            return ReplyOutcome(ReplyVerdict.FAILED, "empty", words.tokens)
        verdict_now = await self._hand_over(asked, situation.message, policy, words.text)
        return ReplyOutcome(verdict_now.verdict, verdict_now.reason, words.tokens)

    def _look(self, asked: Asked) -> tuple[Situation, AiPolicy] | None:
        """What is to be known for the judgement; None when the session or the message is gone."""
        parts, now = self._parts, self._parts.calendar()
        account = parts.reader.account(asked.session_id)
        received = parts.reader.received(asked.session_id, asked.wa_message_id)
        if account is None or received is None:
            return None
        message = received.message
        situation = Situation(
            message=message,
            enabled=account.config.ai_enabled,
            own_number=account.phone_number,
            answered=parts.chats.answered(asked.session_id, asked.wa_message_id),
            lines=self._lines(account, message, now),
            replies_in_hour=parts.chats.replies(asked.session_id, now - timedelta(hours=1), address(message)),
            replies_in_day=parts.chats.replies(asked.session_id, now - timedelta(days=1)),
        )
        return situation, parts.policy.of(account.config)

    def _lines(self, account: Account, message: IncomingMessage, now: datetime) -> list[Line]:
        return self._parts.chats.lines(
            account.session_id, address(message), message.chat_id, now - LOOK_BACK, LINES
        )

    async def _hand_over(
        self, asked: Asked, message: IncomingMessage, policy: AiPolicy, text: str
    ) -> ReplyOutcome:
        """Into the outbox, unless a person was quicker."""
        found = await asyncio.to_thread(self._look, asked)
        if found is None or not found[0].enabled:
            return _skipped(Skip.OFF)
        if human_spoke(found[0].lines, policy.pause, self._parts.calendar()):
            return _skipped(Skip.PAUSED)
        if await self._wrote_elsewhere(asked, message, policy):
            return _skipped(Skip.PAUSED)
        return await self._accepted(asked, self._draft(message, text))

    async def _wrote_elsewhere(self, asked: Asked, message: IncomingMessage, policy: AiPolicy) -> bool:
        if policy.pause == 0:
            return False
        since = self._parts.calendar() - timedelta(seconds=policy.pause)
        return await wrote_elsewhere(
            self._parts.ask_page, self._parts.chats, asked.session_id, message.chat_id, since
        )

    def _draft(self, message: IncomingMessage, text: str) -> Draft:
        speed = self._parts.typing_speed
        typing = min(LONGEST_TYPING, len(text) / speed) if speed > 0 else 0.0
        return Draft(to=address(message), body=text, typing=typing)

    async def _accepted(self, asked: Asked, draft: Draft) -> ReplyOutcome:
        for attempt in range(ACCEPT_TRIES):
            try:
                await self._parts.accept(
                    asked.session_id, draft, key=f"{AI_KEY}{asked.wa_message_id}", allow_duplicate=True
                )
            except RuleBroken as error:
                if error.code == "key_reused":  # in an earlier life the model found other words
                    return _skipped(Skip.ANSWERED)
                return _failed("not_accepted")
            except DomainError:
                return _failed("not_accepted")
            except JournalError:
                await self._parts.sleep(2.0**attempt)
            else:
                return ReplyOutcome(ReplyVerdict.ANSWERED)
        return _failed("journal")


def _skipped(skip: Skip) -> ReplyOutcome:
    return ReplyOutcome(ReplyVerdict.SKIPPED, skip.value)


def _failed(reason: str) -> ReplyOutcome:
    return ReplyOutcome(ReplyVerdict.FAILED, reason)
