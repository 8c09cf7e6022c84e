"""The marker that every child of ours carries in its environment, and the sweep that kills by it.

It finds what a killed service left behind. Linux only (pidfd, /proc).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from actors.errors import ProcessError

log = structlog.get_logger(__name__)

MARKER = "WAHOOK_OWNED"
EXEC_TRIES = 20
GONE_WITHIN = 20.0  # seconds; a killed Chromium gives its memory back first, and a busy machine lets it wait
# What a child may see of our environment: secrets stay here.
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|XDG_.*|FONTCONFIG_.*|LD_LIBRARY_PATH|SSL_CERT_.*"
    r"|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|(?i:https?_proxy|no_proxy|all_proxy)"
)


def owner_of(data: Path) -> str:
    """The owner part of the marker: a short hash of the data directory, so that two services never meet."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]


def child_environment(owner: str, name: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child gets: the harmless part of ours, `extra`, and the marker."""
    harmless = {key: value for key, value in os.environ.items() if _PASSED.fullmatch(key)}
    return {**harmless, **(extra or {}), MARKER: f"{owner}:{name}"}


def kill_whole_group(pgid: int) -> None:
    """SIGKILL to every process of the group; nothing when there is none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Marked:
    """A process that carries a marker; `pidfd` keeps its number from meaning another one."""

    pid: int
    pgid: int
    pidfd: int


def sweep(owner: str, name: str | None = None, deadline: float = GONE_WITHIN) -> list[int]:
    """Kill every process that carries this owner's marker (and name), with its whole group, and see it gone.

    Blocking, any thread. Returns the pids killed; ProcessError if one lives after `deadline` seconds.
    """
    until = time.monotonic() + deadline
    killed: list[int] = []
    while found := _find(owner, name):
        try:
            killed += [process.pid for process in found]
            for process in found:
                _kill(process)
            _await_gone(found, until)
        finally:
            for process in found:
                os.close(process.pidfd)
    if killed:
        log.warning("process.swept", owner=owner, name=name, pids=killed)
    return killed


def _kill(process: Marked) -> None:
    if process.pgid not in {0, 1, os.getpgrp()}:
        kill_whole_group(process.pgid)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process.pidfd, signal.SIGKILL)


def _await_gone(found: Sequence[Marked], until: float) -> None:
    poll = select.poll()
    left = {process.pidfd: process.pid for process in found}
    for pidfd in left:
        poll.register(pidfd, select.POLLIN)
    while left:
        ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not ready:
            raise ProcessError(f"processes {sorted(left.values())} survived SIGKILL")
        for pidfd, _ in ready:
            poll.unregister(pidfd)
            del left[pidfd]


def _find(owner: str, name: str | None) -> list[Marked]:
    spared = set(_ancestors())
    return [
        process
        for entry in os.scandir("/proc")
        if entry.name.isdecimal() and int(entry.name) not in spared
        if (process := _marked(int(entry.name), owner, name))
    ]


def _marked(pid: int, owner: str, name: str | None) -> Marked | None:
    if not carries(pid, owner, name):
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        group = os.getpgid(pid)
        if carries(pid, owner, name):  # asked again: only now is the number pinned to this process
            return Marked(pid, group, pidfd)
    os.close(pidfd)
    return None


def carries(pid: int, owner: str, name: str | None = None) -> bool:
    """Does this process carry the marker; False when it is gone or not ours to read."""
    wanted = f"{MARKER}={owner}:".encode()
    environment = _environment(pid).split(b"\0")
    if name is None:
        return any(entry.startswith(wanted) for entry in environment)
    return wanted + name.encode() in environment


def _environment(pid: int) -> bytes:
    """What it was started with; empty when it is gone, a kernel thread, a zombie or somebody else's."""
    for _ in range(EXEC_TRIES):
        try:
            if environment := Path(f"/proc/{pid}/environ").read_bytes():
                return environment
            Path(f"/proc/{pid}/exe").readlink()
        except OSError:
            return b""
        time.sleep(0.001)  # it lives and shows none: it is in the middle of an execve
    return b""


def _ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        pid = int(status.rpartition(")")[2].split()[1])
