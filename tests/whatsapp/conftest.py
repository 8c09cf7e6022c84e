"""Clients on real browsers, a simulator each module, and an ear for page events."""

import itertools
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from actors.errors import SendFailed
from actors.messages import PageEvent, QrShown, StateChanged
from actors.model import Ack, OutgoingMessage
from wahook.loop import LoopThread
from wahook.processes import sweep
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.factory import Browsers
from wahook.whatsapp.plan import Deadlines

E = TypeVar("E", bound=PageEvent)
DEADLINE = 40.0
numbers = itertools.count(1)


class Ear:
    """What a client emitted, with waits instead of sleeps."""

    def __init__(self) -> None:
        self.events: list[PageEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: PageEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(
        self,
        kind: type[E],
        when: Callable[[E], bool] = lambda _: True,
        *,
        after: int = 0,
        deadline: float = DEADLINE,
    ) -> E:
        """The first event of this kind, from index `after` on, for which `when` holds."""

        def found() -> list[E]:
            return [event for event in self.events[after:] if isinstance(event, kind) and when(event)]

        with self._changed:
            assert self._changed.wait_for(found, deadline), f"no such {kind.__name__} among {self.kinds()}"
            return found()[0]

    def connected(self, after: int = 0) -> StateChanged:
        return self.wait(StateChanged, lambda event: event.state.connected, after=after)

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class Phones:
    """The simulator's control API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, number: str, act: str, **body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the simulator
            f"{self.url}/sim/phones/{number}/{act}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def ledger(self, message_id: str) -> dict[str, Any] | None:
        with urllib.request.urlopen(f"{self.url}/sim/ledger", timeout=30) as answer:  # noqa: S310
            return next((entry for entry in json.load(answer) if entry["id"] == message_id), None)

    def kept(self, number: str, message_id: str) -> dict[str, Any]:
        """A message as the server keeps it for this account."""
        url = f"{self.url}/sim/phones/{number}/messages/{message_id}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def on_wire(self, message_id: str, deadline: float = DEADLINE) -> dict[str, Any]:
        """Wait until a message has reached the server; its entry in the ledger."""
        found: dict[str, Any] = self.until("it is on the wire", lambda: self.ledger(message_id), deadline)
        return found

    def settle(self, number: str, deadline: float = DEADLINE) -> None:
        """Wait until the number's page is connected; another process's state can only be asked for."""

        def connected() -> bool:
            with urllib.request.urlopen(f"{self.url}/sim/phones/{number}", timeout=30) as answer:  # noqa: S310
                return bool(json.load(answer)["connected"])

        self.until(f"{number} is connected", connected, deadline)

    def until(self, what: str, probe: Callable[[], Any], deadline: float = DEADLINE) -> Any:
        """The first true answer of a question to the simulator, asked often."""
        ends = time.monotonic() + deadline
        while not (found := probe()):
            assert time.monotonic() < ends, f"not within {deadline:g} s: {what}"
            time.sleep(0.02)
        return found

    def write(self, to: str, text: str, **more: Any) -> str:
        return str(self.post(to, "messages", **{"from": "491700000003", "text": text, **more})["id"])


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def simulator(options: dict[str, Any]) -> Iterator[SimulatorThread]:
    with SimulatorThread(**{"sync_delay": 0.3, "delivery_after": 0.02, **options}) as running:
        yield running


@pytest.fixture(scope="module")
def phones(simulator: SimulatorThread) -> Phones:
    return Phones(simulator.url)


@pytest.fixture(scope="module")
def browsers(simulator: SimulatorThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    loop = LoopThread("test-whatsapp-loop")
    loop.start()
    settings = Settings(data=tmp_path_factory.mktemp("data"), whatsapp_url=simulator.url)
    made = replace(Browsers.from_settings(settings, loop), deadlines=Deadlines(open=30, call=20, close=5))
    if made.driver is not None:
        made.driver.start(lambda _: None).result(30)
    yield made
    if made.driver is not None:
        made.driver.stop().result(30)
    assert loop.stop(20)
    assert sweep(made.owner) == [], "a process was left behind"


class Session:
    """A client with its profile and phone."""

    def __init__(self, browsers: Browsers, phones: Phones, profile: Path, number: str, **plan: Any) -> None:
        self.number = number
        self.profile = profile
        self.phones = phones
        self.client: PageClient = browsers.client(f"user_{number}_wa_1", profile, **plan)
        self.ear = Ear()
        self.incarnation = 0

    def open(self) -> Ear:
        self.incarnation += 1
        self.ear = Ear()
        self.client.open(self.incarnation, self.ear).result(60)
        return self.ear

    def link(self) -> Ear:
        """Open, scan, connected and synced: the login is on disk."""
        ear = self.open()
        self.phones.post(self.number, "scan", code=ear.wait(QrShown).code)
        ear.connected()
        return ear

    def message(self, body: str = "hello", to: str = "491700000003") -> OutgoingMessage:
        wa_id = f"3EB0{time.time_ns():018X}"[-22:]
        return OutgoingMessage(f"msg_{wa_id}", "s", to, body, wa_id)

    def refused_and_sent(self, message: OutgoingMessage, *, reject: bool) -> None:
        """WhatsApp does not take it the first time and does the second: it went out once."""
        self.phones.post(self.number, "faults", kind="send_error", reject=reject)
        with pytest.raises(SendFailed):
            self.client.send(message, 30).result(31)
        assert self.client.send(message, 30).result(31).ack >= Ack.SERVER
        entry = self.phones.ledger(message.wa_message_id)
        assert entry is not None
        assert entry["count"] == 1


@pytest.fixture
def new_session(browsers: Browsers, phones: Phones, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    made: list[Session] = []

    def make(**plan: Any) -> Session:
        count = next(numbers)
        made.append(Session(browsers, phones, tmp_path / f"p{count}", f"4917100{count:05}", **plan))
        return made[-1]

    yield make
    with closing_all(made):
        pass
    for session in made:
        assert not list(session.profile.glob("Singleton*")), "a lock was left behind"


@contextmanager
def closing_all(sessions: list[Session]) -> Iterator[None]:
    yield
    for future in [session.client.close() for session in sessions]:
        future.result(40)


@pytest.fixture
def session(new_session: Callable[..., Session]) -> Session:
    return new_session()


@pytest.fixture(scope="module")
def linked(browsers: Browsers, phones: Phones, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One that is connected, for tests that do it no harm."""
    session = Session(browsers, phones, tmp_path_factory.mktemp("linked"), "491720000001")
    session.link()
    yield session
    session.client.close().result(40)
