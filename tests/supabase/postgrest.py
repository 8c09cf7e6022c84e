"""A small honest PostgREST on HTTP, with the faults of a real one's neighbourhood: it dies, dawdles, refuses.

It knows as much of the protocol as the mirror uses, and answers 501 to everything else. What it cannot prove
(types, policies, grants) the tests with a real server do.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.ports import free_port

UNIQUE = {"whatsapp_accounts": ("session_id",), "messages": ("session_id", "wa_message_id")}
KEY = "sb_secret_test"
Row = dict[str, Any]


@dataclass
class Refusal:
    """What a row is answered with."""

    status: int
    code: str
    message: str = ""

    def answer(self) -> web.Response:
        body = {"code": self.code, "message": self.message, "details": "the row: (491700000001, secret)"}
        return web.json_response(body | {"hint": None}, status=self.status)


@dataclass
class Postgrest:
    """Tables in memory, in the order of insertion. One statement is all or nothing."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in UNIQUE})
    refuse: Callable[[str, Row], Refusal | None] = lambda table, row: None
    refuse_deletion: Refusal | None = None
    script: deque[web.Response | float] = field(default_factory=deque)  # next answers; seconds: that slow
    requests: list[tuple[str, str, int]] = field(default_factory=list)  # method, table, rows
    url: str = ""
    _runner: web.AppRunner | None = None
    _port: int = field(default_factory=free_port)

    async def start(self) -> None:
        """Listen; after a `stop` at the same address."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/rest/v1/{table}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """As a machine that is switched off: connections break, nothing listens. Idempotent."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def rows(self, table: str, *columns: str) -> list[Any]:
        """What is there, in the order of insertion: a column's values, or tuples of them."""
        found = [tuple(row.get(name) for name in columns) for row in self.tables[table]]
        return [row[0] for row in found] if len(columns) == 1 else found

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        table = request.match_info["table"]
        scripted = self.script.popleft() if self.script else None
        if isinstance(scripted, web.Response):
            return scripted
        if scripted is not None:
            await asyncio.sleep(scripted)
        if request.headers.get("apikey") != KEY:
            return Refusal(401, "", "Invalid API key").answer()
        if table not in self.tables:
            return Refusal(404, "PGRST205", f"Could not find the table 'public.{table}'").answer()
        body = json.loads(await request.text() or "null")
        self.requests.append((request.method, table, len(body) if isinstance(body, list) else 1))
        match request.method:
            case "GET":
                return self._select(table, request.query)
            case "POST":
                return self._upsert(table, body, request)
            case "PATCH":
                return self._update(table, body, request.query)
            case "DELETE" if self.refuse_deletion is not None:
                return self.refuse_deletion.answer()
            case "DELETE":
                self.tables[table] = [row for row in self.tables[table] if not _is(row, request.query)]
                return web.Response(status=204)
        return web.Response(status=501)

    def _select(self, table: str, query: Any) -> web.Response:
        found = [row for row in self.tables[table] if _is(row, query)]
        if order := query.get("order"):
            found.sort(key=lambda row: row[order.partition(".")[0]])
        return web.json_response(found[: int(query.get("limit", 1000))])

    def _upsert(self, table: str, rows: list[Row], request: web.Request) -> web.Response:
        prefer = request.headers["Prefer"]
        assert {"resolution=merge-duplicates", "return=minimal"} <= set(prefer.split(",")), prefer
        assert request.query["on_conflict"] == ",".join(UNIQUE[table])
        assert len({tuple(sorted(row)) for row in rows}) == 1, "rows of different columns"
        keys = [_key(table, row) for row in rows]
        if len(set(keys)) < len(keys):
            return Refusal(500, "21000", "ON CONFLICT DO UPDATE cannot affect row a second time").answer()
        for row in rows:
            if refusal := self.refuse(table, row):
                return refusal.answer()
        for key, row in zip(keys, rows, strict=True):
            known = next((one for one in self.tables[table] if _key(table, one) == key), None)
            if known is None:
                self.tables[table].append(dict(row))
            else:
                known.update(row)
        return web.Response(status=201)

    def _update(self, table: str, values: Row, query: Any) -> web.Response:
        found = [row for row in self.tables[table] if _is(row, query)]
        for row in found:
            row.update(values)
        return web.json_response(found)


def _key(table: str, row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in UNIQUE[table])


def _is(row: Row, query: Any) -> bool:
    for name, condition in query.items():
        operator, _, value = condition.partition(".")
        if operator == "eq" and str(row.get(name)) != value:
            return False
        if operator == "gt" and (row.get(name) is None or not row[name] > value):
            return False
    return True
