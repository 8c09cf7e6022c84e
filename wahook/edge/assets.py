"""The static files: the dashboard and the API's page. They hold no data, so they need no key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from wahook.edge.negotiate import has_already

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGES = {"/": "index.html", "/docs": "docs.html"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it was at start."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Raises OSError."""
        body = path.read_bytes()
        return cls(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:24]}"')

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The file, or 304."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
        if has_already(request.headers.get("If-None-Match", ""), self.etag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=headers)


def static_routes(socket_io_client: Path | None) -> dict[str, Asset]:
    """Every static file by its path. `socket_io_client`: the npm package's minified ES module."""
    found = {f"/static/{path.name}": Asset.read(path) for path in FOLDER.iterdir() if path.suffix in _TYPES}
    found |= {path: Asset.read(FOLDER / name) for path, name in _PAGES.items()}
    if socket_io_client is not None:
        found["/static/socket.io.js"] = Asset.read(socket_io_client)
    return found
