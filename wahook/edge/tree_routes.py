"""The supervision tree and the operator's verbs."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from aiohttp import web

from supervision import Snapshot
from wahook.edge.negotiate import choose, has_already
from wahook.edge.operators import by_whom
from wahook.edge.ports import Operations, Verb
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import ActBody, NodeRequest, OperatorHeaders, TransitionList, TreeBody, TreeQuery

TREE = "/api/supervision/tree"
OURSELVES = frozenset({"edge", "root/edge"})
LAST_WORDS = 0.2  # seconds
_FORMS = {"json": "application/json", "text": "text/plain", "html": "text/html"}
_DONE = {200: Answer("Done and recorded.", ActBody)}
# the rendered page brings its own style and no script
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class TreeRoutes:
    """Reads go to published snapshots on a helper thread, so that a large dump does not hold up the loop."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._acting: asyncio.Future[None] | None = None  # kept: a loop forgets what nobody awaits

    @route(
        "GET", TREE, "supervision",
        {
            200: Answer("The tree, in the form asked for.", TreeBody, ("text/plain", "text/html"),
                        {"ETag": "Changes with every change of state."}),
            304: Answer("Nothing changed state since."),
        },
        (406,),
    )  # fmt: skip
    async def get_tree(self, query: TreeQuery, request: web.Request) -> web.StreamResponse:
        """Get the supervision tree, most urgent first: JSON, text or HTML, by Accept."""
        if query.format is not None:
            form = _FORMS[query.format]
        else:
            form = choose(request.headers.get("Accept", ""), tuple(_FORMS.values()))
        dump = await self._look(query)
        etag = _etag(dump, form, query)
        headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "no-cache"}
        if has_already(request.headers.get("If-None-Match", ""), etag):
            return web.Response(status=304, headers=headers)
        if form == "text/html":
            headers["Content-Security-Policy"] = _PAGE_POLICY
        text = await asyncio.to_thread(_render, dump, form)
        return web.Response(text=text, content_type=form, charset="utf-8", headers=headers)

    async def _look(self, query: TreeQuery) -> Snapshot:
        states = frozenset[str](query.state) or None
        return await asyncio.to_thread(
            self._operations.snapshot, depth=query.depth, states=states, order=query.order
        )

    @route(
        "GET", "/api/supervision/transitions", "supervision",
        {200: Answer("Oldest first.", TransitionList)},
    )  # fmt: skip
    async def list_transitions(self) -> web.StreamResponse:
        """List the last 200 changes of state, with who caused them."""
        entries: list[dict[str, Any]] = [dict(each.to_dict()) for each in self._operations.transitions()]
        return json_answer(TransitionList(transitions=entries))

    @route("POST", "/api/supervision/restart", "supervision", _DONE, (404, 409, 503))
    async def restart_node(
        self, body: NodeRequest, request: web.Request, headers: OperatorHeaders
    ) -> web.StreamResponse:
        """Stop a node, with its group, and start it again."""
        return await self._act("restart", body.path, by_whom(request, headers))

    @route("POST", "/api/supervision/stop", "supervision", _DONE, (404, 409, 503))
    async def stop_node(
        self, body: NodeRequest, request: web.Request, headers: OperatorHeaders
    ) -> web.StreamResponse:
        """Stop a node until it is started again."""
        return await self._act("stop", body.path, by_whom(request, headers))

    @route("POST", "/api/supervision/start", "supervision", _DONE, (404, 409, 503))
    async def start_node(
        self, body: NodeRequest, request: web.Request, headers: OperatorHeaders
    ) -> web.StreamResponse:
        """Start a node that is down."""
        return await self._act("start", body.path, by_whom(request, headers))

    @route("POST", "/api/supervision/retry", "supervision", _DONE, (404, 409, 503))
    async def retry_node(
        self, body: NodeRequest, request: web.Request, headers: OperatorHeaders
    ) -> web.StreamResponse:
        """Start a failed, held or waiting node now, its count of failures cleared."""
        return await self._act("retry", body.path, by_whom(request, headers))

    async def _act(self, verb: Verb, path: str, by: str) -> web.StreamResponse:
        acting = self._acting = asyncio.ensure_future(self._operations.act(verb, path, by))
        if path in OURSELVES:  # it begins with our end: the answer has to go before
            await asyncio.wait({acting}, timeout=LAST_WORDS)
        if path not in OURSELVES or acting.done():
            await acting
        return json_answer(ActBody(path=path, verb=verb, by=by, state=await self._state(path)))

    async def _state(self, path: str) -> str | None:
        def look() -> str | None:
            node = self._operations.snapshot(depth=None, states=None, order="start").find(path)
            return None if node is None else str(node["state"])

        return await asyncio.to_thread(look)


def _render(dump: Snapshot, form: str) -> str:
    match form:
        case "text/plain":
            return dump.to_text()
        case "text/html":
            return dump.to_html()
        case _:
            return dump.to_json()


def _etag(dump: Snapshot, form: str, query: TreeQuery) -> str:
    """Weak: ages and depths flow on while the states are the same."""
    what = f"{dump.etag} {form} {query.depth} {sorted(query.state)} {query.order}"
    return f'W/"{hashlib.sha256(what.encode()).hexdigest()[:24]}"'
