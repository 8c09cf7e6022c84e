"""Figures in words, and the price of a commit on this disk."""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

TABLE = "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT)"


def percentile(seconds: Sequence[float], percent: int) -> float:
    """Milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def line(name: str, seconds: Sequence[float], floor: Sequence[float] | None = None) -> str:
    """A row of the table; with a floor, how far above it. p10 says most on a machine that is not quiet."""
    shown = "   ".join(f"p{percent} {percentile(seconds, percent):7.2f}" for percent in (10, 50, 99))
    above = "" if floor is None else f"   {percentile(seconds, 50) - percentile(floor, 50):+7.2f} at p50"
    return f"{name:<42}{shown} ms{above}"


def load() -> str:
    """To be read with every figure: those of a busy machine are noise."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


class Commits:
    """Rows with a commit and fsync each, by sqlite3 itself and as durable as the journal's."""

    def __init__(self, directory: Path) -> None:
        self._connection = sqlite3.connect(directory / "floor.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(TABLE)

    def take(self, count: int) -> float:
        """Seconds that so many take, one after another."""
        began = time.perf_counter()
        for _ in range(count):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO t VALUES (NULL, ?, ?)", (os.urandom(12).hex(), "x" * 200))
            self._connection.execute("COMMIT")
        return time.perf_counter() - began


def parser(text: str | None) -> argparse.ArgumentParser:
    """With what all of these have in common."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--directory", type=Path, default=Path.cwd(), help="on a real disk")
    return made
