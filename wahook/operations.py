"""The operator's side: the tree, its verbs, and whether the service can do its job."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from actors import tree
from actors.model import JSON, SessionStatus
from supervision import Snapshot, System, Transition
from wahook.board import Board
from wahook.edge.ports import Health, Verb
from wahook.probes import Probe
from wahook.sessions import SessionCommands

STARTING = frozenset({SessionStatus.INITIALIZING, SessionStatus.QR, SessionStatus.AUTHENTICATED})
LEAST_ROOM = 8 * 2**20  # bytes on the volume: some commits, and Redis' file
NEEDED = (tree.WRITER, tree.OUTBOX, tree.SESSIONS)  # without them nothing is accepted, sent or started


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What the service needs to do its job. Each raises when it is not well; blocking, for helper threads."""

    database: Callable[[], object]
    redis: Callable[[], object]
    volume: Callable[[], object] = lambda: None
    mirror: Callable[[], dict[str, JSON]] = lambda: {"connected": False}  # at once, from memory


class OperationsDesk:
    """Implements `edge.ports.Operations`. Stops and starts of sessions go the users' way, so they last."""

    def __init__(
        self,
        system: System,
        sessions: SessionCommands,
        board: Board,
        checks: Checks,
        memory: Callable[[], dict[str, JSON]] = dict,
    ) -> None:
        """`memory` gives what the last look at it showed: `tree`, `limit`, `level`."""
        self._system = system
        self._sessions = sessions
        self._board = board
        self._memory = memory
        self._database = Probe("database", checks.database)
        self._redis = Probe("redis", checks.redis)
        self._volume = Probe("volume", checks.volume)
        self._mirror = checks.mirror
        self._tree = Probe("tree", self._stands)

    def snapshot(
        self,
        *,
        depth: int | None,
        states: frozenset[str] | None,
        order: Literal["urgency", "start"] = "urgency",
    ) -> Snapshot:
        """The tree as published."""
        return self._system.snapshot(depth=depth, states=states or (), order=order)

    def transitions(self) -> Sequence[Transition]:
        """The last 200."""
        return self._system.transitions

    def subscribe(self, listener: Callable[[Transition], None]) -> Callable[[], None]:
        """Every transition from now on."""
        return self._system.subscribe(listener)

    async def act(self, verb: Verb, path: str, by: str) -> None:
        """Carry out an operator's verb. AdminError when it is refused; RuleBroken for an unknown session."""
        session_id = _session_of(path)
        if session_id is not None and verb in ("start", "stop"):
            await (self._sessions.start if verb == "start" else self._sessions.stop)(session_id, by)
            return
        verbs: dict[Verb, Callable[[str, str], Awaitable[object]]] = {
            "restart": self._system.restart,
            "stop": self._system.terminate_child,
            "start": self._system.restart_child,
            "retry": self._system.retry,
        }
        await verbs[verb](path, by)

    async def health(self) -> Health:
        """Not ok when the database, Redis, room on the volume or a part that nothing goes without is missing.

        `fields` are the contract's. Every check says how old its answer is, in seconds.
        """
        database, redis, volume, stands = await asyncio.gather(
            self._database.look(), self._redis.look(), self._volume.look(), self._tree.look()
        )
        now = time.monotonic()
        ok = database.ok and redis.ok and volume.ok and stands.ok
        fields: dict[str, JSON] = {
            "status": "healthy" if ok else "unhealthy",
            "uptime": round(time.time() - psutil.Process().create_time(), 1),
            "memory": {**await asyncio.to_thread(_memory), **self._memory()},
            "whatsapp": self._whatsapp(),
            "redis": redis.fields(now),
            "supabase": self._mirror(),
        }
        checks: dict[str, JSON] = {
            "database": database.fields(now),
            "volume": {"ok": volume.ok, "age": round(now - volume.at, 1)},
            "supervision": {"ok": stands.ok, "age": round(now - stands.at, 1)},
        }
        return Health(ok, fields, checks)

    def _stands(self) -> None:
        """LookupError unless all that nothing goes without is running."""
        snapshot = self._system.snapshot(depth=1)
        for name in NEEDED:
            node = snapshot.find(name)
            if node is None or node["state"] != "running":
                raise LookupError(name)

    def _whatsapp(self) -> dict[str, JSON]:
        counts = Counter(view.status for view in self._board.views.values())
        down = counts[SessionStatus.STOPPED] + counts[SessionStatus.ERROR]
        return {
            "activeSessions": counts.total() - down,
            "readySessions": counts[SessionStatus.READY],
            "initializingSessions": sum(counts[status] for status in STARTING),
        }


def room_on(folder: Path) -> None:
    """OSError when its volume is full: what reads still answers then, and nothing can be accepted."""
    if shutil.disk_usage(folder).free < LEAST_ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _session_of(path: str) -> str | None:
    """The session that a path names as a whole, None for any other place."""
    parts = path.removeprefix("root/").strip("/").split("/")
    return parts[1] if len(parts) == 2 and parts[0] == tree.SESSIONS else None


def _memory() -> dict[str, JSON]:
    """Bytes; `tree` adds the browsers and helpers (shared pages counted in each)."""
    process = psutil.Process()
    rss = process.memory_info().rss
    total = rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue  # it has ended meanwhile
    return {"rss": rss, "tree": total}
