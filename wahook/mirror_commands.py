"""What operators may do with the mirror: see how it stands, have it try again, have it copy everything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from actors import tree
from actors.durable import BeginCopy, MirrorChange, RetryMirrorChanges
from actors.errors import RuleBroken
from actors.mirror import MirrorDue
from supervision import System
from wahook.asking import JOURNAL_DEADLINE, write
from wahook.edge.ports import MirrorState
from wahook.journal.queues import QueueReader
from wahook.mirror import OptionalMirror


class MirrorCommands:
    """Implements `edge.ports.Mirror`. Coroutines for any loop."""

    def __init__(self, mirror: OptionalMirror, queues: QueueReader, system: System) -> None:
        self._mirror = mirror
        self._queues = queues
        self._system = system

    async def state(self) -> MirrorState:
        """From the journal and what the mirror has published; asks nobody."""
        waiting, aside = await asyncio.to_thread(self._queues.count_changes)
        health = self._mirror.health()
        node = self._system.snapshot(depth=1).find(tree.MIRROR) or {}
        told = node.get("app") or {}
        age = health.get("age")
        return MirrorState(
            configured=self._mirror.place is not None,
            connected=health["connected"] is True,
            age=age if isinstance(age, int | float) else None,
            open=waiting,
            set_aside=aside,
            copying=bool(told.get("copying")),
            last_error=told.get("last_error"),
        )

    async def set_aside(self, *, limit: int, after: int) -> Sequence[MirrorChange]:
        """In order."""
        return await asyncio.to_thread(self._queues.set_aside_changes, limit, after)

    async def retry(self) -> int:
        """Open again what was set aside."""
        self._place()
        opened = await self._write(RetryMirrorChanges())
        assert isinstance(opened, int)  # noqa: S101
        return opened

    async def copy(self) -> int:
        """Take everything over once more."""
        accounts = await self._write(BeginCopy(self._place(), again=True))
        assert isinstance(accounts, tuple)  # noqa: S101
        return len(accounts)

    def _place(self) -> str:
        if (place := self._mirror.place) is None:
            raise RuleBroken("no_mirror", "no mirror is set up: SUPABASE_URL is not set")
        return place

    async def _write(self, operation: RetryMirrorChanges | BeginCopy) -> object:
        result = await write(self._system.handle(tree.WRITER), operation, JOURNAL_DEADLINE)
        self._system.handle(tree.MIRROR).tell(MirrorDue())
        return result
