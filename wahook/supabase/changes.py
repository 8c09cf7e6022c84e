"""Which changes of the journal the mirror takes over: the rules of the original service. Pure.

| in the journal | in Supabase |
|---|---|
| a code is shown or scanned, a start, a loss that heals | nothing |
| ready | status, phone, profile, connected_at, last_seen, ai_enabled; the error is cleared |
| heartbeat, unless the session was lost or stopped meanwhile | status, last_seen, last_check |
| lost until a human acts, or given up | status `error`, error_message |
| stopped or logged out | status `initializing`, or `error` with the error that it had |
| AI switched on or off for one that was ready once | ai_enabled |
| a message arrived, was changed, deleted for everyone, accepted, sent, read, given up, cancelled | its row |
| deleted | its rows are deleted |
| what there was before the mirror | accounts that were ready once, but their status; messages |

A change says only *what* to take over: values are read when it is shipped, so that a message's text stands
nowhere twice and the newest state wins, however often it changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from actors.durable import BeginCopy, GoOnCopying, MessageName, MirrorChange
from actors.messages import (
    UNSET,
    Accepted,
    AcceptMessage,
    CancelMessage,
    DeleteAccount,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    RetryMessage,
    UpdateAccount,
)
from actors.model import JSON, Account, Direction, IncomingMessage, OutgoingMessage
from actors.page import CHANGES, Arrival

ACCOUNT, MESSAGE, DELETED = "account", "message", "deleted"  # kinds of changes

READY = ("status", "phone_number", "profile_name", "connected_at", "last_seen", "error_message", "ai_enabled")
HEARTBEAT = ("status", "last_seen", "last_check")
_FIXED = ("status", "error_message")
_COPIED = ("phone_number", "profile_name", "connected_at", "last_seen", "last_check", "ai_enabled")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Implements `journal.mirroring.MirrorPolicy`. `outgoing` False: only what arrived, as the original."""

    wake: Callable[[], object]  # any thread
    outgoing: bool = True

    def of(self, operation: JournalOperation, result: object) -> Sequence[MirrorChange]:
        """What follows from an operation that was carried out."""
        match operation, result:
            case UpdateAccount(), Account() as account:
                return _account(account, operation)
            case DeleteAccount(session_id=session_id), True:
                return (MirrorChange(DELETED, session_id, {}),)
            case RecordIncoming(session_id=session_id), tuple() as new:
                rows = dict.fromkeys(row for one in new if (row := _row(one)) is not None)
                return [_message(session_id, row, Direction.IN) for row in rows]
            case BeginCopy(), tuple() as accounts:
                return [_copied(account) for account in accounts]
            case GoOnCopying(), tuple() as names:
                return [_message(*name) for name in self._wanted(names)]
            case _:
                return self._sent(operation, result) if self.outgoing else ()

    def _wanted(self, names: Iterable[MessageName]) -> Iterator[tuple[str, str, Direction]]:
        for name in names:
            direction = Direction(name.direction)
            if self.outgoing or direction is Direction.IN:
                yield name.session_id, name.wa_message_id, direction

    def committed(self) -> None:
        """There is something to ship."""
        self.wake()

    def _sent(self, operation: JournalOperation, result: object) -> tuple[MirrorChange, ...]:
        match operation, result:
            case EndAttempt(spent=False), _:
                return ()  # it only waits on
            case (AcceptMessage(), Accepted(message=row)) | (
                EndAttempt() | RecordAck() | CancelMessage() | RetryMessage(),
                OutgoingMessage() as row,
            ):
                return (_message(row.session_id, row.wa_message_id, Direction.OUT),)
        return ()


def _account(account: Account, operation: UpdateAccount) -> tuple[MirrorChange, ...]:
    columns = _columns(account, operation)
    return (_noted(account, columns),) if columns else ()


def _noted(account: Account, columns: dict[str, JSON]) -> MirrorChange:
    payload: dict[str, JSON] = {"columns": [name for name in columns if name not in _FIXED]}
    payload |= {name: value for name, value in columns.items() if name in _FIXED}
    return MirrorChange(ACCOUNT, account.session_id, payload)


def _copied(account: Account) -> MirrorChange:
    """How it is now is told by what happens next; only of one that lies down nothing will be heard."""
    columns: dict[str, JSON] = dict.fromkeys(_COPIED)
    if not account.desired and account.last_error is not None:
        columns |= {"status": "error", "error_message": account.last_error}
    return _noted(account, columns)


def _columns(account: Account, operation: UpdateAccount) -> dict[str, JSON]:
    """What to write; those in _FIXED with their value, for no column of the journal has it."""
    changes = operation.changes
    known = account.connected_at is not None  # it was ready once: the mirror has a row, or should have
    if _given(changes.connected_at):
        return dict.fromkeys(READY) | {"status": "ready"}
    columns: dict[str, JSON] = {}
    if _given(changes.last_seen) and account.desired and account.last_error is None:  # else it came too late
        columns |= dict.fromkeys(HEARTBEAT) | {"status": "ready"}
    if operation.for_good:
        columns |= {"status": "error", "error_message": account.last_error}
    elif known and changes.desired is False:
        error = account.last_error
        columns |= {"status": "error" if error else "initializing", "error_message": error}
    if known and _given(changes.config):
        columns["ai_enabled"] = None
    return columns


def _given(value: object) -> bool:
    """A column that is written with a value, neither UNSET nor None."""
    return value is not None and value is not UNSET


def _row(one: Arrival) -> str | None:
    """The message whose row is new, or another than before."""
    if isinstance(one, IncomingMessage):
        return one.wa_message_id
    return one.wa_id if one.what in CHANGES and not one.from_me else None


def _message(session_id: str, wa_message_id: str, direction: Direction) -> MirrorChange:
    return MirrorChange(MESSAGE, wa_message_id, {"session": session_id, "direction": direction.value})
