"""One DevTools WebSocket to one browser: calls with deadlines, events by session, an end that all hear.

Lives on one loop; nothing here is for other threads. The socket is the browser's own, pages are reached
through flat sessions, so that one connection carries everything and its loss says everything.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import aiohttp
import structlog

from actors.errors import DeadlinePassed, Fault

log = structlog.get_logger(__name__)

Json: TypeAlias = dict[str, Any]
Listener: TypeAlias = Callable[[str, Json], None]


class ChannelClosed(Fault):
    """The socket, or the page behind it, is gone; `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProtocolFault(Fault):
    """DevTools answered with an error."""

    def __init__(self, method: str, error: Json) -> None:
        super().__init__(f"{method}: {error.get('message', error)}")
        self.code = error.get("code")


class DevToolsChannel:
    """An open connection. `on_close` is called once, on the loop, when it ends without `close`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, http: aiohttp.ClientSession) -> None:
        self._socket = socket
        self._http = http
        self._ids = itertools.count(1)
        self._pending: dict[int, tuple[str | None, asyncio.Future[Json]]] = {}
        self._listeners: dict[str | None, Listener] = {}
        self._closed = False
        self.on_close: Callable[[], None] | None = None
        self._reader = asyncio.create_task(self._read(), name="devtools-reader")

    @classmethod
    async def connect(cls, endpoint: str, deadline: float) -> DevToolsChannel:
        """Open the WebSocket at `endpoint`. ChannelClosed when nobody answers within `deadline` seconds."""
        http = aiohttp.ClientSession(trust_env=False)
        try:
            async with asyncio.timeout(deadline):
                socket = await http.ws_connect(endpoint, max_msg_size=0, compress=0, autoping=True)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await http.close()
            raise ChannelClosed("channel_refused") from error
        return cls(socket, http)

    @property
    def closed(self) -> bool:
        return self._closed

    def listen(self, session: str | None, listener: Listener) -> None:
        """Call this with each event of a session (None: of the browser), on the loop; one listener each."""
        self._listeners[session] = listener

    async def call(
        self, method: str, params: Json | None = None, *, session: str | None = None, deadline: float
    ) -> Json:
        """One command's result. DeadlinePassed, ProtocolFault, or ChannelClosed at once when it ends."""
        if self._closed:
            raise ChannelClosed("channel_closed")
        number = next(self._ids)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._pending[number] = (session, answer)
        try:
            async with asyncio.timeout(deadline):
                await self._send(number, method, params, session)
                data = await answer
        except TimeoutError:
            raise DeadlinePassed(f"{method}: no answer within {deadline:g} s") from None
        finally:
            self._pending.pop(number, None)
        if "error" in data:
            raise ProtocolFault(method, data["error"])
        result: Json = data["result"]
        return result

    def fail_session(self, session: str, reason: str) -> None:
        """Fail the calls of one page at once: its renderer will answer none of them."""
        self._fail(ChannelClosed(reason), lambda owner: owner == session)

    async def close(self) -> None:
        """Close without calling `on_close`; pending calls fail. Idempotent."""
        self.on_close = None
        self._end()
        self._reader.cancel()
        with suppress(Exception):
            async with asyncio.timeout(1.0):
                await self._socket.close()
        await self._http.close()

    def abort(self) -> None:
        """Cut the connection as a crash would; `on_close` is called."""
        self._reader.cancel()

    async def _send(self, number: int, method: str, params: Json | None, session: str | None) -> None:
        message: Json = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        try:
            await self._socket.send_str(json.dumps(message))
        except (ConnectionError, aiohttp.ClientError) as error:
            raise ChannelClosed("channel_closed") from error

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        except Exception as error:
            log.exception("channel.failed", kind=type(error).__name__)
        finally:
            self._end()

    def _take(self, data: Json) -> None:
        if (number := data.get("id")) is not None:
            _, answer = self._pending.get(number, (None, None))
            if answer is not None and not answer.done():
                answer.set_result(data)
        elif listener := self._listeners.get(data.get("sessionId")):
            try:
                listener(data["method"], data["params"])
            except Exception as error:  # a listener's fault must not end the channel of a healthy browser
                log.exception("channel.listener_failed", method=data["method"], kind=type(error).__name__)

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._fail(ChannelClosed("channel_closed"), lambda _: True)
        if self.on_close is not None:
            self.on_close()

    def _fail(self, error: ChannelClosed, concerns: Callable[[str | None], bool]) -> None:
        for session, answer in tuple(self._pending.values()):
            if concerns(session) and not answer.done():
                answer.set_exception(error)
