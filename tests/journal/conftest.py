"""An open journal on each database, empty for each test, with a calendar that the test turns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from actors.messages import JournalOperation, SaveAccount
from actors.model import Account, IncomingMessage, OutgoingMessage
from wahook.journal import OpenedJournal, open_journal
from wahook.journal.schema import metadata

from . import postgres

SESSION, OTHER = "user_1_wa_1", "user_2_wa_2"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class TurnedCalendar:
    """Stands still until it is turned."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A journal under test and the calendar it lives by."""

    journal: OpenedJournal
    calendar: TurnedCalendar = field(default_factory=TurnedCalendar)

    def write(self, *operations: JournalOperation) -> list[object]:
        """All in one batch."""
        return self.journal.writer.write(operations)

    def one(self, operation: JournalOperation) -> object:
        """One alone."""
        return self.write(operation)[0]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    found = postgres.binaries()
    if found is None:
        pytest.skip("PostgreSQL's binaries are not installed (Debian: postgresql)")
    running = postgres.Server(found)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One journal per database for the whole run."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('journal')}/wahook.db"
    else:
        url = request.getfixturevalue("server").create(f"shared_{uuid4().hex}")
    calendar = TurnedCalendar()
    with open_journal(url, calendar=calendar) as journal:
        yield Bench(journal, calendar)


def empty(journal: OpenedJournal) -> None:
    """Remove every row."""
    with journal.engines.write.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))


@pytest.fixture
def bench(opened: Bench) -> Bench:
    """Empty but for two sessions, at noon."""
    empty(opened.journal)
    opened.calendar.now = NOON
    opened.write(*(SaveAccount(account(session)) for session in (SESSION, OTHER)))
    return opened


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/wahook.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whoever uses a journal is tested on both databases."""
    if "opened" in metafunc.fixturenames:
        metafunc.parametrize("opened", ["sqlite", "postgresql"], indirect=True, scope="session")


def account(session_id: str = SESSION) -> Account:
    """A session's row; the ids are those of the session id."""
    _, user, _, number = session_id.split("_")
    return Account(session_id, user, number)


def message(name: str = "a", /, **changes: object) -> OutgoingMessage:
    """An outgoing message whose ids and content follow from a name."""
    values: dict[str, object] = {
        "message_id": f"msg_{name}",
        "session_id": SESSION,
        "to": "491700000001",
        "body": f"body {name}",
        "wa_message_id": f"3EB0{name}",
        "content_hash": f"hash {name}",
    }
    return OutgoingMessage(**(values | changes))  # type: ignore[arg-type]


def incoming(wa_id: str = "in1", /, **changes: object) -> IncomingMessage:
    """A message that arrived."""
    values: dict[str, object] = {
        "wa_message_id": wa_id,
        "chat_id": "491700000002@c.us",
        "sender": "491700000002",
        "body": f"body {wa_id}",
        "type": "chat",
        "timestamp": 1_767_268_800,
    }
    return IncomingMessage(**(values | changes))  # type: ignore[arg-type]
