"""Accepts per second through the journal writer, on disk before each answer, against bare SQLite.

    python -m bench.journal_writes [--seconds 3] [--directory DIR] [--url postgresql://…]

The floor is sqlite3 alone, with the same settings and a table of the same size: insert, commit, one thread.
Through the writer, those who wait while a commit is on its way to the disk share the next one. The directory
must be on a real disk: a memory file system has no fsync worth measuring.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actors.journal_writer import JournalWriter
from actors.messages import AcceptMessage, JournalOperation, SaveAccount, Write
from actors.model import Account, OutgoingMessage
from supervision import ChildSpec, Handle, SupervisorSpec, System
from wahook.journal import OpenedJournal, open_journal

SESSION = "user_1_wa_1"
FLOOR_TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT, c TEXT, d TEXT, e TEXT)"


@dataclass
class Counted:
    """Passes batches on and counts the commits."""

    journal: OpenedJournal
    commits: list[int] = field(default_factory=list)

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        self.commits.append(len(operations))
        return self.journal.writer.write(operations)


def fresh() -> OutgoingMessage:
    """A message that is no duplicate."""
    name = uuid.uuid4().hex
    return OutgoingMessage(f"msg_{name}", SESSION, "491700000001", "x" * 200, name, content_hash=name)


def floor(directory: Path, seconds: float) -> float:
    """Commits per second of sqlite3 itself, as durable as ours."""
    connection = sqlite3.connect(directory / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(FLOOR_TABLE)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        name = uuid.uuid4().hex
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO t VALUES (NULL, ?, ?, ?, ?, ?)", (name, SESSION, "x" * 200, name, "queued")
        )
        connection.execute("COMMIT")
        done += 1
    took = time.perf_counter() - began
    connection.close()
    return done / took


def ask(writer: Handle, until: float, took: list[float]) -> None:
    """One client: the next message when the last was answered."""
    while (began := time.perf_counter()) < until:
        writer.ask(Write(AcceptMessage(fresh(), 300)), 30)
        took.append(time.perf_counter() - began)


def accepts(url: str, clients: int, seconds: float) -> tuple[float, float, float, float]:
    """Accepts per second, their median and 99th percentile in ms, and the mean size of a commit."""
    with open_journal(url) as journal:
        counted = Counted(journal)
        spec = ChildSpec("journal-writer", lambda context: JournalWriter(context, counted))
        with System(SupervisorSpec((spec,))) as system:
            writer = system.handle("journal-writer")
            writer.ask(Write(SaveAccount(Account(SESSION, "1", "1"))), 30)
            counted.commits.clear()
            times: list[list[float]] = [[] for _ in range(clients)]
            began = time.perf_counter()
            threads = [threading.Thread(target=ask, args=(writer, began + seconds, one)) for one in times]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.perf_counter() - began
    every = sorted(one for client in times for one in client)
    return (
        len(every) / took,
        1000 * statistics.median(every),
        1000 * every[int(len(every) * 0.99)],
        statistics.mean(counted.commits),
    )


def main() -> None:
    """Print one line for the floor and one for each number of clients."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    parser.add_argument("--url", help="another database than SQLite in the directory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="journal-bench-", dir=given.directory) as scratch:
        print(f"{'bare sqlite3, 1 thread':<24}{floor(Path(scratch), given.seconds):9.0f}/s")
        for clients in (1, 8, 64):
            url = given.url or f"sqlite:///{scratch}/{clients}.db"
            rate, median, p99, batch = accepts(url, clients, given.seconds)
            print(
                f"{f'writer, {clients} at once':<24}{rate:9.0f}/s   median {median:6.2f} ms   "
                f"p99 {p99:6.2f} ms   {batch:5.1f} per commit"
            )


if __name__ == "__main__":
    main()
