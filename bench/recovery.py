"""How long a session is away after its Chromium was killed, next to a plain start with a restored login.

    python -m bench.recovery [rounds, 30]

The whole service in this process, real Chromium, the simulator. In each round, in turn:
  start     stop, then start over the API: from the call until the session is ready
  killed    kill -9 of the browser: until it is noticed (`disconnected`), until it is ready again
The wait before a restart (RECONNECT_BASE_DELAY) is set to 0.05 s here, so that it does not hide the rest; in
production it comes on top. Figures of a loaded machine are noise: look at the ratio, and at the load.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import structlog

from actors.events import Disconnected, Event, Qr, StatusChanged
from actors.model import SessionConfig, SessionId, SessionStatus
from wahook.service import Service
from wahook.settings import Settings
from wahook.simulator import SimulatorThread

DEADLINE = 60.0
PHONE = "491510000001"
SESSION = SessionId("1", "1")
Heard = queue.SimpleQueue[tuple[float, Event]]


def main(rounds: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    with SimulatorThread() as simulator, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=Path(folder), whatsapp_url=simulator.url, port=0, api_key="bench", reconnect_base_delay=0.05
        )
        service = Service(settings)
        heard: Heard = queue.SimpleQueue()
        service.announcer.subscribe(lambda event: heard.put((time.perf_counter(), event)))
        service.start()
        try:
            link(service, simulator.url, heard)
            rows = [one(service, heard) for _ in range(rounds)]
        finally:
            service.stop()
    tell(rows)


def link(service: Service, url: str, heard: Heard) -> None:
    asyncio.run(service.sessions.create(SESSION, SessionConfig()))
    code = next(
        event for _, event in iter(lambda: heard.get(timeout=DEADLINE), None) if isinstance(event, Qr)
    )
    body = json.dumps({"code": code.code}).encode()
    kind = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/sim/phones/{PHONE}/scan", body, kind)  # noqa: S310
    urllib.request.urlopen(request).read()  # noqa: S310
    ready(heard)


def one(service: Service, heard: Heard) -> tuple[float, float, float]:
    """Milliseconds: a plain start, a death noticed, ready after a death."""
    asyncio.run(service.sessions.stop(str(SESSION), "bench"))
    clear(heard)
    began = time.perf_counter()
    asyncio.run(service.sessions.start(str(SESSION), "bench"))
    started = ready(heard) - began

    node = service.system.snapshot().find(f"sessions/{SESSION}/session")
    (pid,) = node["os"]["pids"]
    clear(heard)
    killed = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    noticed = next(
        at for at, event in iter(lambda: heard.get(timeout=DEADLINE), None) if isinstance(event, Disconnected)
    )
    return started * 1000, (noticed - killed) * 1000, (ready(heard) - killed) * 1000


def ready(heard: Heard) -> float:
    while True:
        match heard.get(timeout=DEADLINE):
            case at, StatusChanged(status=SessionStatus.READY):
                return at


def clear(heard: Heard) -> None:
    while not heard.empty():
        heard.get()


def tell(rows: list[tuple[float, float, float]]) -> None:
    print(f"{len(rows)} rounds, load {os.getloadavg()[0]:.1f}; milliseconds")
    for name, values in zip(
        ("plain start to ready", "kill -9 to noticed", "kill -9 to ready"),
        zip(*rows, strict=True),
        strict=True,
    ):
        print(f"{name:22} p50 {p(values, 50):8.1f}   p99 {p(values, 99):8.1f}")
    ratios = tuple(recovered / started for started, _, recovered in rows)
    print(f"ready after a kill / plain start, same round: p50 {p(ratios, 50):.2f}   p99 {p(ratios, 99):.2f}")


def p(values: tuple[float, ...], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
