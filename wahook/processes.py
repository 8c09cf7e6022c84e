"""Our own child processes: each in its own process group, marked, and dead when the service is dead.

Three nets: the kernel kills a child when the thread that forked it ends (`setpriv --pdeathsig KILL`); when a
group's leader ends, the rest of the group is killed before its number is given back; and `sweep` finds by an
environment marker what a killed service left behind. Linux only (pidfd, /proc).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog

from actors.errors import ProcessError
from wahook.marks import GONE_WITHIN, child_environment, kill_whole_group, owner_of, sweep

__all__ = ["OwnedProcess", "launch", "owner_of", "sweep"]
log = structlog.get_logger(__name__)

TAIL_LINES = 40
PF_EXITING = 0x4  # linux/sched.h
# The kernel's promise begins when setpriv has run: if we died before that, the child must notice by itself.
IF_WE_LIVE = 'test "$PPID" = "$1" || exit 125; shift; exec "$@"'
_Waiter: TypeAlias = "tuple[re.Pattern[str], asyncio.Future[re.Match[str]]]"


class _Output(asyncio.Protocol):
    """Splits what a child prints into lines; keeps the last ones for error texts."""

    def __init__(self) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.closed = asyncio.get_running_loop().create_future()
        self.waiters: list[_Waiter] = []
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-65536:]  # a child that never ends its line must not fill our memory
        for line in lines:
            self._take(line.decode(errors="replace").rstrip())

    def connection_lost(self, _: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def _take(self, line: str) -> None:
        self.tail.append(line)
        for waiter in tuple(self.waiters):
            pattern, future = waiter
            if not future.done() and (match := pattern.search(line)):
                future.set_result(match)


class OwnedProcess:
    """A child of ours, made by `launch`.

    It lives on the loop; only `pid`, `pgid`, `alive`, `dying` and `kill_group` are for any thread.
    """

    def __init__(self, popen: subprocess.Popen[bytes], name: str) -> None:
        self.name = name
        self.pid = self.pgid = popen.pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._popen = popen
        self._pidfd = os.pidfd_open(popen.pid)
        self._lock = threading.Lock()
        self._collected = False
        self._output = _Output()
        self._pipe: asyncio.ReadTransport | None = None

    async def watch(self) -> None:
        """Begin to read its output and to watch for its exit."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pidfd, self._on_exit)
        self._pipe, _ = await loop.connect_read_pipe(lambda: self._output, self._popen.stdout)

    @property
    def alive(self) -> bool:
        return not self._collected

    @property
    def dying(self) -> bool:
        """Has its end begun: a killed process lets go of its sockets some time before it can be collected."""
        if self._collected:
            return True
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True
        state, *_, flags = status.rpartition(")")[2].split()[:7]
        return state in "ZX" or bool(int(flags) & PF_EXITING)

    @property
    def tail(self) -> str:
        """The last lines it printed; for errors at its start, not for the log of a running one."""
        return "\n".join(self._output.tail)

    async def line(self, pattern: str, deadline: float) -> re.Match[str]:
        """The first line that matches, of the last or from now on; ProcessError on exit or at `deadline`."""
        compiled = re.compile(pattern)
        for line in self._output.tail:
            if match := compiled.search(line):
                return match
        found: asyncio.Future[re.Match[str]] = asyncio.get_running_loop().create_future()
        waiter = (compiled, found)
        self._output.waiters.append(waiter)
        try:
            waiting = {found, self._output.closed}
            await asyncio.wait(waiting, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            if found.done():
                return found.result()
            raise ProcessError(f"{self.name} did not say {pattern!r}: {self.tail[-2000:] or 'no output'}")
        finally:
            found.cancel()
            self._output.waiters.remove(waiter)

    def signal(self, number: int) -> None:
        """Send a signal to the leader alone; nothing when it is gone."""
        with self._lock:
            if not self._collected:
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL to the whole group now. Any thread; nothing when it is gone."""
        with self._lock:
            if not self._collected:
                kill_whole_group(self.pgid)

    async def terminate(self, deadline: float) -> int:
        """SIGTERM to the leader, after `deadline` seconds SIGKILL to the group; its return code."""
        self.signal(signal.SIGTERM)
        return await self.ended(deadline)

    async def ended(self, deadline: float) -> int:
        """Wait for its end; after `deadline` seconds kill the group. ProcessError if that takes too long."""
        await asyncio.wait({self.exited}, timeout=deadline)
        if not self.exited.done():
            log.warning("process.killed", name=self.name, pid=self.pid, after=deadline)
            self.kill_group()
            await asyncio.wait({self.exited}, timeout=GONE_WITHIN)
        if not self.exited.done():
            raise ProcessError(f"{self.name} (pid {self.pid}) survived SIGKILL")
        return self.exited.result()

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        with self._lock:
            # Not collected yet, the dead leader still holds its number: the group can be nobody else's.
            kill_whole_group(self.pgid)
            code = self._popen.wait()
            self._collected = True
        os.close(self._pidfd)
        if not self.exited.done():
            self.exited.set_result(code)


async def launch(
    command: Sequence[str],
    *,
    owner: str,
    name: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> OwnedProcess:
    """Start a child on the running loop, which must belong to a thread that lives as long as the service.

    stdin is empty, stdout and stderr are read as one. ProcessError when it cannot be started.
    """
    try:
        popen = subprocess.Popen(  # noqa: ASYNC220 - forked by this very thread: PDEATHSIG follows the thread
            [*_die_with_us(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=child_environment(owner, name, environment),
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessError(f"cannot start {name}: {error}") from error
    process = OwnedProcess(popen, name)
    await process.watch()
    return process


def _die_with_us() -> tuple[str, ...]:
    if setpriv := shutil.which("setpriv"):
        return (setpriv, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", IF_WE_LIVE, "sh", str(os.getpid()))
    log.warning("process.no_setpriv", consequence="children of a killed service live until its next start")
    return ()
