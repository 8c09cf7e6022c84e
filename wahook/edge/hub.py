"""Socket.IO: who is connected, in which room, and what they are told.

A user's clients hear of that user's sessions; a client without a userId is an operator and hears everything,
the tree's transitions too. Everything here runs on the edge's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import socketio
import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from wahook.edge.crowd import Crowd
from wahook.edge.keys import KeyCheck
from wahook.edge.outlet import Outlet
from wahook.edge.ports import Sessions
from wahook.edge.schemas import Identifier
from wahook.edge.wire import Packet, greeting

_log = structlog.get_logger(__name__)
_USER: TypeAdapter[str] = TypeAdapter(Identifier)
OPERATORS = "operators"
GREETING_SECONDS = 10.0
MESSAGE_BYTES = 64 * 1024  # clients have nothing to say but their key


class Hub:
    """Attach it to the application, then `pump` packets through it."""

    def __init__(
        self,
        app: web.Application,
        sessions: Sessions,
        check: KeyCheck,
        allows_origin: Callable[[str | None], bool],
        queue_limit: int = 2000,
    ) -> None:
        self._sessions = sessions
        self._check = check
        self._allows_origin = allows_origin
        self._turn = asyncio.Lock()
        self.server = socketio.AsyncServer(
            async_mode="aiohttp",
            cors_allowed_origins=self._origin_allowed,
            cors_credentials=False,
            max_http_buffer_size=MESSAGE_BYTES,
            namespaces=["/"],
            logger=False,
            engineio_logger=False,
        )
        self.crowd = Crowd(self.server, queue_limit)
        self.server.on("connect", self._connect)
        self.server.attach(app)
        app.middlewares.append(self.crowd.middleware)

    def _origin_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """Same origin, also behind a proxy that says so, or one of CORS_ORIGINS."""
        scheme = environ.get("HTTP_X_FORWARDED_PROTO") or environ["wsgi.url_scheme"]
        hosts = {environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST")} - {None}
        schemes = {scheme.split(",")[0].strip(), environ["wsgi.url_scheme"]}
        return self._allows_origin(origin) or any(origin == f"{s}://{h}" for s in schemes for h in hosts)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        user = self._admit(environ, auth if isinstance(auth, dict) else {})
        # under the lock no packet is emitted: what is newer than the greeting's look comes after it
        async with self._turn:
            await self.server.enter_room(sid, OPERATORS if user is None else room_of(user))
            await self._greet(sid, user)
        _log.info("edge.client_connected", operator=user is None)

    def _admit(self, environ: dict[str, Any], auth: dict[str, Any]) -> str | None:
        offered = auth.get("apiKey")
        if not (
            self._check.accepts(offered)
            if isinstance(offered, str)
            else self._check.accepts_headers(environ.get("HTTP_X_API_KEY"), environ.get("HTTP_AUTHORIZATION"))
        ):
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")
        if auth.get("userId") is None:
            return None
        try:
            return _USER.validate_python(auth["userId"])
        except ValidationError:
            raise socketio.exceptions.ConnectionRefusedError("bad userId") from None

    async def _greet(self, sid: str, user: str | None) -> None:
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                found = await self._sessions.all()
        except Exception as error:  # noqa: BLE001  # a client without its greeting still hears what follows
            _log.warning("edge.greeting_failed", error=type(error).__name__)
            return
        for each in found:
            if user is None or each.account.user_id == user:
                for packet in greeting(each):
                    await self.server.emit(packet.name, packet.payload, to=sid)

    async def pump(self, outlet: Outlet[Callable[[], Packet]]) -> None:
        """For ever: tell each packet to whom it concerns, in order. What fails is logged and left out."""
        while True:
            make = await outlet.take()
            async with self._turn:
                await self._tell(make)

    async def _tell(self, make: Callable[[], Packet]) -> None:
        try:
            packet = make()
            rooms = self._rooms(packet)
            self.crowd.drop_slow(rooms)
            await self.server.emit(packet.name, packet.payload, to=rooms)
        except Exception as error:  # noqa: BLE001  # one bad packet must not silence the rest
            _log.error("edge.event_lost", error=type(error).__name__)

    def _rooms(self, packet: Packet) -> list[str]:
        owner = None if packet.session_id is None else self._sessions.owner(packet.session_id)
        return [OPERATORS] if owner is None else [OPERATORS, room_of(owner)]

    async def close(self) -> None:
        """Hang up on everybody; they come again when the edge does."""
        await self.crowd.close()


def room_of(user: str) -> str:
    """The room of a user's clients."""
    return f"user:{user}"
