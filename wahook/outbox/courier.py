"""One attempt at one message: what the journal is told, what the session is asked, what follows.

A plain class without threads of its own. `ask` and `pause` are how it waits; they raise `Interrupted` when
the lane must end, and the row then stays `sending`, so that the next attempt looks for it before it sends.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import structlog

from actors.errors import DomainError, JournalError, SendRefused, SessionNotReady
from actors.events import MessageFailed, MessageSent
from actors.messages import BeginAttempt, EndAttempt, SendMessage, Write
from actors.model import Ack, MessageStatus, OutgoingMessage, SendReceipt
from actors.page import AskPage, PageCall
from actors.ports import Announce
from supervision import AskTimeout, Handle, MailboxFull, RemoteError
from supervision import DomainError as Answer
from wahook.outbox.gate import Interrupted
from wahook.outbox.retries import RetryPolicy

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """WhatsApp's server has it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing to do: cancelled, sent already, or forgotten."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Given up; `error` is what the journal says."""

    error: str


@dataclass(frozen=True, slots=True)
class Again:
    """The attempt was spent; the next one is due in `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class NotNow:
    """No attempt was spent: the session was not ready, or the journal did not answer."""


Outcome: TypeAlias = Sent | Dropped | Failed | Again | NotNow
SENT = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ})


class Ask(Protocol):
    def __call__(self, whom: Handle, message: object, deadline: float) -> object: ...


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A session may look for a message before it sends it, so it is asked for both."""

    send: float = 30.0
    look: float = 10.0
    journal: float = 10.0
    margin: float = 5.0
    media: float = 120.0  # as `send`, for a message with a file

    def sending(self, row: OutgoingMessage) -> float:
        """How long the page may take to send it."""
        return self.media if "media" in row.content or row.type == "forward" else self.send

    def answer(self, row: OutgoingMessage) -> float:
        """How long the session may take."""
        return self.sending(row) + self.look + self.margin


def no_seam(_: str) -> None:
    """The default of a fault point: nothing happens."""


def no_row(_: str) -> OutgoingMessage | None:
    """The default of `Courier.row`: nothing is known."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """Delivers for one session. `seam` is called with a name between any two steps, for fault injection.

    `row` reads a row of the journal; without it a job that must not go is always dropped.
    """

    session: Handle
    journal: Handle
    announce: Announce
    ask: Ask
    pause: Callable[[float], None]
    rng: random.Random
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    deadlines: Deadlines = field(default_factory=Deadlines)
    seam: Callable[[str], None] = no_seam
    row: Callable[[str], OutgoingMessage | None] = no_row

    def attempt(self, message_id: str) -> Outcome:
        """Begin, send, end. Raises only Interrupted."""
        if not self.session.alive:
            return NotNow()
        self.seam("before_begin")
        try:
            row = self._write(BeginAttempt(message_id))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - whatever ails the journal, the message waits for it
            log.warning("outbox.journal_away", message_id=message_id, error=type(error).__name__)
            return NotNow()
        self.seam("after_begin")
        if not isinstance(row, OutgoingMessage):
            return self._why_not(message_id)
        if row.typing > 0 and row.attempts == 0 and not self._type(row):
            given_back = EndAttempt(row.message_id, MessageStatus.QUEUED, error=row.error, spent=False)
            return self._end(row, given_back)
        return self._end(row, self._judge(row, self._send(row)))

    def _why_not(self, message_id: str) -> Outcome:
        """A row that had failed stays in RQ's list of failed jobs, though a crash or a hand put it back."""
        try:
            row = self.row(message_id)
        except JournalError:
            return Dropped()
        if row is None or row.status is not MessageStatus.FAILED:
            return Dropped()
        return Failed(row.error or "failed")

    def _type(self, row: OutgoingMessage) -> bool:
        """Let the recipient see us typing for a while; False: it cannot be shown; nothing was tried."""
        state = "recording" if row.type == "voice" else "composing"
        showing = AskPage(PageCall.CHAT_STATE, {"chat": row.to, "state": state})
        try:
            self.ask(self.session, showing, self.deadlines.look + self.deadlines.margin)
        except Interrupted:
            raise
        except SendRefused:
            return True  # the send itself will be refused, and say why
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing of the message was tried
            log.info("outbox.not_typed", message_id=row.message_id, error=type(error).__name__)
            return False
        self.pause(row.typing)
        return True

    def _send(self, row: OutgoingMessage) -> object:
        """The session's answer, errors included."""
        request = SendMessage(row, self.deadlines.sending(row), row.may_be_on_wire)
        self.seam("before_send")
        try:
            answer = self.ask(self.session, request, self.deadlines.answer(row))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - it is judged, by type
            answer = error
        self.seam("after_send")
        return answer

    def _judge(self, row: OutgoingMessage, answer: object) -> EndAttempt:
        match answer:
            case SendReceipt(ack=ack) if ack >= Ack.SERVER:
                return EndAttempt(row.message_id, ack.status, ack)
            case SessionNotReady() | MailboxFull():
                return EndAttempt(row.message_id, MessageStatus.QUEUED, error=row.error, spent=False)
            case SendRefused(code=code):
                return EndAttempt(row.message_id, MessageStatus.FAILED, error=f"{code}: {answer}")
            case Answer():
                return EndAttempt(row.message_id, MessageStatus.FAILED, error=str(answer))
        last = self.retries.last(row.attempts + 1)
        status = MessageStatus.FAILED if last else MessageStatus.QUEUED
        return EndAttempt(row.message_id, status, error=_in_words(answer))

    def _end(self, row: OutgoingMessage, ending: EndAttempt) -> Outcome:
        self.seam("before_end")
        after = self._record(ending)
        self.seam("after_end")
        if not isinstance(after, OutgoingMessage):
            return Dropped()
        if after.status in SENT:  # also when its ack arrived by itself while we judged
            self.announce(MessageSent(row.session_id, row.message_id, row.wa_message_id, row.to))
            return Sent()
        if after.status is MessageStatus.FAILED:
            error = after.error or "failed"
            self.announce(MessageFailed(row.session_id, row.message_id, row.to, error))
            return Failed(error)
        if not ending.spent:
            return NotNow()
        return Again(self.retries.delay(row.attempts + 1, self.rng))

    def _record(self, ending: EndAttempt) -> object:
        """Write the outcome, however long the journal is away: nobody else knows it."""
        wait = 0.1
        while True:
            try:
                return self._write(ending)
            except Interrupted:
                raise
            except DomainError as error:
                log.warning("outbox.refused", message_id=ending.message_id, error=type(error).__name__)
                return None
            except Exception as error:  # noqa: BLE001
                log.warning("outbox.journal_away", message_id=ending.message_id, error=type(error).__name__)
            self.pause(wait)
            wait = min(5.0, 2 * wait)

    def _write(self, operation: BeginAttempt | EndAttempt) -> object:
        return self.ask(self.journal, Write(operation), self.deadlines.journal)


def _in_words(answer: object) -> str:
    match answer:
        case SendReceipt(ack=ack):
            return f"no server ack ({ack.name.lower()})"
        case RemoteError():
            return f"the session crashed: {type(answer.__cause__).__name__}"
        case AskTimeout():
            return "the session did not answer in time"
        case Exception():
            return str(answer) or type(answer).__name__
    return f"unexpected answer: {type(answer).__name__}"
