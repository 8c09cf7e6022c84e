"""A session behind a proxy that demands a login: a real proxy on loopback."""

import asyncio
import base64
from collections.abc import Callable, Iterator

import pytest

from actors.errors import TransientLoss
from actors.messages import QrShown
from wahook.loop import LoopThread

from .conftest import Session

pytestmark = pytest.mark.browser
LOGIN = "Basic " + base64.b64encode(b"ada:love lace").decode()
REFUSAL = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class LoginProxy:
    """Enough of a forward proxy: absolute-form requests and CONNECT, only with the login."""

    def __init__(self) -> None:
        self.refused = 0
        self.served: list[str] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if f"Proxy-Authorization: {LOGIN}" not in head:
                self.refused += 1
                writer.write(REFUSAL)
                return
            await self._pass_on(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _pass_on(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = head.split(" ", 2)
        self.served.append(target)
        address = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = address.rpartition(":")
        upstream, out = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            lines = head.replace(target, path, 1).replace("Proxy-Connection: keep-alive", "Connection: close")
            out.write(lines.encode("latin-1"))
        await asyncio.gather(pipe(reader, out), pipe(upstream, writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
def proxy() -> Iterator[tuple[LoginProxy, int]]:
    loop = LoopThread("test-proxy")
    loop.start()
    server = LoginProxy()
    yield server, loop.submit(server.start()).result(5)
    loop.submit(server.stop()).result(5)
    loop.stop(5)


def test_a_session_behind_a_proxy_with_a_login_is_linked_through_it(
    new_session: Callable[..., Session], proxy: tuple[LoginProxy, int]
):
    server, port = proxy
    session = new_session(proxy=f"http://ada:love%20lace@127.0.0.1:{port}")
    session.link()
    assert server.refused >= 1, "the proxy was not asked for its challenge"
    assert len(server.served) > 5
    assert any("/ws" in target or target.startswith("127.") for target in server.served)


def test_a_wrong_login_fails_instead_of_asking_for_ever(
    new_session: Callable[..., Session], proxy: tuple[LoginProxy, int]
):
    server, port = proxy
    session = new_session(proxy=f"http://ada:wrong@127.0.0.1:{port}")
    try:
        ear = session.open()
    except TransientLoss:
        pass
    else:
        with pytest.raises(AssertionError):
            ear.wait(QrShown, deadline=2)
    assert 1 <= server.refused < 10
    assert not server.served
