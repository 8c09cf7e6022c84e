"""Who does what, for the record of transitions."""

from __future__ import annotations

from aiohttp import web

from wahook.edge.schemas import OperatorHeaders


def by_whom(request: web.Request, headers: OperatorHeaders) -> str:
    """The operator's own word, else the address it came from."""
    return f"api:{headers.operator or request.remote or 'unknown'}"
