"""The connections of Socket.IO clients: hanging up on those that do not take what they are sent.

Engine.IO queues without limit for each client and notices a dead one after 45 s; until then a slow reader
would cost as much memory as there is to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import web

_log = structlog.get_logger(__name__)
HANG_UP_SECONDS = 2.0


class Crowd:
    """`server`: the python-socketio server. `limit`: packets that may wait for one client."""

    def __init__(self, server: Any, limit: int) -> None:
        self._server = server
        self._limit = limit
        self._wires: set[asyncio.Transport] = set()
        self._upgraded: dict[str, asyncio.Transport] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self.dropped = 0

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Know the connection behind each client, while it lasts."""
        wire = request.transport
        if wire is None or not request.path.startswith("/socket.io"):
            return await handler(request)
        engine_id = request.query.get("sid", "")
        self._wires.add(wire)
        if "Upgrade" in request.headers and engine_id:
            self._upgraded[engine_id] = wire
        try:
            return await handler(request)
        finally:
            self._wires.discard(wire)
            if self._upgraded.get(engine_id) is wire:
                del self._upgraded[engine_id]

    def drop_slow(self, rooms: Sequence[str]) -> None:
        """Hang up on each client of the rooms for which too much is waiting."""
        for _, engine_id in list(self._server.manager.get_participants("/", list(rooms))):
            client = self._server.eio.sockets.get(engine_id)
            if client is not None and client.queue.qsize() >= self._limit:
                self._drop(engine_id, client)

    def _drop(self, engine_id: str, client: Any) -> None:
        self.dropped += 1
        _log.warning("edge.slow_client_dropped", waiting=client.queue.qsize())
        wire = self._upgraded.get(engine_id) or self._first_wire(engine_id)
        while not client.queue.empty():
            client.queue.get_nowait()
            client.queue.task_done()
        if wire is not None:
            wire.abort()
        ending = asyncio.create_task(client.close(wait=False, abort=True))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def _first_wire(self, engine_id: str) -> asyncio.Transport | None:
        """The connection of a client that began as a WebSocket."""
        environ = self._server.environ.get(engine_id, {})
        request = environ.get("aiohttp.request")
        found = request.transport if request is not None else None
        return found if found in self._wires else None

    async def close(self) -> None:
        """Hang up on everybody without a word, so that clients reconnect by themselves."""
        for wire in list(self._wires):
            wire.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_SECONDS):
                await self._server.shutdown()
