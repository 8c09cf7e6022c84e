"""The ports of a session, played by hand: futures that a test settles, and lists of what was said."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from actors import session_state
from actors.keepalive import KeepaliveParts
from actors.messages import (
    UNSET,
    CloseLane,
    Journaled,
    OpenLane,
    RecordAck,
    RecordIncoming,
    UpdateAccount,
    Write,
)
from actors.model import (
    Account,
    CaughtUp,
    IncomingMessage,
    OutgoingMessage,
    PageState,
    SessionStatus,
    SessionView,
)
from actors.session import SessionActor
from actors.session_parts import SessionMemory, SessionParts, classify
from actors.slots import LaunchSlots
from supervision import Actor, BackOff, ChildSpec, Jitter, Restart, SupervisorSpec

ID = "user_1_wa_2"
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
CONNECTED = PageState(True, "MAIN", "CONNECTED", phone_number="491", profile_name="Ann")
OPENING = PageState(True, "MAIN", "OPENING")


def done(result=None, error=None):
    future = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


class HandClient:
    """A WhatsAppClient whose answers are given by hand; closing and killing work at once."""

    def __init__(self):
        self.calls = []
        self.futures = {}
        self.presets = {}
        self.emit = None

    pids = (4711,)

    def open(self, incarnation, emit):
        self.emit = emit
        return self._call("open", incarnation)

    def close(self):
        self.calls.append(("close",))
        self.emit = None
        return done()

    def kill(self):
        self.calls.append(("kill",))

    def _call(self, name, *args):
        self.calls.append((name, *args))
        if name in self.presets:
            return self.presets[name]()
        self.futures.setdefault(name, []).append(Future())
        return self.futures[name][-1]

    def state(self, deadline):
        return self._call("state")

    def send(self, message, deadline):
        return self._call("send", message.wa_message_id)

    def ask(self, call, arguments, deadline):
        return self._call("ask", call, arguments)

    def find_sent(self, message, deadline):
        return self._call("find_sent", message.wa_message_id)

    def recent_incoming(self, since, deadline):
        return self._call("recent_incoming", since)

    def number_status(self, number, deadline):
        return self._call("number_status", number)

    def pairing_code(self, phone_number, deadline):
        return self._call("pairing_code", phone_number)

    def send_presence(self, deadline):
        return self._call("send_presence")

    def simulate_activity(self, deadline):
        return self._call("simulate_activity")

    def settle(self, deadline):
        return self._call("settle") if "settle" in self.presets else done()

    def screenshot(self, deadline):
        return self._call("screenshot")

    def logout(self, deadline):
        return self._call("logout")

    def names(self):
        return [call[0] for call in self.calls]


class HandBoard:
    def __init__(self):
        self.views = {}
        self.statuses = []

    def publish(self, view):
        self.views[view.session_id] = view
        if not self.statuses or self.statuses[-1] != str(view.status):
            self.statuses.append(str(view.status))

    def get(self, session_id):
        return self.views.get(session_id)


class HandProfiles:
    def __init__(self):
        self.discarded = []

    def discard(self, session_id):
        self.discarded.append(session_id)


class Writer(Actor):
    """Journals into lists; knows what it had, as the real one does."""

    def __init__(self, context, world):
        super().__init__(context)
        self.world = world

    def handle(self, message):
        assert isinstance(message, Write)
        if self.world.writer_deaf:
            return
        self.world.written.append(message.operation)
        if message.reply_to:
            self.context.lookup(message.reply_to).tell(
                Journaled(message.correlation, self.result(message.operation))
            )

    def result(self, operation):
        match operation:
            case RecordIncoming(messages=messages):
                new = tuple(one for one in messages if _id(one) not in self.world.known)
                self.world.known |= {_id(one) for one in messages}
                self.world.caught_up = _caught_up(self.world.caught_up, operation)
                return new
            case RecordAck(wa_message_id=wa_message_id, ack=ack):
                if wa_message_id in self.world.ours:
                    return OutgoingMessage(
                        "msg_1", ID, "492", "hi", wa_message_id, status=ack.status, ack=ack
                    )
        return None


def _caught_up(before, operation):
    stamps = [one.timestamp for one in operation.messages if isinstance(one, IncomingMessage)]
    missed = before.missed_since if operation.missed_since is UNSET else operation.missed_since
    return replace(before, newest=max(before.newest, *stamps, 0), missed_since=missed)


def _id(one):
    return one.wa_message_id if isinstance(one, IncomingMessage) else (one.what, one.wa_id, one.mark)


class LaneLog(Actor):
    def __init__(self, context, world):
        super().__init__(context)
        self.world = world

    def handle(self, message):
        self.world.lane.append("open" if isinstance(message, OpenLane) else "close")
        assert isinstance(message, OpenLane | CloseLane)


@dataclass
class World:
    """A session with everything around it, on virtual time."""

    tree: object
    client: HandClient = field(default_factory=HandClient)
    board: HandBoard = field(default_factory=HandBoard)
    profiles: HandProfiles = field(default_factory=HandProfiles)
    slots: LaunchSlots = field(default_factory=lambda: LaunchSlots(1))
    memory: SessionMemory = field(default_factory=SessionMemory)
    events: list = field(default_factory=list)
    written: list = field(default_factory=list)
    known: set = field(default_factory=set)
    ours: set = field(default_factory=set)
    lane: list = field(default_factory=list)
    writer_deaf: bool = False
    caught_up: CaughtUp = field(default_factory=CaughtUp)
    account: Account = field(default_factory=lambda: Account(ID, "1", "2", created_at=CREATED))

    def calendar(self):
        return self.tree.runtime.virtual_clock.now()

    def parts(self):
        return SessionParts(
            account=self.account,
            client=self.client,
            policy=session_state.Policy(qr_limit=2),
            announce=self.events.append,
            board=self.board,
            calendar=self.calendar,
            profiles=self.profiles,
            slots=self.slots,
            memory=self.memory,
            caught_up=lambda: self.caught_up,
            writer_path="writer",
            lane_path="lane",
            call_deadline=10,
            stop_deadline=10,
        )

    def keepalive(self):
        return KeepaliveParts(
            session_id=ID,
            client=self.client,
            board=self.board,
            calendar=self.calendar,
            session_path="session",
            writer_path="writer",
            call_deadline=10,
            heartbeat_interval=120,
            watchdog_interval=60,
            activity_interval=30,
        )

    def start(self, *more):
        backoff = BackOff(min=2, max=60, jitter=Jitter(1, 1), reset_from="healthy")
        session = ChildSpec(
            "session",
            partial(SessionActor, parts=self.parts()),
            restart=Restart.TRANSIENT,
            backoff=backoff,
            classify=classify,
            shutdown=20,
        )
        writer = ChildSpec("writer", partial(Writer, world=self))
        lane = ChildSpec("lane", partial(LaneLog, world=self))
        self.tree.start(SupervisorSpec((writer, lane, session, *more)))

    def page(self, event):
        self.client.emit(event)
        self.tree.settle()

    def answer(self, name, result=None, error=None):
        future = self.client.futures[name].pop(0)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        self.tree.settle()

    def operations(self, kind):
        return [operation for operation in self.written if isinstance(operation, kind)]

    def names(self):
        return [event.name for event in self.events]

    @property
    def view(self) -> SessionView:
        return self.board.views[ID]

    @property
    def status(self) -> SessionStatus:
        return self.view.status

    def saved(self):
        return [operation.changes for operation in self.operations(UpdateAccount)]
