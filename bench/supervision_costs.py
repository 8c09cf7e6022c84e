"""Cost of supervision, side by side with bare pykka in the same run.

    python -m bench.supervision_costs [--children 1000] [--nodes 10000] [--rounds 5]

Prints one table of figures with their aims. Machine noise is about a third; read the ratios.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import statistics
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pykka

from supervision import Actor, BackOff, ChildSpec, Handle, Jitter, SupervisorSpec, System
from supervision.testing import VirtualTree

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = os.sysconf("SC_PAGE_SIZE")
Row = tuple[str, str, str]


class Echo(Actor):
    """The smallest supervised actor."""

    def handle(self, message: object) -> object:
        if message == "crash":
            raise ValueError(message)
        return message


class BareEcho(pykka.ThreadingActor):
    """The smallest pykka actor."""

    use_daemon_thread = True

    def on_receive(self, message: object) -> object:
        return message


def rss() -> int:
    """Bytes resident."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def pool(children: int, **rest: object) -> System:
    """A started system with a dynamic supervisor of that many idle children."""
    system = System(SupervisorSpec((ChildSpec("pool", SupervisorSpec(dynamic=True, intensity=10**6)),)))
    system.start(30)
    starts = [system.start_child("pool", ChildSpec(f"c{n}", Echo, **rest)) for n in range(children)]  # type: ignore[arg-type]
    for start in starts:
        start.result(60)
    return system


def idle(children: int) -> list[Row]:
    """Memory and threads of idle children against as many bare actors."""
    before, threads = rss(), threading.active_count()
    refs = [BareEcho.start() for _ in range(children)]
    bare = rss() - before
    bare_threads = threading.active_count() - threads
    for ref in refs:
        ref.stop()
    del refs
    before, threads = rss(), threading.active_count()
    began = time.perf_counter()
    system = pool(children)
    took = time.perf_counter() - began
    ours = rss() - before
    our_threads = threading.active_count() - threads
    system.stop(60)
    return [
        (
            f"memory of {children} idle children",
            f"{ours / children / 1024:.1f} KiB each",
            f"bare {bare / children / 1024:.1f}",
        ),
        (f"threads of {children} idle children", f"{our_threads}", f"bare {bare_threads}"),
        (f"start of {children} children", f"{took:.2f} s", f"{children / took:.0f}/s"),
    ]


def storm(children: int) -> list[Row]:
    """All children crash at once; meanwhile the dump is taken again and again."""
    system = pool(children, backoff=BackOff(0.001, 0.001, jitter=Jitter(1, 1)))
    handles = [system.handle(f"pool/c{n}") for n in range(children)]
    began = time.perf_counter()
    for handle in handles:
        handle.tell("crash")
    dumps: list[float] = []
    while not all(handle.incarnation == 2 and handle.alive for handle in handles):
        at = time.perf_counter()
        system.snapshot()
        dumps.append(time.perf_counter() - at)
        time.sleep(0.02)
    took = time.perf_counter() - began
    system.stop(60)
    return [
        (f"restart storm of {children}", f"{children / took:.0f} restarts/s", f"{took:.2f} s"),
        (
            "dump during the storm",
            f"{1000 * max(dumps):.0f} ms worst",
            f"{1000 * statistics.median(dumps):.0f} median",
        ),
    ]


def best(rounds: int, work: Callable[[], None]) -> float:
    """The quickest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def talk(rounds: int, tells: int = 20_000, asks: int = 3_000) -> list[Row]:
    """Tell and ask through a handle against a bare reference, taking turns."""
    ref = BareEcho.start()
    spec = ChildSpec("echo", Echo, mailbox=10**6)
    with System(SupervisorSpec((spec,))) as system:
        handle: Handle = system.handle("echo")

        def tell_bare() -> None:
            for _ in range(tells):
                ref.tell(1)
            ref.ask(1)

        def tell_ours() -> None:
            for _ in range(tells):
                handle.tell(1)
            handle.ask(1, 30)

        def ask_bare() -> None:
            for _ in range(asks):
                ref.ask(1, timeout=30)

        def ask_ours() -> None:
            for _ in range(asks):
                handle.ask(1, 30)

        figures = {work: best(rounds, work) for work in (tell_bare, tell_ours, ask_bare, ask_ours)}
    ref.stop()
    tell, ask = figures[tell_ours] / figures[tell_bare], figures[ask_ours] / figures[ask_bare]
    return [
        ("tell", f"{tells / figures[tell_ours] / 1000:.0f} k/s", f"{tell:.2f} x bare pykka (aim 1.3)"),
        ("ask", f"{figures[ask_ours] / asks * 1e6:.0f} us", f"{ask:.2f} x bare pykka (aim 1.5)"),
    ]


def dump(nodes: int) -> list[Row]:
    """CPU time of a dump as JSON, with as many threads as nodes (on virtual time, but real threads)."""
    per = 100
    with VirtualTree() as tree:
        subs = [
            ChildSpec(f"s{n}", SupervisorSpec(tuple(ChildSpec(f"w{k}", Echo) for k in range(per - 1))))
            for n in range(nodes // per)
        ]
        tree.start(SupervisorSpec(tuple(subs)))
        found = sum(tree.system.snapshot().data["totals"].values())
        gc.collect()
        took = [cpu(lambda: tree.system.snapshot().to_json()) for _ in range(5)]
        size = len(tree.system.snapshot().to_json())
    return [
        (f"dump of {found} nodes as JSON", f"{1000 * min(took):.0f} ms CPU", f"{size >> 20} MiB (aim 100 ms)")
    ]


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    logging.getLogger("supervision").setLevel(logging.CRITICAL)
    rows = [
        *talk(options.rounds),
        *idle(options.children),
        *storm(options.children),
        *dump(options.nodes),
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(text.ljust(wide[column]) for column, text in enumerate(row)).rstrip())


if __name__ == "__main__":
    main()
