"""Carries out what a `Consequences` policy decides, inside the writer's transaction."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType

import sqlalchemy as sa
import structlog

from actors.durable import AddDeliveries, Delivery, ReplayDelivery
from actors.errors import JournalError
from actors.messages import EndAttempt, JournalOperation, RecordAck
from actors.model import OutgoingMessage
from wahook.journal import durable, outgoing
from wahook.journal.consequences import Consequences

_log = structlog.get_logger(__name__)


class Aftermath:
    """One transaction at a time: enter it around the transaction, so that leaving it means committed."""

    def __init__(self, policy: Consequences | None) -> None:
        self._policy = policy
        self._added: list[Delivery] = []

    def __enter__(self) -> None:
        self._added = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._policy is None:
            return
        try:
            if kind is not None:
                self._policy.undone()
            else:
                self._policy.committed(self._added)
        except Exception:  # noqa: BLE001 - what is on disk is found by the sender's next look
            _log.exception("journal.consequence_failed")

    def before(self, connection: sa.Connection, operation: JournalOperation) -> OutgoingMessage | None:
        """The row as it is, if the policy will ask for it."""
        if self._policy is None or not isinstance(operation, EndAttempt | RecordAck):
            return None
        return outgoing.before(connection, operation) if self._policy.needs_before(operation) else None

    def after(
        self,
        connection: sa.Connection,
        operation: JournalOperation,
        before: OutgoingMessage | None,
        result: object,
        now: datetime,
    ) -> None:
        """Add what follows. A database that refuses one of these refuses the operation with it."""
        if self._policy is None:
            return
        match operation, result:
            case AddDeliveries(), tuple() as added:
                self._added += added
            case ReplayDelivery(), Delivery() as again:
                self._added.append(again)
        try:
            follows = tuple(self._policy.of(operation, before, result, now))
        except JournalError:  # the database ails: nothing is written, and all of it is told again
            raise
        except Exception:  # noqa: BLE001 - a message is worth more than the telling of it
            _log.exception("journal.consequence_failed", operation=type(operation).__name__)
            return
        if follows:
            self._added += durable.add_deliveries(connection, AddDeliveries(follows), now)
