"""A small service around the outbox: real supervision, journal and Valkey; WhatsApp is played by hand."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis import Redis

from actors.errors import SessionNotReady
from actors.events import Event
from actors.journal_writer import JournalWriter
from actors.lane import LaneActor, LaneParts
from actors.messages import (
    Accepted,
    AcceptMessage,
    CloseLane,
    Enqueue,
    OpenLane,
    SaveAccount,
    SendMessage,
    Write,
)
from actors.model import (
    Account,
    Ack,
    OutgoingMessage,
    Priority,
    SendReceipt,
    SessionId,
    SessionStatus,
    SessionView,
)
from actors.ports import WINDOW
from supervision import Actor, BackOff, ChildSpec, Context, SupervisorSpec, System, SystemClock
from wahook.journal import open_journal
from wahook.outbox.connection import connect
from wahook.outbox.courier import Courier, Deadlines
from wahook.outbox.gate import Gate
from wahook.outbox.lane import RqLane
from wahook.outbox.limits import SendLimits
from wahook.outbox.retries import RetryPolicy

DEADLINE = 45.0
HANG, LOST_ACK, CRASH, NOT_READY = "hang", "lost_ack", "crash", "not_ready"
SESSION = SessionId("1", "2")


class Phone:
    """WhatsApp as one session sees it: what was asked, what reached the wire, and the next answers."""

    def __init__(self) -> None:
        self.asked: list[SendMessage] = []
        self.wire: list[str] = []
        self.answers: deque[Any] = deque()
        self.by_body: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.ready = True
        self.changed = threading.Condition()

    def take(self, request: SendMessage) -> Any:
        """The answer to a send, as scripted; by default it goes through."""
        with self.changed:
            self.asked.append(request)
            own = self.by_body[request.message.body]
            answer = own.popleft() if own else (self.answers.popleft() if self.answers else None)
            known = request.may_be_on_wire and request.message.wa_message_id in self.wire
            if answer in {None, LOST_ACK} and not known:
                self.wire.append(request.message.wa_message_id)
            self.changed.notify_all()
        return answer

    def counts(self) -> Counter[str]:
        return Counter(self.wire)

    def bodies(self) -> list[str]:
        """What was asked for, in order."""
        return [request.message.body for request in self.asked]

    def wait(self, condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, deadline), self.bodies()


class ScriptedSession(Actor):
    """Answers SendMessage as its phone is scripted to."""

    def __init__(self, context: Context, phone: Phone) -> None:
        super().__init__(context)
        self._phone = phone

    def handle(self, message: object) -> object:
        if not isinstance(message, SendMessage):
            return super().handle(message)
        if not self._phone.ready:
            raise SessionNotReady("reconnecting")
        match self._phone.take(message):
            case "hang" | "lost_ack":
                self.context.defer_reply()
                return None
            case "crash":
                raise RuntimeError("scripted crash")
            case "not_ready":
                raise SessionNotReady("reconnecting")
            case Exception() as error:
                self.context.defer_reply().fail(error)
                return None
            case Ack() as ack:
                return SendReceipt(message.message.wa_message_id, ack)
        return SendReceipt(message.message.wa_message_id, Ack.SERVER)


class Boards:
    """Where the sessions' states are published."""

    def __init__(self) -> None:
        self.views: dict[str, SessionView] = {}

    def publish(self, view: SessionView) -> None:
        self.views[view.session_id] = view

    def get(self, session_id: str) -> SessionView | None:
        return self.views.get(session_id)

    def show(self, session_id: str, status: SessionStatus) -> None:
        self.publish(SessionView(session_id, status, datetime.now().astimezone()))


@dataclass
class House:
    """Everything of one test. `url` leads to Redis; a lane for each session that `add` was called for."""

    folder: Path
    url: str
    session_rate: str = "1000/second"
    user_rate: str = "1000/second"
    retries: RetryPolicy = field(default_factory=lambda: RetryPolicy(base=0.02, cap=0.1))
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(1.0, look=0.2, journal=5.0, margin=0.3))
    seam: Callable[[str], None] = lambda _: None
    children: Sequence[ChildSpec] = ()
    sweep_every: float = 30.0
    redis_deadline: float = 5.0
    window: int = WINDOW
    phones: defaultdict[str, Phone] = field(default_factory=lambda: defaultdict(Phone))
    events: list[Event] = field(default_factory=list)
    board: Boards = field(default_factory=Boards)
    lanes: dict[str, RqLane] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.redis: Redis = connect(self.url, deadline=self.redis_deadline)
        self.journal = open_journal(f"sqlite:///{self.folder / 'journal.db'}")
        self.limits = SendLimits(self.redis, self.session_rate, self.user_rate)
        self.system = System(
            SupervisorSpec(
                (
                    *self.children,
                    ChildSpec("journal", lambda context: JournalWriter(context, self.journal.writer)),
                    ChildSpec("sessions", SupervisorSpec((), dynamic=True)),
                    ChildSpec("outbox", SupervisorSpec((), dynamic=True)),
                )
            )
        )
        self.system.start(timeout=DEADLINE)

    def close(self) -> None:
        self.system.stop(timeout=DEADLINE)
        self.journal.close()
        self.redis.connection_pool.disconnect()

    # -- sessions and lanes -----------------------------------------------------------------------------

    def add(self, session: SessionId = SESSION, *, is_open: bool = True) -> str:
        """A session with its lane; its name."""
        name = str(session)
        self.write(SaveAccount(Account(name, session.user_id, session.account_id)))
        self.board.show(name, SessionStatus.READY if is_open else SessionStatus.RECONNECTING)
        backoff = BackOff(min=0.02, max=0.2)
        self.start_session(name)
        parts = LaneParts(
            session_id=name,
            make=lambda: self.make_lane(session),
            undone=lambda: self.journal.reader.undone(name, self.window),
            board=self.board,
            sweep_every=self.sweep_every,
        )
        self.start("outbox", ChildSpec(name, lambda c: LaneActor(c, parts), backoff=backoff))
        return name

    def start_session(self, name: str) -> None:
        phone = self.phones[name]
        backoff = BackOff(min=0.02, max=0.2)
        self.start("sessions", ChildSpec(name, lambda c: ScriptedSession(c, phone), backoff=backoff))

    def start(self, parent: str, spec: ChildSpec) -> None:
        self.system.start_child(parent, spec, by="test").result(DEADLINE)

    def make_lane(self, session: SessionId) -> RqLane:
        def courier(gate: Gate) -> Courier:
            return Courier(
                session=self.system.handle(f"sessions/{session}"),
                journal=self.system.handle("journal"),
                announce=self.events.append,
                ask=gate.ask,
                pause=gate.pause,
                rng=random.Random(7),
                retries=self.retries,
                deadlines=self.deadlines,
                seam=self.pass_seam,
                row=self.journal.reader.message,
            )

        self.lanes[str(session)] = lane = RqLane(
            str(session),
            session.user_id,
            connection=self.redis,
            limits=self.limits,
            courier=courier,
            clock=self.clock,
            seam=self.pass_seam,
            window=self.window,
        )
        return lane

    def pass_seam(self, name: str) -> None:
        """The fault point that the test has set at this moment."""
        self.seam(name)

    def tell(self, message: object, session: str = str(SESSION)) -> None:
        assert self.system.handle(f"outbox/{session}").tell(message)

    def open(self, session: str = str(SESSION)) -> None:
        self.board.show(session, SessionStatus.READY)
        self.tell(OpenLane(), session)

    def shut(self, session: str = str(SESSION)) -> None:
        self.board.show(session, SessionStatus.RECONNECTING)
        self.tell(CloseLane(), session)

    # -- messages ---------------------------------------------------------------------------------------

    def write(self, operation: Any) -> Any:
        return self.system.handle("journal").ask(Write(operation), DEADLINE)

    def accept(
        self,
        body: str,
        *,
        session: str = str(SESSION),
        priority: Priority = Priority.DEFAULT,
        send_at: datetime | None = None,
    ) -> OutgoingMessage:
        """Take a message into the journal, and not yet into a queue."""
        wanted = OutgoingMessage(
            message_id=f"msg_{uuid4().hex}",
            session_id=session,
            to="4915112345",
            body=body,
            wa_message_id=f"3EB0{uuid4().hex[:18].upper()}",
            priority=priority,
            content_hash=uuid4().hex,
            send_at=send_at,
        )
        accepted = self.write(AcceptMessage(wanted, None))
        assert isinstance(accepted, Accepted)
        return accepted.message

    def send(self, body: str, **more: Any) -> OutgoingMessage:
        """Accept and enqueue."""
        row = self.accept(body, **more)
        self.tell(Enqueue(row), row.session_id)
        return row

    def row(self, message: OutgoingMessage) -> OutgoingMessage:
        found = self.journal.reader.message(message.message_id)
        assert found is not None
        return found

    def phone(self, session: str = str(SESSION)) -> Phone:
        return self.phones[session]


@contextmanager
def living(house: House) -> Iterator[House]:
    try:
        yield house
    finally:
        house.close()
