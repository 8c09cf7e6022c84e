"""The journal's rules once more, in the simplest way to say them: dictionaries, no database, no sharing."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from actors.errors import RuleBroken
from actors.messages import (
    Accepted,
    AcceptMessage,
    AlreadyAccepted,
    BeginAttempt,
    CancelMessage,
    DeleteAccount,
    Duplicate,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    RetryMessage,
    SaveAccount,
    Unset,
    UpdateAccount,
)
from actors.model import Account, Ack, IncomingMessage, MessageStatus, OutgoingMessage
from actors.page import Arrival, Noticed

PROVED = [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ]


@dataclass
class Model:
    """What a journal should hold and answer. `out` is in the order of acceptance."""

    accounts: dict[str, Account] = field(default_factory=dict)
    out: dict[str, OutgoingMessage] = field(default_factory=dict)
    received: dict[tuple[str, str], IncomingMessage] = field(default_factory=dict)

    def apply(self, operation: JournalOperation, now: datetime) -> object:  # noqa: C901 - one line each
        """The expected result; of a broken rule its code."""
        match operation:
            case AcceptMessage(message=message, duplicate_window=window):
                return self._accept(message, window, now)
            case BeginAttempt(message_id=key):
                return self._begin(key)
            case EndAttempt(message_id=key):
                return self._end(key, operation, now)
            case RecordAck(session_id=session, wa_message_id=wa_id, ack=ack):
                return self._ack(session, wa_id, ack, now)
            case RecordIncoming(session_id=session, messages=messages, missed_since=since):
                return self._incoming(session, messages, since)
            case SaveAccount(account=account):
                stored = self.accounts.get(account.session_id)
                self.accounts.setdefault(account.session_id, replace(account, created_at=now))
                return self.accounts[account.session_id], stored is None
            case UpdateAccount():
                return self._update(operation)
            case DeleteAccount(session_id=session):
                return self._delete(session)
            case CancelMessage(message_id=key):
                return self._cancel(key)
            case RetryMessage(message_id=key):
                return self._retry(key)

    def _accept(self, message: OutgoingMessage, window: float | None, now: datetime) -> object:  # noqa: C901
        if message.session_id not in self.accounts:
            return "unknown_session"
        mine = [one for one in self.out.values() if one.session_id == message.session_id]
        for one in mine:
            if message.idempotency_key and one.idempotency_key == message.idempotency_key:
                if now - one.created_at >= timedelta(hours=24):  # type: ignore[operator]
                    continue
                same = (one.to, one.content_hash) == (message.to, message.content_hash)
                return AlreadyAccepted(one) if same else "key_reused"
        for one in reversed(mine):
            recent = window and now - one.created_at < timedelta(seconds=window)  # type: ignore[operator]
            if (one.to, one.content_hash) == (message.to, message.content_hash) and recent:
                if one.status in (MessageStatus.FAILED, MessageStatus.CANCELLED):
                    continue
                return AlreadyAccepted(one) if one.message_id == message.message_id else Duplicate(one)
        if (known := self.out.get(message.message_id)) is not None:
            ours = (known.session_id, known.to, known.content_hash)
            if ours == (message.session_id, message.to, message.content_hash):
                return AlreadyAccepted(known)
        if known is not None or any(one.wa_message_id == message.wa_message_id for one in mine):
            return "id_taken"
        for one in mine:
            if message.idempotency_key and one.idempotency_key == message.idempotency_key:
                self.out[one.message_id] = replace(one, idempotency_key=None)
        later = message.send_at is not None and message.send_at > now
        status = MessageStatus.SCHEDULED if later else MessageStatus.QUEUED
        self.out[message.message_id] = replace(message, status=status, created_at=now)
        return Accepted(self.out[message.message_id])

    def _begin(self, key: str) -> object:
        row = self.out.get(key)
        if row is None or row.status not in ("queued", "scheduled", "sending"):
            return None
        attempts = row.attempts + 1
        self.out[key] = replace(row, status=MessageStatus.SENDING, attempts=attempts, may_be_on_wire=True)
        return row

    def _end(self, key: str, outcome: EndAttempt, now: datetime) -> object:
        row = self.out.get(key)
        if row is None:
            return None
        if outcome.status in PROVED or outcome.ack > 0:
            self._prove(row, outcome.status, outcome.ack, now)
        elif row.status == "sending":
            attempts = row.attempts - (0 if outcome.spent else 1)
            self.out[key] = replace(row, status=outcome.status, error=outcome.error, attempts=attempts)
        return self.out[key]

    def _ack(self, session: str, wa_id: str, ack: Ack, now: datetime) -> object:
        for row in self.out.values():
            if (row.session_id, row.wa_message_id) == (session, wa_id) and ack > max(row.ack, 0):
                return self._prove(row, ack.status, ack, now)
        return None

    def _prove(self, row: OutgoingMessage, status: MessageStatus, ack: Ack, now: datetime) -> OutgoingMessage:
        levels = [one for one in PROVED if one in (row.status, status, ack.status)]
        after = replace(row, status=levels[-1], ack=max(row.ack, ack), error=None, sent_at=row.sent_at or now)
        self.out[row.message_id] = after
        return after

    def _incoming(self, session: str, arrivals: tuple[Arrival, ...], since: int | Unset | None) -> object:
        if session not in self.accounts:
            return "unknown_session" if arrivals else ()
        row = self.accounts[session]
        if not isinstance(since, Unset):
            if since is not None and row.missed_since is not None:
                since = min(since, row.missed_since)
            self.accounts[session] = replace(row, missed_since=since)
        return tuple(one for one in arrivals if self._is_new(session, one))

    def _is_new(self, session: str, one: Arrival) -> bool:
        if isinstance(one, IncomingMessage):
            return self.received.setdefault((session, one.wa_message_id), one) is one
        row = self.received.get((session, one.wa_id))
        if one.what not in (Noticed.EDITED, Noticed.REVOKED):
            return True
        if row is None:
            return not one.found
        if row.type == "revoked" or (one.what is Noticed.EDITED and row.body == one.body):
            return False
        deleted = replace(row, type="revoked", body="", has_media=False)
        changed = replace(row, body=one.body)
        self.received[session, one.wa_id] = changed if one.what is Noticed.EDITED else deleted
        return True

    def _update(self, operation: UpdateAccount) -> object:
        if operation.session_id not in self.accounts:
            return None
        given = {one.name: getattr(operation.changes, one.name) for one in fields(operation.changes)}
        named = {name: value for name, value in given.items() if repr(value) != "UNSET"}
        self.accounts[operation.session_id] = replace(self.accounts[operation.session_id], **named)
        return self.accounts[operation.session_id]

    def _delete(self, session: str) -> object:
        self.out = {key: one for key, one in self.out.items() if one.session_id != session}
        self.received = {key: one for key, one in self.received.items() if key[0] != session}
        return self.accounts.pop(session, None) is not None

    def _cancel(self, key: str) -> object:
        row = self.out.get(key)
        if row is None:
            return None
        if row.status not in ("queued", "scheduled", "failed", "cancelled"):
            return "wrong_state"
        self.out[key] = replace(row, status=MessageStatus.CANCELLED)
        return self.out[key]

    def _retry(self, key: str) -> object:
        row = self.out.get(key)
        if row is None:
            return None
        if row.status != "failed":
            return "wrong_state"
        self.out[key] = replace(row, status=MessageStatus.QUEUED, attempts=0, error=None)
        return self.out[key]


def comparable(result: object) -> object:
    """A broken rule as its code."""
    return result.code if isinstance(result, RuleBroken) else result
