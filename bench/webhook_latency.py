"""From an event to its webhook: a message arrives at the journal, and somebody's server gets the call.

    python -m bench.webhook_latency [--events 300] [--directory DIR]

Two floors in the same run: a bare aiohttp POST of as many bytes to the same server over a kept connection,
and the commit (with its fsync) that must come first. The server is a process of its own; both sides read the
same monotonic clock. The directory must be on a real disk.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

from actors import tree
from actors.journal_writer import JournalWriter
from actors.messages import RecordIncoming, SaveAccount, Write
from actors.model import Account, IncomingMessage, SessionConfig, Webhook
from bench.support.receiver import serve_posts
from supervision import ChildSpec, SupervisorSpec, System
from wahook.journal import open_journal
from wahook.notify.webhooks.setup import Webhooks
from wahook.settings import Settings

SESSION = "user_1_wa_1"
DEADLINE = 60.0
CHATS = 20


def serve(pipe: Connection) -> None:
    """Somebody's server: says its port, then when each call was there."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        pipe.send(time.monotonic())
        return web.Response()

    serve_posts(pipe, take)


def message(number: int) -> IncomingMessage:
    """One of a busy account's."""
    sender = f"4917000000{number % CHATS:02}"
    return IncomingMessage(f"in{number}", f"{sender}@c.us", sender, "x" * 100, "chat", 1_767_268_800)


def arrived(pipe: Connection) -> float:
    """When the next call was there."""
    assert pipe.poll(DEADLINE), "a call is missing"
    return float(pipe.recv())


async def bare(url: str, pipe: Connection, events: int, body: bytes) -> list[float]:
    """The floor: nothing but the call, with its bytes."""
    took = []
    async with aiohttp.ClientSession() as http:
        for _ in range(events):
            began = time.monotonic()
            async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                await answer.read()
            took.append(arrived(pipe) - began)
    return took


class House:
    """Journal, writer and webhooks as the service has them."""

    def __init__(self, data: Path, url: str) -> None:
        self.numbers = itertools.count()
        settings = Settings(data=data, webhook_allowed_networks=("127.0.0.0/8",))
        webhooks = Webhooks(settings, lambda: datetime.now(UTC), lambda: self.system)
        self.journal = open_journal(f"sqlite:///{data}/wahook.db", consequences=webhooks.consequences)
        webhooks.open(self.journal)
        writer = ChildSpec(tree.WRITER, lambda context: JournalWriter(context, self.journal.writer))
        self.system = System(SupervisorSpec((writer, webhooks.child())))
        self.system.start(DEADLINE)
        self.writer = self.system.handle(tree.WRITER)
        hook = Webhook(url, secrets=("a-secret-of-somebody",))
        self.write(SaveAccount(Account(SESSION, "1", "1", config=SessionConfig(webhooks=(hook,)))))

    def write(self, operation: SaveAccount | RecordIncoming) -> None:
        """And wait for the disk."""
        self.writer.ask(Write(operation), DEADLINE)

    def one_by_one(self, pipe: Connection, events: int) -> tuple[list[float], list[float]]:
        """Seconds to the commit's answer, and to the receiver."""
        commits, calls = [], []
        for _ in range(events):
            number = next(self.numbers)
            began = time.monotonic()
            self.write(RecordIncoming(SESSION, (message(number),)))
            commits.append(time.monotonic() - began)
            calls.append(arrived(pipe) - began)
        return commits, calls

    def all_at_once(self, pipe: Connection, events: int) -> float:
        """Calls per second for a burst in many chats."""
        began = time.monotonic()
        for _ in range(events):
            self.writer.tell(Write(RecordIncoming(SESSION, (message(next(self.numbers)),))))
        last = max(arrived(pipe) for _ in range(events))
        return events / (last - began)

    def close(self) -> None:
        """In order."""
        self.system.stop(DEADLINE)
        self.journal.close()


def line(name: str, took: Sequence[float]) -> str:
    """A row of the table."""
    every = sorted(took)
    return (
        f"{name:<34}p50 {1000 * statistics.median(every):7.2f} ms   "
        f"p99 {1000 * every[int(len(every) * 0.99)]:7.2f} ms"
    )


def main() -> None:
    """Print both floors, the whole way, and a burst."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    given = parser.parse_args()
    ours, theirs = Pipe()
    server = Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}/"
        with tempfile.TemporaryDirectory(prefix="webhook-bench-", dir=given.directory) as scratch:
            house = House(Path(scratch), url)
            floor = asyncio.run(bare(url, ours, given.events, b"x" * 300))
            house.one_by_one(ours, 10)  # connections and caches
            commits, calls = house.one_by_one(ours, given.events)
            print(line("floor: bare POST", floor))
            print(line("floor: commit", commits))
            print(line("event -> webhook received", calls))
            after = [call - commit for call, commit in zip(calls, commits, strict=True)]
            print(line("commit answered -> received", after))
            rate = house.all_at_once(ours, given.events)
            print(f"{'burst, ' + str(CHATS) + ' chats':<34}    {rate:7.0f} calls/s")
            house.close()
    finally:
        server.terminate()
        server.join(5)


if __name__ == "__main__":
    main()
