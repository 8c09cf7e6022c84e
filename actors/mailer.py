"""The mailer: hears what happens to sessions, keeps mails in the journal until they are sent.

A mail is in the journal before the first attempt, so a restart loses none. One whose outcome was lost is sent
again with the same Message-ID: at least once, and readers' programs can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import structlog

from actors import mail_policy
from actors.durable import AddMail, EndMail, Mail
from actors.errors import DomainError, JournalError
from actors.heard import Heard
from actors.mail_policy import MailOutcome, MailVerdict
from actors.messages import Journaled
from actors.model import Account
from actors.notice_desk import NoticeDesk
from actors.notices import Kind, Notice
from actors.ports import Calendar
from actors.post import Post
from supervision import Actor, Context

log = structlog.get_logger(__name__)

TICK = 5.0  # seconds
LOOK_EVERY = 3  # ticks between looks into the queue that nothing else caused
AT_ONCE = 2  # mails on their way together


class MailSender(Protocol):
    """Delivers mails. The future settles within the sender's own deadline, with an outcome."""

    def send(self, mail: Mail) -> Future[MailOutcome]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MailerParts:
    """`account`, `due` and `recent` read the journal: blocking, each with its own deadline.

    `compose` gives None when nobody is to be written to. `recent`: mails added since then, for the rule of
    one of a kind. `last`: the last notice that was told of each session, for what follows from it.
    """

    sender: MailSender
    desk: NoticeDesk
    account: Callable[[str], Account | None]
    due: Callable[[datetime], Sequence[Mail]]
    recent: Callable[[datetime], Sequence[Mail]]
    last: Callable[[], Sequence[Notice]]
    compose: Callable[[Notice, Account], Mail | None]
    calendar: Calendar
    writer_path: str
    interval: float
    rng: Random = field(default_factory=Random)


@dataclass(frozen=True, slots=True)
class TakenDown:
    """Somebody stopped, logged out or deleted this session; its row may be gone already."""

    account: Account


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Supervision restarts this session no more."""

    session_id: str


@dataclass(frozen=True, slots=True)
class _Sent:
    mail: Mail
    future: Future[MailOutcome]


@dataclass(frozen=True, slots=True)
class _Tick:
    pass


class Mailer(Actor):
    """Blocks on reads of the journal only. A journal that is away is asked again."""

    def __init__(self, context: Context, parts: MailerParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._post = Post(context.path, str(context.incarnation), context.lookup(parts.writer_path).tell)
        self._in_flight: set[str] = set()
        self._ticks = self._sent = self._failed = self._dead = 0
        self._untold: list[Notice] = []

    def started(self) -> None:
        """Remember what was told of late, then look what waits."""
        now = self._parts.calendar()
        for mail in self._parts.recent(now - timedelta(seconds=self._parts.interval)):
            if mail.session_id is not None and mail.created_at is not None and mail.kind in set(Kind):
                self._parts.desk.remember(mail.session_id, Kind(mail.kind), mail.created_at)
        for notice in self._parts.last():
            self._parts.desk.resume(notice, now)
        self.context.every(TICK, _Tick())
        self._dispatch()
        self._report()

    def handle(self, message: object) -> None:
        """One thing at a time; what needs the journal and does not get it comes again."""
        try:
            self._handle(message)
        except JournalError as error:
            log.warning("mailer.journal_away", error=type(error).__name__)
            if isinstance(message, Heard | GivenUp):
                self.context.after(TICK, message)

    def _handle(self, message: object) -> None:
        now = self._parts.calendar()
        match message:
            case Heard(event=event):
                account = self._parts.account(event.session_id)
                linked = account is not None and account.phone_number is not None
                self._tell(self._parts.desk.heard(event, now, linked=linked), account)
            case TakenDown(account=account) if account.phone_number is not None:
                self._tell(self._parts.desk.by_hand(account.session_id, now), account)
            case GivenUp(session_id=session_id):
                account = self._parts.account(session_id)
                if account is not None and account.phone_number is not None:
                    self._tell(self._parts.desk.gave_up(session_id, now), account)
            case Journaled(correlation=correlation, result=result):
                self._journaled(correlation, result)
            case _Sent(mail=mail, future=future):
                self._ended(mail, future)
            case _Tick():
                self._tick(now)
            case TakenDown():
                pass  # it was never linked: nobody misses it
            case _:
                super().handle(message)

    # -- what is told -----------------------------------------------------------------------------------

    def _tell(self, notice: Notice | None, account: Account | None) -> None:
        if notice is None or account is None:
            return
        mail = self._parts.compose(notice, account)
        if mail is None:
            log.debug("mailer.nobody_to_tell", session=notice.session_id, kind=str(notice.kind))
            return
        self._write(AddMail(mail))

    def _tick(self, now: datetime) -> None:
        self._post.tell_again(self.context.clock.monotonic(), after=2 * TICK)
        self._untold += self._parts.desk.tick(now)
        while self._untold:
            self._tell(self._untold[0], self._parts.account(self._untold[0].session_id))
            del self._untold[0]
        self._ticks += 1
        if self._ticks % LOOK_EVERY == 0:
            self._dispatch()

    # -- what is sent -----------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        now = self._parts.calendar()
        for mail in self._parts.due(now):
            if mail.id in self._in_flight:
                continue
            if mail_policy.expired(mail, now):
                self._end(mail, mail_policy.give_up(mail))
            elif len(self._in_flight) < AT_ONCE:
                self._send(mail)

    def _send(self, mail: Mail) -> None:
        self._in_flight.add(mail.id)
        sending = self._parts.sender.send(mail)
        sending.add_done_callback(lambda future: self.context.handle.tell(_Sent(mail, future)))

    def _ended(self, mail: Mail, future: Future[MailOutcome]) -> None:
        if mail.id not in self._in_flight:
            return  # an earlier incarnation's
        error = future.exception()
        outcome = future.result() if error is None else MailOutcome(MailVerdict.AGAIN, type(error).__name__)
        self._sent += outcome.verdict is MailVerdict.SENT
        self._failed = 0 if outcome.verdict is MailVerdict.SENT else self._failed + 1
        self.context.heartbeat(outcome.verdict is not MailVerdict.AGAIN)
        log.info("mailer.attempt", kind=mail.kind, outcome=outcome.verdict.value, error=outcome.error)
        self._end(mail, mail_policy.after_attempt(mail, outcome, self._parts.calendar(), self._parts.rng))

    def _end(self, mail: Mail, operation: EndMail) -> None:
        self._in_flight.add(mail.id)  # until the journal has it, the queue still shows the mail as due
        self._dead += operation.state.value == "dead"
        self._write(operation)
        self._report()

    # -- the journal ------------------------------------------------------------------------------------

    def _write(self, operation: AddMail | EndMail) -> None:
        self._post.write(operation, self.context.clock.monotonic())

    def _journaled(self, correlation: str, result: object) -> None:
        operation = self._post.settle(correlation)
        if operation is None:
            return
        if isinstance(result, DomainError):
            log.warning("mailer.journal_refused", operation=type(operation).__name__)
        if isinstance(operation, EndMail):
            self._in_flight.discard(operation.id)
        if isinstance(operation, AddMail | EndMail):
            self._dispatch()
            self._report()

    def _report(self) -> None:
        self.context.report(
            sent=self._sent,
            failures_in_a_row=self._failed,
            given_up=self._dead,
            on_their_way=len(self._in_flight),
        )
