"""The wire: one WebSocket per page. Requests come in, answers and events go out, in order."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from wahook.simulator.accounts import Device
from wahook.simulator.errors import SimulatorError

_log = structlog.get_logger(__name__)
MESSAGE_LIMIT = 16 * 2**20


@dataclass(eq=False, slots=True)
class Page:
    """A connected page. settled: it has laid out what the login brought, live messages may come."""

    socket: web.WebSocketResponse
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    device: Device | None = None
    keys: str = ""
    settled: bool = False
    refs: asyncio.TimerHandle | None = None
    _outgoing: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)

    def push(self, event: str, **payload: Any) -> None:
        """Send an event; never blocks, dropped when the page is gone."""
        self._outgoing.put_nowait(json.dumps({"event": event, **payload}))

    def answer(self, request_id: int, payload: dict[str, Any]) -> None:
        """Send the answer to a request."""
        self._outgoing.put_nowait(json.dumps({"re": request_id, **payload}))

    def hang_up(self) -> None:
        """Close the connection once everything before has been sent."""
        self._outgoing.put_nowait(None)

    async def write(self) -> None:
        """Send what is queued until hang_up or the connection breaks."""
        with contextlib.suppress(ConnectionError):
            while (text := await self._outgoing.get()) is not None:
                await self.socket.send_str(text)
            await self.socket.close()


Answer = dict[str, Any] | None  # None: no answer (yet)
Handler = Callable[[Page, dict[str, Any]], Answer]


async def serve_page(
    request: web.Request, handle: Handler, left: Callable[[Page], None]
) -> web.WebSocketResponse:
    """Run one page's connection to its end; `left` is called exactly once, whatever ends it."""
    socket = web.WebSocketResponse(heartbeat=30.0, max_msg_size=MESSAGE_LIMIT)
    await socket.prepare(request)
    page = Page(socket)
    writer = asyncio.create_task(page.write())
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                _take(page, json.loads(message.data), handle)
    except (ConnectionError, json.JSONDecodeError) as error:
        _log.warning("simulator.wire.broken", page=page.id, error=type(error).__name__)
    finally:
        writer.cancel()
        left(page)
    return socket


def _take(page: Page, request: dict[str, Any], handle: Handler) -> None:
    request_id = request.get("request")
    try:
        answer = handle(page, request)
    except SimulatorError as error:
        answer = {"error": str(error), "status": error.status}
    except (KeyError, TypeError, ValueError) as error:
        _log.warning("simulator.wire.malformed", page=page.id, op=request.get("op"), error=repr(error))
        answer = {"error": f"malformed request: {error!r}", "status": 400}
    if isinstance(request_id, int) and answer is not None:
        page.answer(request_id, answer)
