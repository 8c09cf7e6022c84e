"""What saving and restoring a profile costs, and whether a login outlives kill -9 right after it.

    python -m bench.profile_archives [rounds, 20]

Real Chromium on the simulator, whose profile is small; the same padded with 30 MB of large values. Floor: a
plain recursive copy of the same folder, which would not be consistent. Kill: the browser is killed so many
seconds after the page says that it is connected; kept: the next start shows no code. Figures of a loaded
machine are noise: it prints the load.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from actors.messages import PageEvent, QrShown, StateChanged
from wahook.loop import LoopThread
from wahook.profiles import ProfileKey, Profiles, RemoteProfiles, archive, snapshot
from wahook.profiles.stores import DirectoryStore
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.factory import Browsers

DEADLINE = 30.0
PAD = 30 * 1024 * 1024
KEY = ProfileKey.parse("ab" * 32)
sessions = (f"user_{number}_wa_1" for number in itertools.count(1))
numbers = itertools.count(491700000001)


class Bench:
    """A simulator, browsers, and profiles for the length of a run."""

    def __init__(self, folder: Path, simulator: SimulatorThread, loop: LoopThread) -> None:
        self.folder = folder
        self.simulator = simulator
        self.profiles = Profiles(folder / "sessions")
        self.browsers = Browsers.from_settings(
            Settings(data=folder / "data", whatsapp_url=simulator.url), loop
        )

    def log_in(self, kill_after: float | None = None) -> str:
        """A session that is logged in; closed gently, or killed so many seconds after it was connected."""
        session_id = next(sessions)
        client = self.browsers.client(session_id, self.profiles.make(session_id))
        events: queue.SimpleQueue[PageEvent] = queue.SimpleQueue()
        client.open(1, events.put).result(DEADLINE)
        self._scan(wait(events, lambda event: isinstance(event, QrShown)))
        wait(events, is_connected)
        if kill_after is None:
            client.close().result(DEADLINE)
        else:
            time.sleep(kill_after)
            client.kill()
            client.close().result(DEADLINE)
        return session_id

    def _scan(self, event: PageEvent) -> None:
        assert isinstance(event, QrShown)
        url = f"{self.simulator.url}/sim/phones/{next(numbers)}/scan"
        body, kind = json.dumps({"code": event.code}).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(url, body, kind)  # noqa: S310 - the simulator
        urllib.request.urlopen(request, timeout=DEADLINE).close()  # noqa: S310

    def is_kept(self, session_id: str) -> bool:
        """Whether this profile comes up without a code."""
        client = self.browsers.client(session_id, self.profiles.path(session_id))
        events: queue.SimpleQueue[PageEvent] = queue.SimpleQueue()
        client.open(1, events.put).result(DEADLINE)
        event = wait(events, lambda event: isinstance(event, QrShown) or is_connected(event))
        client.close().result(DEADLINE)
        return not isinstance(event, QrShown)


def is_connected(event: PageEvent) -> bool:
    return isinstance(event, StateChanged) and event.state.connected


def wait(events: queue.SimpleQueue[PageEvent], when: Callable[[PageEvent], bool]) -> PageEvent:
    while True:
        if when(event := events.get(timeout=DEADLINE)):
            return event


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def costs(bench: Bench, session_id: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each step, `rounds` times."""
    rows: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=bench.folder) as name:
            for step, value in one_round(bench, session_id, Path(name)):
                rows.setdefault(step, []).append(value)
    return rows


def one_round(bench: Bench, session_id: str, folder: Path) -> Iterator[tuple[str, float]]:
    profile, store = bench.profiles.path(session_id), DirectoryStore(bench.folder / "store")
    here = RemoteProfiles(bench.profiles, store, KEY)
    there = RemoteProfiles(Profiles(folder / "there"), store, KEY)
    copy, packed = folder / "copy", folder / "packed"
    copy.mkdir()
    databases = profile / "Default/IndexedDB"
    yield "copy -r (floor)", timed(lambda: shutil.copytree(databases, folder / "plain"))
    yield "fingerprint", timed(lambda: here.fingerprint(session_id))
    yield "snapshot", timed(lambda: snapshot.take(profile, copy))
    yield "pack and seal", timed(lambda: archive.pack(copy, packed, KEY, session_id))
    yield "archive, KB", packed.stat().st_size / 1024
    yield "save, all in all", timed(lambda: here.save(session_id))
    yield "restore, all in all", timed(lambda: there.restore(session_id))


def show(title: str, rows: dict[str, list[float]]) -> None:
    print(title)
    for name, values in rows.items():
        print(f"  {name:20} p50 {statistics.median(values):9.1f}   max {max(values):9.1f}")


def pad(profile: Path) -> None:
    """Large values, as files beside the database: what media and history make of a profile."""
    folder = next((profile / "Default/IndexedDB").glob("*.leveldb")).with_suffix(".blob") / "1/00"
    folder.mkdir(parents=True)
    for number in range(PAD // (1 << 20)):
        (folder / f"{number + 1:x}").write_bytes(os.urandom(1 << 20))


def main(rounds: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with SimulatorThread(sync_delay=0.05) as simulator, tempfile.TemporaryDirectory() as name:
        loop = LoopThread("browser")
        loop.start()
        bench = Bench(Path(name), simulator, loop)
        try:
            session_id = bench.log_in()
            print(f"load {os.getloadavg()[0]:.1f}; milliseconds unless said otherwise")
            show("profile of the simulator", costs(bench, session_id, rounds))
            pad(bench.profiles.path(session_id))
            show("the same with 30 MB of large values", costs(bench, session_id, max(3, rounds // 4)))
            for seconds in (0.0, 1.0):
                kept = [bench.is_kept(bench.log_in(kill_after=seconds)) for _ in range(rounds)]
                print(f"kill -9 {seconds:.0f} s after connected: {sum(kept)} of {rounds} logins kept")
        finally:
            loop.stop(10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
