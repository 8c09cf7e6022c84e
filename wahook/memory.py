"""How much memory the service takes: by its control group where it has one to itself, else by its processes.

Implements `actors.ports.MemoryMeter`. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from actors.ports import MemoryMeter, Usage
from supervision.sampler import memory_of

log = structlog.get_logger(__name__)

CGROUPS = Path("/sys/fs/cgroup")


def choose_meter(root: Path = CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> MemoryMeter:
    """The group counts what the kernel would kill for, but only if it holds nobody but us."""
    for group in _groups(root, membership):
        if group.usage() is not None and group.members() <= _ours():
            log.info("memory.meter", by="cgroup", path=str(group.folder))
            return group
    return ProcessMeter()


class ProcessMeter:
    """The PSS of this process and all of its descendants; some milliseconds for each."""

    def read(self) -> Usage:
        """Measure now. What ends meanwhile counts nothing."""
        rss, pss = memory_of(os.getpid())
        children = psutil.Process().children(recursive=True)
        return Usage(rss, pss + sum(memory_of(child.pid)[1] for child in children))


@dataclass(frozen=True, slots=True)
class CgroupMeter:
    """What the control group is charged, without the file pages that the kernel would drop first."""

    folder: Path
    current: str
    inactive: str

    def read(self) -> Usage:
        """Measure now; by processes should the group have gone."""
        usage = self.usage()
        return ProcessMeter().read() if usage is None else Usage(memory_of(os.getpid())[0], usage)

    def usage(self) -> int | None:
        """Bytes, None if they cannot be read."""
        try:
            charged = int((self.folder / self.current).read_text())
            fields = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
            return max(0, charged - int(fields.get(self.inactive, 0)))
        except (OSError, ValueError):
            return None

    def members(self) -> set[int]:
        """The processes in it; -1 among them if that cannot be told."""
        try:
            return {int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()}
        except (OSError, ValueError):
            return {-1}


def _groups(root: Path, membership: Path) -> list[CgroupMeter]:
    """This process's groups, of either version: under their names, and as a container sees them."""
    found: list[CgroupMeter] = []
    with suppress(OSError, ValueError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                places = (root / path.lstrip("/"), root)
                found += [CgroupMeter(place, "memory.current", "inactive_file") for place in places]
            elif "memory" in controllers.split(","):
                base = root / "memory"
                places = (base / path.lstrip("/"), base)
                found += [
                    CgroupMeter(place, "memory.usage_in_bytes", "total_inactive_file") for place in places
                ]
    return found


def _ours() -> set[int]:
    """This process, its descendants, and whoever started it."""
    me = psutil.Process()
    return {me.pid, *(one.pid for one in me.children(recursive=True)), *(one.pid for one in me.parents())}


def give_back() -> None:
    """Collect garbage, and have the allocator return to the system what it does not use."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than glibc has no such call
        ctypes.CDLL(None).malloc_trim(0)
