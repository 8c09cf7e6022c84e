"""`actors.ports.Journal` on SQLAlchemy: many operations, one transaction, one commit to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from actors.durable import (
    AddDeliveries,
    AddMail,
    AddMirrorChanges,
    BeginCopy,
    EndDelivery,
    EndMail,
    EndMirrorChanges,
    ForgetCopies,
    GoOnCopying,
    Prune,
    ReplayDelivery,
    ReplayMail,
    RetryMirrorChanges,
    SetAsideMirrorChanges,
)
from actors.errors import CommitUncertain, DomainError, RuleBroken
from actors.messages import (
    AcceptMessage,
    BeginAttempt,
    CancelMessage,
    DeleteAccount,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    RetryMessage,
    SaveAccount,
    UpdateAccount,
)
from actors.ports import Calendar
from wahook.journal import copying, durable, incoming, outgoing, sessions
from wahook.journal.aftermath import Aftermath
from wahook.journal.consequences import Consequences
from wahook.journal.faults import database_faults, describe, is_value_fault
from wahook.journal.mirroring import Mirroring, MirrorPolicy

_log = structlog.get_logger(__name__)


class SqlJournal:
    """Writes the journal. One thread at a time; blocks at most for the engine's deadlines."""

    def __init__(
        self,
        engine: sa.Engine,
        calendar: Calendar,
        consequences: Consequences | None = None,
        mirror: MirrorPolicy | None = None,
    ) -> None:
        self._engine = engine
        self._calendar = calendar
        self._aftermath = Aftermath(consequences)
        self._mirroring = Mirroring(mirror)

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        """Apply all in one transaction and commit to disk; results in the same order.

        The result of an operation that breaks a rule is the DomainError; it has changed nothing. Raises
        JournalError if nothing was written, CommitUncertain if the database failed in the commit itself.
        """
        now = self._calendar()
        with (
            self._aftermath,
            self._mirroring,
            database_faults("writing the journal"),
            self._engine.connect() as connection,
            connection.begin() as transaction,
        ):
            results = [self._apart(connection, operation, now) for operation in operations]
            _commit(transaction)
        return results

    def _apart(self, connection: sa.Connection, operation: JournalOperation, now: datetime) -> object:
        connection.exec_driver_sql("SAVEPOINT operation")
        try:
            before = self._aftermath.before(connection, operation)
            result = _APPLY[type(operation)](connection, operation, now)
            self._aftermath.after(connection, operation, before, result, now)
            self._mirroring.after(connection, operation, result, now)
        except DomainError as error:
            _undo(connection)
            return error
        except Exception as error:
            if not is_value_fault(error):
                raise
            _undo(connection)
            return _explain(connection, operation, error)
        connection.exec_driver_sql("RELEASE SAVEPOINT operation")
        return result


_APPLY: dict[type, Callable[[sa.Connection, Any, datetime], object]] = {
    AcceptMessage: outgoing.accept,
    BeginAttempt: lambda connection, operation, _: outgoing.begin(connection, operation),
    EndAttempt: outgoing.end,
    RecordAck: outgoing.record_ack,
    RecordIncoming: incoming.record,
    SaveAccount: sessions.save,
    UpdateAccount: lambda connection, operation, _: sessions.update(connection, operation),
    DeleteAccount: lambda connection, operation, _: sessions.delete(connection, operation),
    CancelMessage: lambda connection, operation, _: outgoing.cancel(connection, operation),
    RetryMessage: lambda connection, operation, _: outgoing.retry(connection, operation),
    AddDeliveries: durable.add_deliveries,
    EndDelivery: durable.end_delivery,
    ReplayDelivery: durable.replay_delivery,
    AddMail: durable.add_mail,
    EndMail: durable.end_mail,
    ReplayMail: durable.replay_mail,
    AddMirrorChanges: durable.add_changes,
    EndMirrorChanges: durable.end_changes,
    SetAsideMirrorChanges: durable.set_aside,
    RetryMirrorChanges: durable.retry_changes,
    BeginCopy: copying.begin,
    GoOnCopying: copying.go_on,
    ForgetCopies: copying.forget,
    Prune: durable.prune,
}


def _undo(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ROLLBACK TO SAVEPOINT operation")
    connection.exec_driver_sql("RELEASE SAVEPOINT operation")


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except sa.exc.SQLAlchemyError as error:
        # SQLite may keep the transaction open, SQLAlchemy takes it to be over: the next one could not begin.
        transaction.connection.invalidate()
        raise CommitUncertain(f"committing the journal: {describe(error)}") from error


def _explain(connection: sa.Connection, operation: JournalOperation, error: Exception) -> object:
    """Which rule the database upheld for us. Its own words may hold a row's content, so they end here."""
    match operation:
        case AcceptMessage() if isinstance(error, sa.exc.IntegrityError):
            return outgoing.why_not_accepted(connection, operation)
        case RecordIncoming(session_id=session_id) if sessions.find(connection, session_id) is None:
            return RuleBroken("unknown_session", f"there is no session {session_id}")
        case AddDeliveries() if isinstance(error, sa.exc.IntegrityError):
            return RuleBroken("unknown_session", "there is no session for one of the deliveries")
        case _:
            _log.error(
                "journal.value_refused", operation=type(operation).__name__, error=type(error).__name__
            )
            return RuleBroken("bad_value", f"the database cannot hold a value of {type(operation).__name__}")
