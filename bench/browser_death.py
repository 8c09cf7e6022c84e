"""How soon a killed Chromium is noticed, and how long the next start takes.

    python -m bench.browser_death [kills, 100]

Real Chromium on the simulator. Noticed: from kill -9 of the browser's main process until BrowserLost is
emitted. Opened: from `open` until the page is on its way; shown: until its code is on the screen, which holds
wa-js's fixed quiet period of 0.75 s. Figures of a loaded machine are noise: it prints the load.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import structlog

from actors.messages import BrowserLost, PageEvent, QrShown
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.factory import Browsers

DEADLINE = 30.0


def main(kills: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with SimulatorThread() as simulator, tempfile.TemporaryDirectory() as folder:
        loop = LoopThread("browser")
        loop.start()
        browsers = Browsers.from_settings(Settings(data=Path(folder), whatsapp_url=simulator.url), loop)
        client = browsers.client("bench", Path(folder) / "profile")
        try:
            one(client, 0)  # the first start asks for the user agent too
            rows = [one(client, number) for number in range(1, kills + 1)]
        finally:
            client.close().result(DEADLINE)
            loop.stop(5)
    print(f"{kills} kills, load {os.getloadavg()[0]:.1f}; milliseconds")
    for name, values in zip(("noticed", "opened", "shown"), zip(*rows, strict=True), strict=True):
        print(f"{name:8} p50 {p(values, 50):7.1f}   p99 {p(values, 99):7.1f}   max {max(values):7.1f}")


def one(client: PageClient, number: int) -> tuple[float, float, float]:
    """Open, wait for the code, kill. Milliseconds: noticed, opened, shown."""
    events: queue.SimpleQueue[tuple[float, PageEvent]] = queue.SimpleQueue()
    began = time.perf_counter()
    client.open(number, lambda event: events.put((time.perf_counter(), event))).result(DEADLINE)
    opened = time.perf_counter()
    shown = wait(events, QrShown)
    killed = time.perf_counter()
    os.kill(client.pids[0], signal.SIGKILL)
    lost = wait(events, BrowserLost)
    return (lost - killed) * 1000, (opened - began) * 1000, (shown - began) * 1000


def wait(events: queue.SimpleQueue[tuple[float, PageEvent]], kind: type[PageEvent]) -> float:
    while True:
        at, event = events.get(timeout=DEADLINE)
        if isinstance(event, kind):
            return at


def p(values: tuple[float, ...], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
