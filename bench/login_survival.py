"""How often a login survives a kill -9 of its Chromium, by how soon after the scan it comes.

    python -m bench.login_survival [kills for each row, 20]

Real Chromium on the simulator: scan, kill the browser's whole group after so many seconds, or at the moment
in which the session would be announced as ready, and open the profile again: a login, or a code?
Measured on the simulator's storage (IndexedDB with strict durability decides, localStorage follows), so the
second column is what matters for WhatsApp's: whether localStorage had what was written before.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TypeVar

import structlog

from actors.messages import PageEvent, QrShown, StateChanged
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.factory import Browsers

DEADLINE = 30.0
AFTER = (0.0, 0.1, 0.3, 1.0, 2.0, None)  # seconds after the page is connected; None: when it is settled
MIRRORED = b"last-wid-md"
Events = queue.SimpleQueue[PageEvent]
T = TypeVar("T")


def main(kills: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    with SimulatorThread() as simulator, tempfile.TemporaryDirectory() as folder:
        loop = LoopThread("browser")
        loop.start()
        browsers = Browsers.from_settings(Settings(data=Path(folder), whatsapp_url=simulator.url), loop)
        print(f"{kills} kills for each row, load {os.getloadavg()[0]:.1f}")
        print(f"{'killed':>22} {'login survived':>15} {'localStorage had it':>20} {'settled in':>11}")
        for row, after in enumerate(AFTER):
            runs = [one(browsers, simulator.url, Path(folder), (row, n), after) for n in range(kills)]
            name = "when settled" if after is None else f"{after:g} s after login"
            settled = f"{sum(run[2] for run in runs) / kills:.2f} s" if after is None else ""
            kept, mirrored = share(run[0] for run in runs), share(run[1] for run in runs)
            print(f"{name:>22} {kept:>15} {mirrored:>20} {settled:>11}")
        loop.stop(5)


def share(them: object) -> str:
    listed = list(them)  # type: ignore[call-overload]
    return f"{sum(listed)}/{len(listed)}"


def one(
    browsers: Browsers, url: str, folder: Path, place: tuple[int, int], after: float | None
) -> tuple[bool, bool, float]:
    """Login survived, localStorage had it, seconds until it was settled."""
    row, number = place
    phone, profile = f"4915{row}{number:07}", folder / f"profile-{row}-{number}"
    client = browsers.client(f"bench-{row}-{number}", profile)
    events = opened(client, 1)
    code = wait(events, QrShown).code
    scan(url, phone, code)
    while not wait(events, StateChanged).state.connected:
        pass
    began = time.perf_counter()
    if after is None:
        client.settle(DEADLINE).result(DEADLINE)
    else:
        time.sleep(after)
    took = time.perf_counter() - began
    client.kill()
    client.close().result(DEADLINE)
    mirrored = any(
        MIRRORED in file.read_bytes() for file in profile.glob("Default/Local Storage/leveldb/*.l*")
    )
    events = opened(client, 2)
    survived = shows_login(events)
    client.kill()
    client.close().result(DEADLINE)
    return survived, mirrored, took


def opened(client: PageClient, number: int) -> Events:
    events: Events = queue.SimpleQueue()
    client.open(number, events.put).result(DEADLINE)
    return events


def wait(events: Events, kind: type[T]) -> T:
    while True:
        event = events.get(timeout=DEADLINE)
        if isinstance(event, kind):
            return event


def shows_login(events: Events) -> bool:
    while True:
        match events.get(timeout=DEADLINE):
            case QrShown():
                return False
            case StateChanged(state=state) if state.connected:
                return True


def scan(url: str, phone: str, code: str) -> None:
    body, kind = json.dumps({"code": code}).encode(), {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/sim/phones/{phone}/scan", body, kind)).read()  # noqa: S310


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
