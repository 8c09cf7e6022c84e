"""What the service holds while it runs, and what must not be left when it has ended."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.household import Household
from tests.chaos.victims import frozen, marked
from tests.service.house import ours

GROWN_MB = 60  # above the first minute's size: what a run of traffic may leave in caches
GROWN_THREADS = 12
GROWN_FILES = 24


@dataclass(frozen=True, slots=True)
class Census:
    """Of a running service. MB: `own` is the service's RSS, `all_` the PSS of everything that is its."""

    own: float
    all_: float
    threads: int
    files: int
    processes: dict[str, int]
    frozen: tuple[str, ...]

    def grown_since(self, before: Census | None) -> list[str]:
        """What has not come back to what it was."""
        wrong = [f"still stopped: {one}" for one in self.frozen]
        if before is None:
            return wrong
        if self.own > before.own + GROWN_MB:
            wrong.append(f"the service grew from {before.own:.0f} to {self.own:.0f} MB")
        if self.threads > before.threads + GROWN_THREADS:
            wrong.append(f"threads grew from {before.threads} to {self.threads}")
        if self.files > before.files + GROWN_FILES:
            wrong.append(f"open files grew from {before.files} to {self.files}")
        if set(self.processes) != set(before.processes):
            wrong.append(f"processes {sorted(self.processes)}, before {sorted(before.processes)}")
        return wrong


def census(household: Household) -> Census:
    """Count now."""
    service = psutil.Process(household.pid)
    groups = marked(household.data)
    everything = [service, *(process for group in groups.values() for process in group)]
    return Census(
        own=service.memory_info().rss / 2**20,
        all_=sum(map(_pss, everything)) / 2**20,
        threads=service.num_threads(),
        files=service.num_fds(),
        processes={name: len(group) for name, group in sorted(groups.items())},
        frozen=tuple(frozen(household.data)),
    )


def _pss(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


def left_behind(data: Path) -> list[str]:
    """After the end: strays, and locks that somebody holds or that name somebody alive."""
    wrong = [f"stray process: {line}" for line in ours(data)]
    with (data / "service.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wrong.append("the data folder is still locked")
    wrong += [
        f"lock left: {path.relative_to(data)}"
        for path in data.glob("whatsapp-sessions/session-*/Singleton*")
        if os.path.lexists(path)
    ]
    return wrong
