"""An edge on a free port, with the small service behind it, for each test."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from wahook.edge.app import Parts
from wahook.edge.server import EdgeServer

from .pages import Media, Pages
from .queues import Mails, Mirror
from .service import Messages, Operations, Sessions
from .webhooks import Webhooks

KEY = "test-key-0123456789"
SOCKET_IO = Path(__file__).parents[2] / "node_modules/socket.io-client/dist/socket.io.esm.min.js"


@dataclass
class Running:
    """The edge and what is behind it."""

    edge: EdgeServer
    url: str
    sessions: Sessions
    messages: Messages
    operations: Operations
    webhooks: Webhooks
    media: Media
    pages: Pages
    mails: Mails
    mirror: Mirror
    headers: dict[str, str] = field(default_factory=lambda: {"X-Api-Key": KEY})


@pytest.fixture
def origins() -> tuple[str, ...]:
    """Override for other CORS_ORIGINS."""
    return ()


@pytest.fixture
def running(origins: tuple[str, ...], tmp_path: Path) -> Iterator[Running]:
    """Started, and stopped afterwards."""
    sessions, operations = Sessions(), Operations()
    messages = Messages(sessions)
    webhooks = Webhooks(sessions)
    client = SOCKET_IO if SOCKET_IO.exists() else None
    media, pages = Media(tmp_path / "media"), Pages(sessions)
    mails, mirror = Mails(), Mirror()
    parts = Parts(
        sessions,
        messages,
        operations,
        KEY,
        origins,
        client,
        webhooks=webhooks,
        media=media,
        pages=pages,
        mails=mails,
        mirror=mirror,
    )
    edge = EdgeServer(parts, port=0)
    with operations.system:
        address = edge.start()
        url = f"http://{address}"
        yield Running(edge, url, sessions, messages, operations, webhooks, media, pages, mails, mirror)
        edge.stop(5.0)


@pytest.fixture
async def client(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the key."""
    async with aiohttp.ClientSession(running.url, headers=running.headers) as session:
        yield session


@pytest.fixture
async def stranger(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a key."""
    async with aiohttp.ClientSession(running.url) as session:
        yield session
