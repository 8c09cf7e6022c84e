"""A small honest service behind the edge: sessions and messages in memory, a real supervision tree."""

import asyncio
import base64
import contextlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from actors.errors import DeadlinePassed, RuleBroken, SessionNotReady
from actors.messages import Accepted, AlreadyAccepted, Duplicate
from actors.model import (
    Account,
    Direction,
    IncomingMessage,
    MessageStatus,
    NumberStatus,
    OutgoingMessage,
    SessionConfig,
    SessionId,
    SessionStatus,
    SessionView,
)
from supervision import Actor, BackOff, ChildSpec, NotFound, SupervisorSpec, System
from wahook.edge.ports import Draft, Health, Refused, SessionResource
from wahook.journal.stored import MessagePage, Received

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CODE = "2@" + "AbCdEfGh0123456789/+" * 8 + ",key,identity,advertisement,1"


class Sessions:
    """Rows by id; `put` sets the live side as a session actor would publish it."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.views: dict[str, SessionView] = {}
        self.acts: list[tuple[str, str, str]] = []
        self.broken: Exception | None = None

    def put(self, session_id: str, status: SessionStatus, **fields) -> SessionResource:
        self.views[session_id] = SessionView(session_id, status, datetime.now(UTC), **fields)
        return self._resource(session_id)

    def add(self, user: str, account: str, status: SessionStatus = SessionStatus.READY, **fields) -> str:
        session_id = str(SessionId(user, account))
        self.accounts[session_id] = Account(session_id, user, account, created_at=datetime.now(UTC))
        self.put(session_id, status, **fields)
        return session_id

    def _resource(self, session_id: str) -> SessionResource:
        if session_id not in self.accounts:
            raise RuleBroken("unknown_session", "there is no such session")
        if self.broken is not None:
            raise self.broken
        view = self.views.get(session_id)
        return SessionResource(
            self.accounts[session_id], view, view.status if view else SessionStatus.STOPPED
        )

    def owner(self, session_id: str) -> str | None:
        account = self.accounts.get(session_id)
        return account.user_id if account else None

    async def create(self, session: SessionId, config: SessionConfig) -> tuple[SessionResource, bool]:
        known = self.accounts.get(str(session))
        if known is not None and known.user_id != session.user_id:
            raise RuleBroken("session_taken", "these ids name a session of somebody else")
        if known is None:
            self.add(session.user_id, session.account_id, SessionStatus.INITIALIZING)
            self.accounts[str(session)] = replace(self.accounts[str(session)], config=config)
        return self._resource(str(session)), known is None

    async def configure(self, session_id: str, config: SessionConfig) -> SessionResource:
        self._resource(session_id)
        self.accounts[session_id] = replace(self.accounts[session_id], config=config)
        return self._resource(session_id)

    async def all(self) -> list[SessionResource]:
        return [self._resource(each) for each in self.accounts]

    async def get(self, session_id: str) -> SessionResource:
        return self._resource(session_id)

    async def awake(self, session_id: str) -> SessionResource:
        return self._resource(session_id)

    async def _act(self, verb: str, session_id: str, by: str, status: SessionStatus) -> SessionResource:
        self._resource(session_id)
        self.acts.append((verb, session_id, by))
        return self.put(session_id, status)

    async def start(self, session_id: str, by: str) -> SessionResource:
        return await self._act("start", session_id, by, SessionStatus.INITIALIZING)

    async def stop(self, session_id: str, by: str) -> SessionResource:
        return await self._act("stop", session_id, by, SessionStatus.STOPPED)

    async def restart(self, session_id: str, by: str) -> SessionResource:
        return await self._act("restart", session_id, by, SessionStatus.INITIALIZING)

    async def logout(self, session_id: str, by: str) -> SessionResource:
        return await self._act("logout", session_id, by, SessionStatus.STOPPED)

    async def delete(self, session_id: str, by: str) -> None:
        self._resource(session_id)
        self.acts.append(("delete", session_id, by))
        del self.accounts[session_id]
        self.views.pop(session_id, None)

    def _ready(self, session_id: str) -> None:
        if self._resource(session_id).status is not SessionStatus.READY:
            raise SessionNotReady(f"the session is {self._resource(session_id).status.value}")

    async def pairing_code(self, session_id: str, phone_number: str) -> str:
        if self._resource(session_id).status is not SessionStatus.QR:
            raise SessionNotReady("the session is not waiting to be linked")
        return "ABCD1234"

    async def screenshot(self, session_id: str) -> bytes:
        self._ready(session_id)
        return PIXEL

    async def number_status(self, session_id: str, number: str) -> NumberStatus:
        self._ready(session_id)
        return NumberStatus(exists=not number.startswith("999"), id=f"{number}@c.us", name="Ana")


class Messages:
    """Rows by id, with the journal's rules."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._numbers = itertools.count(1)
        self.rows: dict[str, OutgoingMessage] = {}
        self.received: list[Received] = []
        self.settled: dict[str, asyncio.Event] = {}
        self.hang = False
        self.held_until: dict[str, datetime] = {}
        self.batches: dict[str, list[str]] = {}
        self.drafts: list[Draft] = []

    async def accept(self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool):
        await self._sessions.get(session_id)
        self.drafts.append(draft)
        if self.hang:
            raise DeadlinePassed("the journal did not answer")
        same = [
            row
            for row in self.rows.values()
            if row.session_id == session_id and (row.to, row.body) == (draft.to, draft.body)
        ]
        keyed = [
            row for row in self.rows.values() if row.session_id == session_id and row.idempotency_key == key
        ]
        if key is not None and keyed:
            if keyed[0] not in same:
                raise RuleBroken("key_reused", "this Idempotency-Key was used for another message")
            return AlreadyAccepted(keyed[0])
        if same and not allow_duplicate:
            return Duplicate(same[0])
        number = next(self._numbers)
        row = OutgoingMessage(
            f"msg_{number:032x}",
            session_id,
            draft.to,
            draft.body,
            f"3EB0{number:018X}",
            type=draft.type,
            content=draft.content,
            typing=draft.typing,
            priority=draft.priority,
            status=MessageStatus.SCHEDULED if draft.send_at else MessageStatus.QUEUED,
            idempotency_key=key,
            created_at=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=number),
            send_at=draft.send_at,
        )
        self.rows[row.message_id] = row
        return Accepted(row)

    async def accept_many(self, session_id: str, drafts, *, key: str | None):
        outcomes = []
        for index, (draft, may_repeat) in enumerate(drafts):
            one = key and f"{key}:{index}"
            answer = await self.accept(session_id, draft, key=one, allow_duplicate=may_repeat)
            if isinstance(answer, Duplicate):
                outcomes.append(Refused("duplicate", "the same went there", answer.earlier.message_id))
            else:
                self.batches.setdefault("batch_" + "0" * 32, []).append(answer.message.message_id)
                outcomes.append(answer.message)
        return "batch_" + "0" * 32, outcomes

    async def batch(self, session_id: str, batch_id: str):
        if batch_id not in self.batches:
            raise RuleBroken("unknown_batch", "there is no such bulk send")
        return [self.rows[message_id] for message_id in self.batches[batch_id]]

    def settle(self, message_id: str, status: MessageStatus) -> None:
        self.rows[message_id] = replace(self.rows[message_id], status=status)
        self.settled.setdefault(message_id, asyncio.Event()).set()

    async def not_before(self, message: OutgoingMessage) -> datetime | None:
        return self.held_until.get(message.message_id)

    async def outcome(self, message_id: str, seconds: float) -> OutgoingMessage:
        event = self.settled.setdefault(message_id, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        return self.rows[message_id]

    def receive(self, session_id: str, body: str, sender: str = "491700000003") -> Received:
        number = next(self._numbers)
        at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=number)
        message = IncomingMessage(
            f"IN{number}", f"{sender}@c.us", sender, body, "chat", int(at.timestamp()), sender_name="Ana"
        )
        self.received.append(Received(message, session_id, at))
        return self.received[-1]

    async def page(self, session_id: str, *, direction: Direction | None, limit: int, cursor: str | None):
        await self._sessions.get(session_id)
        if cursor is not None and not cursor.isdigit():
            raise RuleBroken("bad_cursor", "this cursor is not one of ours")
        both = [
            *((row.created_at, row) for row in self.rows.values() if direction is not Direction.IN),
            *((each.received_at, each) for each in self.received if direction is not Direction.OUT),
        ]
        mine = [
            row
            for _, row in sorted(both, key=lambda pair: pair[0], reverse=True)
            if row.session_id == session_id
        ]
        first = int(cursor or 0)
        rest = len(mine) > first + limit
        return MessagePage(mine[first : first + limit], str(first + limit) if rest else None)

    async def get(self, session_id: str, named: str) -> OutgoingMessage | Received:
        for each in self.received:
            if (each.session_id, each.message.wa_message_id) == (session_id, named):
                return each
        return await self._own(session_id, named)

    async def _own(self, session_id: str, message_id: str) -> OutgoingMessage:
        await self._sessions.get(session_id)
        row = self.rows.get(message_id)
        if row is None or row.session_id != session_id:
            raise RuleBroken("unknown_message", "there is no such message")
        return row

    async def _move(self, session_id: str, message_id: str, source: MessageStatus, target: MessageStatus):
        row = await self._own(session_id, message_id)
        if row.status is not source:
            raise RuleBroken("wrong_state", f"the message is {row.status.value}")
        self.rows[message_id] = replace(row, status=target)
        return self.rows[message_id]

    async def cancel(self, session_id: str, message_id: str) -> OutgoingMessage:
        return await self._move(session_id, message_id, MessageStatus.QUEUED, MessageStatus.CANCELLED)

    async def retry(self, session_id: str, message_id: str) -> OutgoingMessage:
        return await self._move(session_id, message_id, MessageStatus.FAILED, MessageStatus.QUEUED)


class Worker(Actor):
    """Crashes when told to."""

    def handle(self, message: object) -> object:
        if message == "crash":
            raise ConnectionError("cable loose")
        return message


class Operations:
    """A real tree: `steady`, and under `sessions` the child `user_1_wa_1` with a back-off of an hour."""

    def __init__(self) -> None:
        slow = BackOff(min=3600, max=3600)
        worker = ChildSpec("user_1_wa_1", Worker, backoff=slow)
        root = SupervisorSpec((ChildSpec("steady", Worker), ChildSpec("sessions", SupervisorSpec((worker,)))))
        self.system = System(root, name="wahook")
        self.well = True

    def snapshot(self, *, depth, states, order="urgency"):
        return self.system.snapshot(depth=depth, states=states or (), order=order)

    def transitions(self):
        return self.system.transitions

    def subscribe(self, listener):
        return self.system.subscribe(listener)

    async def act(self, verb: str, path: str, by: str) -> None:
        verbs = {
            "restart": self.system.restart,
            "stop": self.system.terminate_child,
            "start": self.system.restart_child,
            "retry": self.system.retry,
        }
        await verbs[verb](path, by=by)

    async def health(self) -> Health:
        fields = {
            "status": "healthy" if self.well else "unhealthy",
            "uptime": 1.5,
            "memory": {"rss": 1},
            "whatsapp": {"activeSessions": 0, "readySessions": 0, "initializingSessions": 0},
            "redis": {"connected": self.well, "ping": 0.1},
            "supabase": {"connected": False},
        }
        return Health(self.well, fields, {"database": {"connected": self.well}})


__all__ = ["CODE", "Messages", "NotFound", "Operations", "Sessions"]
