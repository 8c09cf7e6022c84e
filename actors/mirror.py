"""The mirror: ships what the journal noted for a copy elsewhere, and waits while that cannot be reached.

Nothing waits for it. What is open stays in the journal until the copy has it, over outages and restarts. What
the copy refuses for good is set aside there, and tried again when the mirror is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol, TypeAlias

import structlog

from actors.durable import (
    BeginCopy,
    EndMirrorChanges,
    GoOnCopying,
    RetryMirrorChanges,
    SetAsideMirrorChanges,
)
from actors.errors import DomainError
from actors.messages import Journaled, SaveAccount
from actors.model import Account
from actors.post import Post
from supervision import Actor, Context

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: `linger` while changes gather; `check` between looks that nothing caused, which prove the
    connection too; pauses after a failure; `parting` until a row that was refused is tried again."""

    linger: float = 1.0
    check: float = 30.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    parting: float = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """These changes will never be taken; `error` says why, without a row's content."""

    seqs: tuple[int, ...]
    error: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """What became of one round.

    `failure`: why it ended early; `setup`: a human must mend that; `pause`: seconds that the other side asked
    for. `more`: there is more to ship at once; `doubtful`: rows that were refused and are tried again.
    `copy`: a copy of what was there before is under way.
    """

    shipped: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()
    failure: str | None = None
    setup: bool = False
    pause: float | None = None
    more: bool = False
    copy: int | None = None
    doubtful: int = 0
    open: int = 0  # when it began
    set_aside: int = 0


class Shipper(Protocol):
    """The way to the copy. Futures settle within its own deadlines."""

    def ship(self) -> Future[Shipment]:
        """Ship what is open, in order; with nothing open, prove the connection."""
        ...

    def strangers(self) -> Future[Sequence[Account]]:
        """Accounts that the copy knows and the journal does not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorParts:
    """`found` is told of each account that was taken over from the copy, once its row is in the journal.
    `place`: where the copy is and what it takes, as `BeginCopy` wants it."""

    shipper: Shipper
    found: Callable[[Account], object]
    writer_path: str
    place: str
    pace: Pace = Pace()
    rng: Random = field(default_factory=Random)


@dataclass(frozen=True, slots=True)
class MirrorDue:
    """Changes were noted."""


COPIED_AT_ONCE = 499  # messages: with the copy's own change a round

Operation: TypeAlias = (
    EndMirrorChanges | SetAsideMirrorChanges | RetryMirrorChanges | SaveAccount | BeginCopy | GoOnCopying
)


@dataclass(frozen=True, slots=True)
class _Go:
    pass


@dataclass(frozen=True, slots=True)
class _Check:
    pass


@dataclass(frozen=True, slots=True)
class _Shipped:
    incarnation: int
    future: Future[Shipment]


@dataclass(frozen=True, slots=True)
class _Strangers:
    future: Future[Sequence[Account]]


def pause_after(failures: int, asked: float | None, pace: Pace, rng: Random) -> float:
    """Seconds to wait after that many failures in a row: 1, 2, 4 … 60, each times 0.5 to 1.0."""
    if asked is not None:
        return max(asked, pace.first_pause)
    return min(pace.longest_pause, pace.first_pause * 2.0 ** min(failures - 1, 10)) * rng.uniform(0.5, 1.0)


class Mirror(Actor):
    """One round at a time: ship, have the journal close what was taken, look for more. Never blocks."""

    def __init__(self, context: Context, parts: MirrorParts) -> None:
        super().__init__(context)
        self._parts, self._pace = parts, parts.pace
        self._post = Post(context.path, str(context.incarnation), context.lookup(parts.writer_path).tell)
        self._busy = False  # from the start of a round until the journal closed what it took
        self._closing = False  # the second half of that
        self._planned = False  # the next round, after a linger or a pause
        self._due = False  # something was noted while a round was on its way
        self._knows_strangers = False
        self._failures = self._shipped = 0
        self._last: Shipment = Shipment()
        self._refusal: str | None = None

    def started(self) -> None:
        """Open what was set aside, for somebody may have mended what was wrong; then look.

        A mirror that was set up only now is given what there is: told before any session can come up.
        """
        self.context.every(self._pace.check, _Check())
        self._write(BeginCopy(self._parts.place))
        self._write(RetryMirrorChanges())

    def handle(self, message: object) -> None:
        match message:
            case MirrorDue():
                self._due = True
                self._plan(self._pace.linger)
            case _Go():
                self._planned = False
                self._ship()
            case _Check():
                self._post.tell_again(self.context.clock.monotonic(), after=self._pace.check / 2)
                self._plan(0.0)
            case _Shipped(incarnation=incarnation, future=future):
                if incarnation == self.context.incarnation:  # else it is shipped again, which changes nothing
                    self._ended(_outcome(future))
            case _Strangers(future=future):
                self._met(future)
            case Journaled(correlation=correlation, result=result):
                self._journaled(correlation, result)
            case _:
                super().handle(message)

    # -- rounds -----------------------------------------------------------------------------------------

    def _plan(self, seconds: float) -> None:
        if not self._busy and not self._planned:
            self._planned = True
            self.context.after(seconds, _Go())

    def _ship(self) -> None:
        if self._busy:
            return
        self._busy, self._due = True, False
        incarnation = self.context.incarnation
        shipping = self._parts.shipper.ship()
        shipping.add_done_callback(lambda future: self.context.handle.tell(_Shipped(incarnation, future)))

    def _ended(self, shipment: Shipment) -> None:
        self._last, self._closing = shipment, True
        self._shipped += len(shipment.shipped)
        if shipment.shipped:
            self._write(EndMirrorChanges(shipment.shipped))
        for refusal in shipment.refused:
            self._refusal = refusal.error
            log.error("mirror.set_aside", changes=len(refusal.seqs), why=refusal.error)
            self._write(SetAsideMirrorChanges(refusal.seqs, refusal.error))
        if shipment.copy is not None and shipment.failure is None and not shipment.more:
            self._write(GoOnCopying(shipment.copy, COPIED_AT_ONCE))
        self._judge(shipment)
        self._report()
        self._close()

    def _close(self) -> None:
        """The next round begins when the journal has what this one did: else it would be shipped twice."""
        if self._closing and not self._post:
            self._closing = self._busy = False
            self._next()

    def _judge(self, shipment: Shipment) -> None:
        if shipment.failure is None:
            if self._failures:
                log.info("mirror.back", open=shipment.open)
            self._failures = 0
        else:
            self._failures += 1
            if self._failures == 1:
                log.warning("mirror.away", why=shipment.failure, setup=shipment.setup)
        self.context.heartbeat(shipment.failure is None)

    def _next(self) -> None:
        shipment = self._last
        if shipment.failure is not None:
            self._plan(pause_after(self._failures, shipment.pause, self._pace, self._parts.rng))
        elif shipment.doubtful:
            self._plan(self._pace.parting)
        elif shipment.more or shipment.copy is not None:
            self._plan(0.0)
        elif self._due:
            self._plan(self._pace.linger)
        elif not self._knows_strangers and not shipment.open:
            self._ask_for_strangers()

    # -- accounts that only the copy knows ------------------------------------------------------------------

    def _ask_for_strangers(self) -> None:
        """Only with nothing open, or a session that was deleted here would come back from there."""
        self._knows_strangers = True
        asked = self._parts.shipper.strangers()
        asked.add_done_callback(lambda future: self.context.handle.tell(_Strangers(future)))

    def _met(self, future: Future[Sequence[Account]]) -> None:
        if error := future.exception():
            log.warning("mirror.strangers_unknown", error=type(error).__name__)
            self._knows_strangers = False  # asked again after the next check
            return
        for account in future.result():
            self._write(SaveAccount(account))

    # -- the journal ------------------------------------------------------------------------------------

    def _write(self, operation: Operation) -> None:
        self._post.write(operation, self.context.clock.monotonic())

    def _journaled(self, correlation: str, result: object) -> None:
        operation = self._post.settle(correlation)
        match operation, result:
            case None, _:
                return
            case _, DomainError():
                log.warning("mirror.journal_refused", operation=type(operation).__name__)
                self._last = replace(self._last, copy=None)  # the next look, not this one, goes on
            case SaveAccount(), (Account() as account, True):
                log.info("mirror.account_found", session=account.session_id)
                self._parts.found(account)
            case BeginCopy(), tuple() as accounts:
                log.info("mirror.copying", accounts=len(accounts))
            case RetryMirrorChanges(), int() as number:
                log.info("mirror.started", tried_again=number)
                self._plan(0.0)
        self._close()

    def _report(self) -> None:
        shipment = self._last
        self.context.report(
            shipped=self._shipped,
            open=max(0, shipment.open - len(shipment.shipped)),
            set_aside=shipment.set_aside + sum(len(one.seqs) for one in shipment.refused),
            copying=shipment.copy is not None,
            last_refusal=self._refusal,
            failures_in_a_row=self._failures,
            last_error=shipment.failure,
        )


def _outcome(future: Future[Shipment]) -> Shipment:
    """A round that broke is as one that failed: all of it is still open."""
    error = future.exception()
    return future.result() if error is None else Shipment(failure=type(error).__name__)
