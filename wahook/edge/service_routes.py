"""How the service is, what it measures, and its own description."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from actors.model import JSON
from wahook.edge.ports import Operations
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import HealthBody, LiveBody, ObjectBody

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HEALTH = {
    200: Answer("All is well.", HealthBody),
    503: Answer("Something needed is not there; the fields say what.", HealthBody),
}


class ServiceRoutes:
    """`document` is set once all routes are known. `metrics` is called on helper threads."""

    def __init__(self, operations: Operations, metrics: Callable[[], str] = str) -> None:
        self._operations = operations
        self._metrics = metrics
        self.document: dict[str, JSON] = {}

    @route("GET", "/api/health", "service", _HEALTH, is_open=True)
    async def get_health(self) -> web.StreamResponse:
        """Check the service's health; needs no key."""
        found = await self._operations.health()
        return _health(found.ok, found.fields)

    @route("GET", "/readyz", "service", _HEALTH, is_open=True)
    async def get_readiness(self) -> web.StreamResponse:
        """Check whether the service can take requests, and what keeps it from that; needs no key."""
        found = await self._operations.health()
        return _health(found.ok, {**found.fields, **found.checks})

    @route("GET", "/livez", "service", {200: Answer("It turns.", LiveBody)}, is_open=True)
    async def get_liveness(self) -> web.StreamResponse:
        """Check whether the service's event loop turns; needs no key."""
        return json_answer(LiveBody(status="alive"))

    @route("GET", "/metrics", "service", {200: Answer("Prometheus' text.", media=("text/plain",))})
    async def get_metrics(self) -> web.StreamResponse:
        """Get what the service counts and measures, for Prometheus."""
        text = await asyncio.to_thread(self._metrics)
        return web.Response(body=text.encode(), headers={"Content-Type": METRICS_TYPE})

    @route("GET", "/openapi.json", "service", {200: Answer("OpenAPI 3.1.", ObjectBody)})
    async def get_openapi(self) -> web.StreamResponse:
        """Get this description."""
        return web.json_response(self.document)


def _health(ok: bool, fields: dict[str, JSON]) -> web.Response:
    text = json.dumps(fields, ensure_ascii=False)
    return web.Response(status=200 if ok else 503, text=text, content_type="application/json")
