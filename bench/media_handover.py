"""How long a file takes into the page: in pieces over DevTools, by their size, and by the path on our disk.

`python -m bench.media_handover [--megabytes 16] [--rounds 5]`. The floor is DOM.setFileInputFiles: the
browser reads the file itself, which only works while it runs on this machine. Figures of a loaded machine
are noise: it prints the load.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from actors.messages import StateChanged
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp import uploading
from wahook.whatsapp.factory import Browsers
from wahook.whatsapp.life import PageLife

PIECES = (2**16, 2**18, 3 * 2**18, 3 * 2**20)
DEADLINE = 120.0


async def by_pieces(life: PageLife, path: Path) -> None:
    """As the service does it."""
    await uploading.hand_over(life, path, "media_bench", DEADLINE)


async def by_path(life: PageLife, path: Path) -> None:
    """The browser opens the file itself; its bytes are read there once, as sending would."""
    made = await life.command(
        "Runtime.evaluate",
        {"expression": "(window.__bench = Object.assign(document.createElement('input'), {type: 'file'}))"},
        DEADLINE,
    )
    handle = made["result"]["objectId"]
    await life.command("DOM.setFileInputFiles", {"files": [str(path)], "objectId": handle}, DEADLINE)
    await life.page.evaluate("window.__bench.files[0].arrayBuffer().then((all) => all.byteLength)", DEADLINE)


def measure(loop: LoopThread, work: Callable[[], Coroutine[Any, Any, None]], rounds: int) -> str:
    """Median and worst, in milliseconds."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        loop.submit(work()).result(DEADLINE)
        times.append(1000 * (time.perf_counter() - began))
    return f"p50 {statistics.median(times[1:]):7.0f} ms   max {max(times[1:]):7.0f} ms"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    with SimulatorThread() as simulator, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(os.urandom(wanted.megabytes * 2**20))
        loop = LoopThread("bench")
        loop.start()
        settings = Settings(data=Path(folder, "data"), whatsapp_url=simulator.url)
        client = Browsers.from_settings(settings, loop).client("user_1_wa_1", Path(folder, "profile"))
        seen: list[object] = []
        client.open(1, seen.append).result(60)
        while not any(isinstance(event, StateChanged) for event in seen):
            time.sleep(0.05)
        life = client._life  # noqa: SLF001 - below what a session may ask
        assert life is not None
        load = os.getloadavg()[0]
        print(f"{wanted.megabytes} MB, {wanted.rounds} rounds; RSS {_rss()} MB before, load {load:.1f}")
        print(f"  setFileInputFiles (floor)  {measure(loop, lambda: by_path(life, path), wanted.rounds)}")
        for piece in PIECES:
            uploading.PIECE = piece
            line = measure(loop, lambda: by_pieces(life, path), wanted.rounds)
            print(f"  pieces of {piece // 1024:5} KiB        {line}   RSS at most {_rss()} MB")
        client.close().result(20)
        loop.stop(5)


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
