"""Folders with a journal and profiles in them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.durable import AddDeliveries, AddMail, AddMirrorChanges, Delivery, Mail, MirrorChange
from actors.messages import AcceptMessage, RecordIncoming, SaveAccount
from actors.model import Account, IncomingMessage, OutgoingMessage
from tests.journal import postgres
from tests.profiles.conftest import made_profile
from wahook.journal import open_journal
from wahook.settings import Settings

SESSION = "user_1_wa_2"


def settings_in(data: Path, **more) -> Settings:
    return Settings(**{"data": data, "sessions_path": data / "whatsapp-sessions", **more})


def fill(url: str, messages: int = 3) -> None:
    """A journal with a session, outgoing and incoming messages, and rows of every queue there is."""
    with open_journal(url) as journal:
        journal.writer.write([SaveAccount(Account(SESSION, "1", "2", phone_number="491700000001"))])
        journal.writer.write(
            [
                AcceptMessage(
                    OutgoingMessage(
                        f"msg_{n}", SESSION, "49176", f"tëxt {n} 🎉", f"3EB0{n}", content_hash=f"h{n}"
                    ),
                    duplicate_window=None,
                )
                for n in range(messages)
            ]
        )
        stamp = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
        arrived = IncomingMessage("in1", "49177@c.us", "49177", "hola", "chat", stamp)
        journal.writer.write([RecordIncoming(SESSION, (arrived,))])
        call = Delivery("d1", SESSION, "https://example.org", "ready", b'{"\xc3\xa9": 1}')
        mail = Mail("m1", "ready", "a@example.org", SESSION, {"name": "Ana", "list": [1, None]})
        changes = tuple(MirrorChange("account", f"key{n}", {"n": n}) for n in range(3))
        journal.writer.write([AddDeliveries((call,)), AddMail(mail), AddMirrorChanges(changes)])


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    """A folder as a stopped service leaves it."""
    settings = settings_in(tmp_path / "data")
    fill(settings.database)
    made_profile(settings.sessions_path / f"session-{SESSION}")
    (settings.data / "api-key").write_text("wahook_key\n")
    return settings


@pytest.fixture(scope="session")
def server():
    if (binaries := postgres.binaries()) is None:
        pytest.skip("PostgreSQL's binaries are not installed (Debian: postgresql)")
    running = postgres.Server(binaries)
    yield running
    running.stop()
