"""The site: index page, its scripts, how a page load is to behave, media files."""

import functools
from importlib import resources

from aiohttp import web

from wahook.simulator.faults import FaultKind
from wahook.simulator.media import FILE_LIMIT
from wahook.simulator.network import Network

SCRIPTS = (
    "loader.js",
    "base.js",
    "ids.js",
    "storage.js",
    "wire.js",
    "states.js",
    "session.js",
    "contacts.js",
    "messages.js",
    "chats.js",
    "sending.js",
    "groups.js",
    "media.js",
    "extras.js",
    "peers.js",
    "faults.js",
    "screen.js",
    "boot.js",
)
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; "
    "connect-src 'self' data: blob: ws: wss:; object-src 'none'; base-uri 'none'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


@functools.cache
def asset(name: str) -> str:
    """The text of one packaged file."""
    return resources.files("wahook.simulator").joinpath("page", name).read_text("utf-8")


@functools.cache
def index() -> str:
    """The index page with a tag for every script, in order."""
    tags = "\n".join(f'<script src="/assets/{name}"></script>' for name in SCRIPTS)
    return asset("index.html").replace("{{scripts}}", tags)


class Site:
    """Handlers of what browsers ask for."""

    def __init__(self, network: Network) -> None:
        """Serve pages of this network."""
        self._network = network

    def routes(self) -> list[web.RouteDef]:
        """All paths but the wire."""
        return [
            web.get("/", self.index),
            web.get("/assets/{name}", self.asset),
            web.get("/boot", self.boot),
            web.post("/media", self.upload),
            web.get("/media/{filehash:.+}", self.download),
        ]

    async def index(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET /: the page, with a policy as strict as the real one's: no inline script runs."""
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
        return web.Response(text=index(), content_type="text/html", headers=headers)

    async def asset(self, request: web.Request) -> web.Response:
        """GET /assets/{name}."""
        name = request.match_info["name"]
        if name not in (*SCRIPTS, "page.css"):
            raise web.HTTPNotFound
        kind = _TYPES[name[name.rindex(".") :]]
        return web.Response(text=asset(name), content_type=kind, headers={"Cache-Control": "max-age=60"})

    async def boot(self, request: web.Request) -> web.Response:
        """GET /boot?number=: how this page load is to behave; takes the faults that shape it."""
        number = request.query.get("number") or ""
        slow = self._network.faults.take(number, FaultKind.SLOW_BOOT)
        missing = self._network.faults.take_all(number, FaultKind.MISSING_MODULE)
        shape = {"delay": slow.seconds if slow else 0, "missing": [fault.module for fault in missing]}
        return web.json_response(shape, headers={"Cache-Control": "no-store"})

    async def upload(self, request: web.Request) -> web.Response:
        """POST /media: keep a file."""
        data = await request.content.read(FILE_LIMIT + 1)
        filehash = self._network.media.put(data, request.content_type)
        return web.json_response(
            {"filehash": filehash, "directPath": f"/media/{filehash}", "size": len(data)}
        )

    async def download(self, request: web.Request) -> web.Response:
        """GET /media/{hash}."""
        data, mimetype = self._network.media.get(request.match_info["filehash"])
        return web.Response(body=data, content_type=mimetype)
