"""The edge's aiohttp application: routes, their description, static files, Socket.IO, the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from wahook.edge.act_routes import ActRoutes
from wahook.edge.assets import static_routes
from wahook.edge.chat_routes import ChatRoutes, ContactRoutes
from wahook.edge.group_routes import GroupRoutes
from wahook.edge.guard import Guard, Observe
from wahook.edge.hub import Hub
from wahook.edge.keys import KeyCheck
from wahook.edge.media_routes import MediaRoutes
from wahook.edge.message_routes import MessageRoutes
from wahook.edge.openapi import describe
from wahook.edge.ports import Mails, Media, Messages, Mirror, Operations, Pages, Sessions, Webhooks
from wahook.edge.queue_routes import MailRoutes, MirrorRoutes
from wahook.edge.routing import Endpoint, endpoints
from wahook.edge.service_routes import ServiceRoutes
from wahook.edge.session_routes import SessionRoutes
from wahook.edge.tree_routes import TreeRoutes
from wahook.edge.webhook_routes import WebhookRoutes

BODY_BYTES = 1024 * 1024
SOCKET_IO = "/socket.io/"  # its handshake asks for the key itself


@dataclass(frozen=True, slots=True)
class Parts:
    """What the edge is made from. `socket_io_client`: the browser's module, None when it is not installed."""

    sessions: Sessions
    messages: Messages
    operations: Operations
    api_key: str
    cors_origins: Sequence[str] = ()
    socket_io_client: Path | None = None
    version: str = "0"
    metrics: Callable[[], str] = str
    observe: Observe = lambda *_: None
    webhooks: Webhooks | None = None  # None: there are no routes for them
    media: Media | None = None  # likewise
    pages: Pages | None = None  # likewise
    mails: Mails | None = None  # likewise
    mirror: Mirror | None = None  # likewise


def create_app(parts: Parts) -> tuple[web.Application, Hub]:
    """On the edge's loop. Raises OSError when a static file is missing."""
    service = ServiceRoutes(parts.operations, parts.metrics)
    found = list(
        endpoints(
            SessionRoutes(parts.sessions),
            MessageRoutes(parts.messages),
            ActRoutes(parts.messages),
            *(() if parts.media is None else (MediaRoutes(parts.media),)),
            *(() if parts.pages is None else _page_routes(parts.pages)),
            *(() if parts.webhooks is None else (WebhookRoutes(parts.webhooks),)),
            *(() if parts.mails is None else (MailRoutes(parts.mails),)),
            *(() if parts.mirror is None else (MirrorRoutes(parts.mirror),)),
            TreeRoutes(parts.operations),
            service,
        )
    )
    service.document = describe(found, parts.version)
    assets = static_routes(parts.socket_io_client)
    check = KeyCheck(parts.api_key)
    guard = Guard(check, {*_open_paths(found), *assets, SOCKET_IO}, parts.cors_origins, parts.observe)
    app = web.Application(middlewares=[guard.middleware], client_max_size=BODY_BYTES)
    app.on_response_prepare.append(guard.add_headers)
    _add(app, {(each.route.method, each.route.path): each for each in found})
    for path, asset in assets.items():
        app.router.add_get(path, asset.answer)
    return app, Hub(app, parts.sessions, check, guard.allows_origin)


def _page_routes(pages: Pages) -> tuple[object, ...]:
    return ChatRoutes(pages), ContactRoutes(pages), GroupRoutes(pages)


def _open_paths(found: Sequence[Endpoint]) -> set[str]:
    return {each.route.path for each in found if each.route.is_open}


def _add(app: web.Application, found: Mapping[tuple[str, str], Endpoint]) -> None:
    for (method, path), endpoint in found.items():
        if method == "GET":
            app.router.add_get(path, endpoint.__call__)
        else:
            app.router.add_route(method, path, endpoint.__call__)
