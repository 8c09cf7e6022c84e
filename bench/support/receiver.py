"""Somebody's bare HTTP server, for a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from aiohttp import web


def serve_posts(pipe: Connection, take: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """Answer every POST with `take` until the process is ended; its port goes through the pipe first."""

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())
