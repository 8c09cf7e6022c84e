"""Memory of the processes that actors named, sampled in the background.

PSS, because the processes of one browser share pages that RSS counts again and again. Reading it takes the
kernel milliseconds for a large process, so it never happens while a dump is made.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger("supervision")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Sample:
    """The named processes with their descendants and groups. Bytes; `cpu_pct` of one core since the last."""

    at: datetime
    processes: int
    rss: int
    pss: int
    cpu_pct: float | None


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    group: int
    ticks: int


class Sampler:
    """One daemon thread, begun by `start`. `samples` is replaced whole after each round."""

    def __init__(self, watched: Callable[[], Mapping[str, tuple[int, ...]]], every: float = 30.0) -> None:
        self._watched = watched
        self._every = every
        self._stop = threading.Event()
        self._poke = threading.Event()
        self._thread: threading.Thread | None = None
        self._ticks: dict[str, tuple[datetime, int]] = {}
        self.samples: Mapping[str, Sample] = {}

    def start(self) -> None:
        """Sample now and then every `every` seconds."""
        self._thread = threading.Thread(target=self._run, name="process-sampler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; waits at most a second for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._stop.wait(min(1.0, self._every) if not self.samples else self._every):
            try:
                self.sample()
            except Exception:  # noqa: BLE001
                _log.exception("sampler.failed")

    def sample(self) -> None:
        """One round, on the caller's thread."""
        watched = self._watched()
        processes = list(_processes()) if watched else []
        self._ticks = {path: ticks for path, ticks in self._ticks.items() if path in watched}
        self.samples = {path: self._measure(path, pids, processes) for path, pids in watched.items()}

    def _measure(self, path: str, pids: tuple[int, ...], processes: list[_Process]) -> Sample:
        family = _family(pids, processes)
        now = datetime.now(UTC)
        ticks = sum(process.ticks for process in family)
        before = self._ticks.get(path)
        self._ticks[path] = (now, ticks)
        cpu = None
        if before is not None and now > before[0]:
            spent = max(0, ticks - before[1]) / _TICKS
            cpu = round(100 * spent / (now - before[0]).total_seconds(), 1)
        sizes = [memory_of(process.pid) for process in family]
        return Sample(now, len(family), sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes), cpu)


def _processes() -> Iterable[_Process]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The command name may hold spaces and parentheses: fields count from the last ")".
                rest = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                yield _Process(int(entry.name), int(rest[1]), int(rest[2]), int(rest[11]) + int(rest[12]))


def _family(pids: tuple[int, ...], processes: list[_Process]) -> list[_Process]:
    """The named processes, those in groups they lead, and all their descendants."""
    children: dict[int, list[_Process]] = defaultdict(list)
    for process in processes:
        children[process.parent].append(process)
    found = {process.pid: process for process in processes if process.pid in pids or process.group in pids}
    queue = list(found.values())
    while queue:
        for child in children[queue.pop().pid]:
            if child.pid not in found:
                found[child.pid] = child
                queue.append(child)
    return list(found.values())


def memory_of(pid: int) -> tuple[int, int]:
    """RSS and PSS in bytes; zeros when the process is gone or not ours to see."""
    sizes = {"Rss:": 0, "Pss:": 0}
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name in sizes:
                sizes[name] = int(rest.split()[0]) * 1024
    return sizes["Rss:"], sizes["Pss:"]
