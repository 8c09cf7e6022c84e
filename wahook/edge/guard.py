"""What every request passes: the key, the problems, the headers, cross-origin rules, a line in the log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeAlias

import structlog
from aiohttp import web

from supervision.masking import masked_traceback
from wahook.edge.keys import KeyCheck
from wahook.edge.problems import Problem, problem_of

_log = structlog.get_logger(__name__)
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Observe: TypeAlias = Callable[[str, str, int, float], object]  # method, route, status, seconds

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "wahook",
}
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_EXPOSED = "ETag, Location, Retry-After, Idempotency-Replayed"
_ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Api-Key, X-Operator"


class Guard:
    """The middleware of the edge, and its header signal. `open_paths`: templates that need no key.

    `observe` is told of every answer; the route is its template, empty for what is not there.
    """

    def __init__(
        self,
        check: KeyCheck,
        open_paths: Collection[str],
        origins: Sequence[str],
        observe: Observe = lambda *_: None,
    ) -> None:
        self._check = check
        self._observe = observe
        self._open = frozenset(open_paths)
        self._origins = frozenset(origins)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether pages of that origin may call us; same-origin pages are not asked here."""
        return origin is not None and (origin in self._origins or "*" in self._origins)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Outermost: whatever happens below becomes an answer."""
        began = time.monotonic()
        try:
            answer = await self._admitted(request, handler)
        except Exception as error:  # noqa: BLE001  # clients get a problem, never a bare failure
            answer = _failed(request, error)
        route, seconds = _template(request), time.monotonic() - began
        _log.debug(
            "edge.answered",
            method=request.method,
            route=route,
            status=answer.status,
            seconds=round(seconds, 4),
        )
        self._observe(
            request.method if request.method in _METHODS else "other", route, answer.status, seconds
        )
        return answer

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        template = _template(request)
        if self._is_preflight(request) and not template.startswith("/socket.io"):
            return web.Response(status=204, headers=_preflight_headers())
        if template not in self._open and not self._check.accepts_headers(
            request.headers.get("X-Api-Key"), request.headers.get("Authorization")
        ):
            raise Problem(
                401,
                "unauthorized",
                "Send the API key as X-Api-Key or as Authorization: Bearer.",
                {"WWW-Authenticate": 'Bearer realm="wahook"'},
            )
        return await handler(request)

    def _is_preflight(self, request: web.Request) -> bool:
        return (
            request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
            and self.allows_origin(request.headers.get("Origin"))
        )

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signal on_response_prepare: on every answer, Socket.IO's too."""
        for name, value in _HEADERS.items():
            if name not in response.headers or name == "Server":
                response.headers[name] = value
        origin = request.headers.get("Origin")
        if origin is not None and self._origins:
            response.headers["Vary"] = ", ".join(filter(None, (response.headers.get("Vary"), "Origin")))
            if self.allows_origin(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def _template(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _preflight_headers() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(_METHODS)),
        "Access-Control-Allow-Headers": _ALLOWED,
        "Access-Control-Max-Age": "600",
    }


def _failed(request: web.Request, error: Exception) -> web.StreamResponse:
    problem = problem_of(error)
    if problem is None:
        _log.error("edge.failed", route=_template(request), trace=masked_traceback(error))
        problem = Problem(500, "internal", "The service failed at this; its log says how.")
    elif problem.status >= 500:
        _log.warning(
            "edge.unavailable", route=_template(request), code=problem.code, error=type(error).__name__
        )
    return problem.response()
