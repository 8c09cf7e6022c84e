"""Whether something grows: measures of the service's process and of a browser, and the slope over them."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

import psutil

from wahook.memory import give_back

MB = 1024**2


@asynccontextmanager
async def simulator_process():
    """`wahook simulator` beside us, so that its ledger does not count as ours; gives its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wahook",
        "simulator",
        "--port",
        "0",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield await asyncio.wait_for(_address(process), 30)
    finally:
        process.kill()
        await process.communicate()


async def _address(process) -> str:
    async for line in process.stdout:
        if found := re.search(rb"http://[0-9.]+:[0-9]+", line):
            return found.group().decode()
    raise AssertionError("the simulator ended")


@dataclass(frozen=True)
class Measure:
    """After `done` messages or restarts. Bytes; `browser` is the PSS of a session's browser."""

    done: int
    rss: int
    threads: int
    fds: int
    objects: int
    browser: int


async def collect_in_page(house, session_id: str) -> None:
    """Have the page's own garbage collected: how long it lies there is the engine's business."""
    profile = house.service.settings.sessions_path / f"session-{session_id}"
    port = (profile / "DevToolsActivePort").read_text().split()[0]
    http = house.client.http
    async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
        page = next(one for one in await answer.json(content_type=None) if one["type"] == "page")
    async with http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
        for number in (1, 2):
            await socket.send_json({"id": number, "method": "HeapProfiler.collectGarbage"})
            while (await socket.receive_json(timeout=20)).get("id") != number:
                pass


async def measured(house, session_id: str, done: int) -> Measure:
    """Both, without garbage."""
    await collect_in_page(house, session_id)
    return await asyncio.to_thread(measure, house, session_id, done)


def measure(house, session_id: str, done: int) -> Measure:
    """Of this process without its garbage. Blocking."""
    give_back()
    me = psutil.Process()
    sampler = house.service.system.sampler
    sampler.sample()
    sample = sampler.samples.get(f"sessions/{session_id}/session")
    return Measure(
        done,
        me.memory_info().rss,
        me.num_threads(),
        len(list(Path("/proc/self/fd").iterdir())),
        len(gc.get_objects()),
        0 if sample is None else sample.pss,
    )


def slope(measures: list[Measure], name: str) -> float:
    """By how much one of them grows with each message or restart."""
    return linear_regression([one.done for one in measures], [getattr(one, name) for one in measures]).slope


def table(measures: list[Measure]) -> str:
    """For the eye."""
    lines = ["  done   rss MB  threads  fds   objects  browser MB"]
    for one in measures:
        own = f"{one.done:6}  {one.rss / MB:7.1f}  {one.threads:7}  {one.fds:3}  {one.objects:8}"
        lines.append(f"{own}  {one.browser / MB:10.1f}")
    return "\n".join(lines)
