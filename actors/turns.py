"""Whose turn it is to be answered: one reply at a time in a chat, few at a time in all. Pure of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Chat: TypeAlias = tuple[str, str]  # session id, and who writes there


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that may want an answer."""

    session_id: str
    sender: str
    wa_message_id: str

    @property
    def chat(self) -> Chat:
        return self.session_id, self.sender


class Turns:
    """People write one thought in three messages: what comes while a chat waits is answered together.

    A chat first gathers (`arrived` says when that begins, somebody calls `gathered` when it is over), then
    waits for `take`, then is busy until `done`. What arrives while it is busy begins to gather anew. Plain;
    one thread.
    """

    def __init__(self, at_once: int, limit: int) -> None:
        self._at_once = at_once
        self._limit = limit
        self._newest: dict[Chat, Asked] = {}
        self._ready: dict[Chat, None] = {}  # in order
        self._busy: set[Chat] = set()

    @property
    def waiting(self) -> int:
        """How many chats wait."""
        return len(self._newest)

    @property
    def busy(self) -> int:
        """How many are being answered."""
        return len(self._busy)

    def full(self, asked: Asked) -> bool:
        """Whether there is no room for one more chat."""
        return asked.chat not in self._newest and len(self._newest) >= self._limit

    def arrived(self, asked: Asked) -> bool:
        """Take note of a message; True if its chat begins to gather with it."""
        first = asked.chat not in self._newest
        self._newest[asked.chat] = asked
        return first

    def gathered(self, chat: Chat) -> None:
        """The chat has gathered long enough."""
        if chat in self._newest:
            self._ready[chat] = None

    def take(self) -> Asked | None:
        """The next to answer, the one that waits longest first; busy from now on."""
        if len(self._busy) >= self._at_once:
            return None
        chat = next((one for one in self._ready if one not in self._busy), None)
        if chat is None:
            return None
        del self._ready[chat]
        self._busy.add(chat)
        return self._newest.pop(chat)

    def done(self, chat: Chat) -> None:
        """The reply has ended, one way or another."""
        self._busy.discard(chat)
