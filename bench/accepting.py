"""How many messages a second `POST …/messages` takes, each on disk before its answer, and how long it takes.

    python -m bench.accepting [--seconds 5] [--directory DIR]

Two floors in the same run, with the same client: a bare aiohttp server in a process of its own that reads
the same JSON and answers with as much of it, and the commit of one row (fsync) by sqlite3 alone. The session
is stopped, so that nothing is sent meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from aiohttp import ClientSession, web

from bench.support.figures import Commits, line, load, parser, percentile
from bench.support.household import API, KEY, household
from bench.support.receiver import serve_posts

ANSWER = {"messageId": "msg_" + "0" * 32, "content": "x" * 500}
numbers = itertools.count()


def serve(pipe: Connection) -> None:
    """The floor's server."""

    async def take(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response(ANSWER, status=202)

    serve_posts(pipe, take)


def poster(http: ClientSession, url: str) -> Callable[[], Awaitable[None]]:
    """Posts one message."""

    async def post() -> None:
        body = {"to": "491769999999", "text": f"number {next(numbers)} " + "x" * 100}
        async with http.post(url, json=body, headers={"X-Api-Key": KEY}) as answer:
            await answer.read()
            assert answer.status == 202, answer.status

    return post


async def measure(post: Callable[[], Awaitable[None]], clients: int, seconds: float) -> list[float]:
    """Seconds of each answer; every client asks as soon as it was answered."""
    ends, took = time.perf_counter() + seconds, []

    async def client() -> None:
        while (began := time.perf_counter()) < ends:
            await post()
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(clients)))
    return took


def rate(took: list[float], seconds: float) -> str:
    """A row of the table."""
    p50, p99 = percentile(took, 50), percentile(took, 99)
    return f"{len(took) / seconds:7.0f}/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms"


async def main() -> None:
    """Print a table."""
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=5)
    given = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    bare = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    bare.start()
    try:
        floor_url = f"http://127.0.0.1:{ours.recv()}/messages"
        async with household(given.directory) as house:
            session = (await house.call("POST", "", {"userId": "1", "accountId": "1"}))["sessionId"]
            await house.call("POST", f"/{session}/stop")
            floor = poster(house.http, floor_url)
            accept = poster(house.http, f"{house.service}{API}/{session}/messages")
            print(load())
            commits = Commits(house.data)
            print(line("floor: a commit by sqlite3", [commits.take(1) for _ in range(200)]))
            for clients in (1, 8, 64):
                for post in (floor, accept):  # connections and caches
                    await measure(post, clients, 0.5)
                answered = await measure(floor, clients, given.seconds)
                accepted = await measure(accept, clients, given.seconds)
                print(f"{f'floor: bare aiohttp, {clients} at once':<34}{rate(answered, given.seconds)}")
                print(f"{f'accepted, {clients} at once':<34}{rate(accepted, given.seconds)}")
    finally:
        bare.terminate()
        bare.join(5)


if __name__ == "__main__":
    asyncio.run(main())
