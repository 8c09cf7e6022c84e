"""The assistant: has messages answered by a language model, in turns, and tells when that fails."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog

from actors.errors import JournalError
from actors.events import AiFailed, MessageReceived
from actors.heard import Heard
from actors.ports import Announce
from actors.turns import Asked, Chat, Turns
from supervision import Actor, Context

log = structlog.get_logger(__name__)

CATCH_UP_AGAIN = 10.0  # seconds
CHATS_WAITING = 1000


class ReplyVerdict(Enum):
    """How it went with one message."""

    ANSWERED = "answered"  # the answer is in the outbox
    SKIPPED = "skipped"  # it was not to be answered
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplyOutcome:
    """`reason` is a fixed word. `tokens`: what the endpoint says it used, 0 if it does not."""

    verdict: ReplyVerdict
    reason: str | None = None
    tokens: int = 0


class Replier(Protocol):
    """Answers messages. Any thread."""

    def wanted(self, session_id: str) -> bool:
        """Whether the session has AI at all. Blocking, briefly; never raises."""
        ...

    def reply(self, asked: Asked) -> Future[ReplyOutcome]:
        """Decide, ask the model, hand the answer to the outbox. Settles within its own deadlines."""
        ...

    def unanswered(self) -> Sequence[Asked]:
        """What an earlier life of the service left unanswered, oldest first. Blocking; JournalError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantParts:
    """`gather`: seconds for a chat to say all it has to say. `at_once`: replies on their way together."""

    replier: Replier
    announce: Announce
    gather: float
    at_once: int


@dataclass(frozen=True, slots=True)
class _Gathered:
    chat: Chat


@dataclass(frozen=True, slots=True)
class _Replied:
    asked: Asked
    future: Future[ReplyOutcome]


@dataclass(frozen=True, slots=True)
class _CatchUp:
    pass


class Assistant(Actor):
    """Whether and what to answer is the replier's; this actor gives each chat its turn.

    After a crash the journal tells what was left; a reply's key lets no message be answered twice.
    """

    def __init__(self, context: Context, parts: AssistantParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._turns = Turns(parts.at_once, CHATS_WAITING)
        self._counts = dict.fromkeys(ReplyVerdict, 0)
        self._tokens = 0

    def started(self) -> None:
        self.context.handle.tell(_CatchUp())
        self._report()

    def handle(self, message: object) -> None:
        match message:
            case Heard(event=MessageReceived() as event):
                self._asked(Asked(event.session_id, event.from_, event.id))
            case _Gathered(chat=chat):
                self._turns.gathered(chat)
                self._dispatch()
            case _Replied(asked=asked, future=future):
                self._replied(asked, future)
            case _CatchUp():
                self._catch_up()
            case _:
                super().handle(message)

    def _asked(self, asked: Asked) -> None:
        if not self._parts.replier.wanted(asked.session_id):
            return
        if self._turns.full(asked):
            self._failed(asked, "overloaded")
        elif self._turns.arrived(asked):
            self.context.after(self._parts.gather, _Gathered(asked.chat))

    def _dispatch(self) -> None:
        while (asked := self._turns.take()) is not None:
            self._begin(asked)

    def _begin(self, asked: Asked) -> None:
        replying = self._parts.replier.reply(asked)
        replying.add_done_callback(lambda future: self.context.handle.tell(_Replied(asked, future)))

    def _replied(self, asked: Asked, future: Future[ReplyOutcome]) -> None:
        error = future.exception()
        if error is None:
            outcome = future.result()
        else:
            log.error("assistant.broken", session=asked.session_id, error=type(error).__name__)
            outcome = ReplyOutcome(ReplyVerdict.FAILED, "internal")
        self._turns.done(asked.chat)
        self._counts[outcome.verdict] += 1
        self._tokens += outcome.tokens
        if outcome.verdict is ReplyVerdict.FAILED:
            self._failed(asked, outcome.reason or "unknown")
        else:
            log.debug("assistant.done", session=asked.session_id, outcome=outcome.verdict.value,
                      reason=outcome.reason)  # fmt: skip
        self._dispatch()
        self._report()

    def _failed(self, asked: Asked, reason: str) -> None:
        log.warning("assistant.failed", session=asked.session_id, reason=reason)
        self._parts.announce(AiFailed(asked.session_id, asked.wa_message_id, reason))

    def _catch_up(self) -> None:
        try:
            left = self._parts.replier.unanswered()
        except JournalError as error:
            log.warning("assistant.journal_away", error=type(error).__name__)
            self.context.after(CATCH_UP_AGAIN, _CatchUp())
            return
        for asked in left:
            self._asked(asked)

    def _report(self) -> None:
        self.context.report(
            **{verdict.value: count for verdict, count in self._counts.items()},
            tokens=self._tokens,
            waiting=self._turns.waiting,
            busy=self._turns.busy,
        )
