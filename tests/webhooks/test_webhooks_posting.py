"""One call to a receiver that misbehaves on the wire: what it comes to, and how often the receiver got it."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from actors.durable import Delivery
from actors.model import Webhook
from wahook.addresses import AddressRule
from wahook.notify.webhooks.policy import Outcome
from wahook.notify.webhooks.posting import Poster, open_client, seconds

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DELIVERY = Delivery("evt_1", "s", "http://r", "ready", b'{"id":"evt_1"}', seq=1)
ANYWHERE = AddressRule(anywhere=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@asynccontextmanager
async def receiver(behave: Behave):
    """Takes whole requests and then behaves; gives its URL and the bodies that it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            got.append(await reader.readexactly(length))
            await behave(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", got
    finally:
        server.close()


async def post(behave: Behave, deadline: float = 10.0) -> tuple[Outcome, list[bytes]]:
    async with receiver(behave) as (url, got), open_client(ANYWHERE, deadline) as http:
        outcome = await Poster(http, ANYWHERE, "wahook").post(Webhook(url), DELIVERY, NOON)
    return outcome, got


def says(*parts: bytes, then: Callable[[asyncio.StreamWriter], object] = lambda _: None) -> Behave:
    async def behave(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        then(writer)

    return behave


@pytest.mark.parametrize(
    "behave",
    [
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", then=reset),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK, b"\r\n"),
        says(OK + b"Retry-After: Wed, 21 Oct 99999999999 07:28:00 GMT\r\n\r\n"),
        says(OK + b"Content-Encoding: gzip\r\n\r\n"),
        says(OK + b"Set-Cookie: \xff\xfe\r\n\r\n"),
    ],
    ids=["half a body, reset", "half a body", "hints first", "odd rest", "no gzip", "odd cookie"],
)
async def test_who_says_200_has_it_whatever_follows_and_gets_it_once(behave):
    outcome, got = await post(behave)
    assert outcome.delivered
    assert got == [DELIVERY.body]


async def test_nobody_waits_long_for_the_body_of_an_answer():
    over = asyncio.Event()

    async def never_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        await over.wait()

    async with receiver(never_end) as (url, got), open_client(ANYWHERE, 3600) as http:
        called = Poster(http, ANYWHERE, "wahook").post(Webhook(url), DELIVERY, NOON)
        outcome = await asyncio.wait_for(called, 60)
        over.set()
    assert (outcome.delivered, len(got)) == (True, 1)


async def test_a_connection_that_is_reset_instead_of_an_answer_is_a_failure():
    outcome, got = await post(says(then=reset))
    assert (outcome.status, outcome.error) == (None, "connection lost")
    assert set(got) == {DELIVERY.body}


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000])
async def test_what_is_no_answer_is_a_failure_and_none_of_it_is_quoted(answer):
    outcome, _ = await post(says(answer))
    assert not outcome.delivered
    assert outcome.status is None
    assert outcome.error is not None
    assert "SSH" not in outcome.error
    assert "xx" not in outcome.error


async def test_an_answer_that_drips_is_cut_off_at_the_deadline():
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)  # a slow server, in real time

    outcome, _ = await asyncio.wait_for(post(drip, deadline=0.3), 30)
    assert outcome == Outcome(error="no answer in time")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(said, meant):
    assert seconds(said, NOON) == meant
