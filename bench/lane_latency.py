"""From `enqueue` to the session's SendMessage: a lane's own cost, next to a bare BLMOVE consumer.

    python -m bench.lane_latency [MESSAGES]

Everything is real but the session, which only notes the time: embedded Valkey on a Unix socket with its
append-only file, RQ, limits (set out of reach), the journal on SQLite with fsync. Messages go one by one,
each when the one before was ended, so this is latency and not throughput; throughput is measured after it.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from redis import Redis

from actors.journal_writer import JournalWriter
from actors.messages import Accepted, AcceptMessage, SaveAccount, SendMessage, Write
from actors.model import Account, Ack, OutgoingMessage, SendReceipt
from actors.ports import LaneListener
from supervision import Actor, ChildSpec, Context, SupervisorSpec, System, SystemClock
from wahook.journal import OpenedJournal, open_journal
from wahook.loop import LoopThread
from wahook.outbox.connection import connect
from wahook.outbox.courier import Courier
from wahook.outbox.gate import Gate
from wahook.outbox.lane import RqLane
from wahook.outbox.limits import SendLimits
from wahook.outbox.server import EmbeddedRedis

SESSION = "user_1_wa_2"
FREE = "1000000/second"


class Clocked(Actor):
    """Answers every send at once and notes when it was asked."""

    def __init__(self, context: Context, arrived: Callable[[str], None]) -> None:
        super().__init__(context)
        self._arrived = arrived

    def handle(self, message: object) -> object:
        assert isinstance(message, SendMessage)
        self._arrived(message.message.message_id)
        return SendReceipt(message.message.wa_message_id, Ack.SERVER)


class Stopwatch:
    """When each message arrived, and a bell for the one that is waited for."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.bell = threading.Semaphore(0)

    def arrived(self, message_id: str) -> None:
        self.at[message_id] = time.perf_counter()

    def ended(self, event: object) -> None:  # noqa: ARG002
        self.bell.release()


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    pick = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
    return f"p50 {pick[0] * 1000:7.2f} ms   p99 {pick[1] * 1000:7.2f} ms"


def bare(redis: Redis, number: int) -> list[float]:
    """LPUSH in one thread, BLMOVE in another: what Redis and two threads cost by themselves."""
    took: list[float] = []
    done = threading.Semaphore(0)

    def consume() -> None:
        for _ in range(number):
            sent = redis.blmove("bench:list", "bench:taken", 4, "LEFT", "RIGHT")
            took.append(time.perf_counter() - float(sent or 0))
            done.release()

    thread = threading.Thread(target=consume)
    thread.start()
    for _ in range(number):
        redis.rpush("bench:list", repr(time.perf_counter()))
        done.acquire(timeout=10)
    thread.join(10)
    return took


def accept(system: System, number: int) -> list[OutgoingMessage]:
    rows = []
    for _ in range(number):
        stanza = f"3EB0{uuid4().hex[:18].upper()}"
        row = OutgoingMessage(f"msg_{uuid4().hex}", SESSION, "4915112345", "x", stanza)
        accepted = system.handle("journal").ask(Write(AcceptMessage(row, None)), 10)
        assert isinstance(accepted, Accepted)
        rows.append(accepted.message)
    return rows


def run(journal: OpenedJournal, redis: Redis, number: int) -> None:
    watch = Stopwatch()
    children = (
        ChildSpec("journal", lambda context: JournalWriter(context, journal.writer)),
        ChildSpec("session", lambda context: Clocked(context, watch.arrived)),
    )
    with System(SupervisorSpec(children)) as system:

        def courier(gate: Gate) -> Courier:
            return Courier(
                session=system.handle("session"),
                journal=system.handle("journal"),
                announce=watch.ended,
                ask=gate.ask,
                pause=gate.pause,
                rng=random.Random(),
            )

        lane = RqLane(
            SESSION,
            "1",
            connection=redis,
            limits=SendLimits(redis, FREE, FREE),
            courier=courier,
            clock=SystemClock(),
        )
        system.handle("journal").ask(Write(SaveAccount(Account(SESSION, "1", "2"))), 10)

        def nothing_to_rebuild() -> None:
            lane.rebuild(())

        lane.start(LaneListener(died=print, gap=nothing_to_rebuild, changed=lambda _: None))
        lane.set_open(True)
        measure(lane, watch, accept(system, number))
        throughput(lane, watch, accept(system, number))
        lane.stop(5)


def measure(lane: RqLane, watch: Stopwatch, rows: list[OutgoingMessage]) -> None:
    took: list[float] = []
    whole: list[float] = []
    for row in rows:
        began = time.perf_counter()
        lane.enqueue(row)
        watch.bell.acquire(timeout=30)
        took.append(watch.at[row.message_id] - began)
        whole.append(time.perf_counter() - began)
    print(f"enqueue -> SendMessage        {percentiles(took)}")
    print(f"enqueue -> journaled as sent  {percentiles(whole)}")


def throughput(lane: RqLane, watch: Stopwatch, rows: list[OutgoingMessage]) -> None:
    began = time.perf_counter()
    for row in rows:
        lane.enqueue(row)
    for _ in rows:
        watch.bell.acquire(timeout=30)
    print(f"one lane, {len(rows)} messages: {len(rows) / (time.perf_counter() - began):.0f} a second")


def main(number: int) -> None:
    loop = LoopThread("bench")
    loop.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedRedis(folder / "redis", loop=loop, owner="bench")
        server.start(lambda _: None).result(20)
        try:
            redis = connect(server.url)
            print(f"bare RPUSH -> BLMOVE          {percentiles(bare(redis, number))}")
            with open_journal(f"sqlite:///{folder / 'journal.db'}") as journal:
                run(journal, redis, number)
        finally:
            server.stop().result(20)
            loop.stop(5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
