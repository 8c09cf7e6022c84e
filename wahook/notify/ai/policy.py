"""Whether a message is to be answered by AI, and how the account wants it. Pure; no clock, no I/O.

| what | verdict |
|---|---|
| AI is off for the account, or has no endpoint | skip |
| our own message, our own number, status, channel, broadcast | skip |
| a group, unless `groups` is set | skip |
| anything but text, or text without a letter | skip |
| older than `max_age` (it came while we were away) | skip |
| answered before | skip |
| somebody of ours wrote in the chat within `pause` | skip |
| the chat's or the session's limit is reached | fail, with an event: somebody should look |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from actors.model import IncomingMessage, SessionConfig
from wahook.journal.chats import Author, Line

BROADCASTS = ("@broadcast", "@newsletter")
TEXT = "chat"


class Skip(Enum):
    """Why a message is not answered, and that is right."""

    OFF = "off"
    OWN = "own"
    BROADCAST = "broadcast"
    GROUP = "group"
    NOT_TEXT = "not_text"
    OLD = "old"
    ANSWERED = "answered"
    PAUSED = "paused"


class Refuse(Enum):
    """Why a message that should be answered is not."""

    CHAT_LIMIT = "chat_limit"
    DAY_LIMIT = "day_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class AiPolicy:
    """What holds for one account. Seconds; 0 for `pause`: none."""

    system_prompt: str
    model: str
    context_messages: int
    max_tokens: int
    pause: float
    max_age: float
    groups: bool
    replies_per_hour: int
    replies_per_day: int

    def of(self, config: SessionConfig) -> AiPolicy:
        """An account's own, where it has any."""
        own = config.ai
        return AiPolicy(
            system_prompt=self.system_prompt if own.system_prompt is None else own.system_prompt,
            model=own.model or self.model,
            context_messages=own.context_messages or self.context_messages,
            max_tokens=own.max_tokens or self.max_tokens,
            pause=self.pause if own.pause is None else own.pause,
            max_age=self.max_age,
            groups=self.groups if own.groups is None else own.groups,
            replies_per_hour=self.replies_per_hour,
            replies_per_day=self.replies_per_day,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the journal says when a message is to be judged."""

    message: IncomingMessage
    enabled: bool
    own_number: str | None
    answered: bool
    lines: Sequence[Line]  # of the chat, oldest first
    replies_in_hour: int  # in this chat
    replies_in_day: int  # of the session


def judge(situation: Situation, policy: AiPolicy, now: datetime) -> Skip | Refuse | None:  # noqa: PLR0911 (a table)
    """None: answer it."""
    if not situation.enabled:
        return Skip.OFF
    if (skip := _kind(situation.message, situation.own_number, policy)) is not None:
        return skip
    if now.timestamp() - situation.message.timestamp > policy.max_age:
        return Skip.OLD
    if situation.answered:
        return Skip.ANSWERED
    if human_spoke(situation.lines, policy.pause, now):
        return Skip.PAUSED
    if situation.replies_in_hour >= policy.replies_per_hour:
        return Refuse.CHAT_LIMIT
    if situation.replies_in_day >= policy.replies_per_day:
        return Refuse.DAY_LIMIT
    return None


def is_group(message: IncomingMessage) -> bool:
    """Whether more than one person reads the answer."""
    return message.is_group or message.chat_id.endswith("@g.us")


def address(message: IncomingMessage) -> str:
    """Where the answer goes: to the person, or to the group that was written to."""
    return message.chat_id if is_group(message) else message.sender


def human_spoke(lines: Sequence[Line], pause: float, now: datetime) -> bool:
    """Whether somebody of ours wrote in the chat within the pause: then AI keeps out of it."""
    return any(line.author is Author.US and (now - line.at).total_seconds() < pause for line in lines)


def _kind(message: IncomingMessage, own_number: str | None, policy: AiPolicy) -> Skip | None:
    if message.from_me or (own_number is not None and message.sender == own_number):
        return Skip.OWN
    if message.chat_id.endswith(BROADCASTS):
        return Skip.BROADCAST
    if not policy.groups and is_group(message):
        return Skip.GROUP
    if message.type != TEXT or not message.body.strip():
        return Skip.NOT_TEXT
    return None
