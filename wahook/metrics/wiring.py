"""Which part of the service feeds which meter, and what is read at a scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from actors.messages import JournalOperation
from actors.ports import Journal
from supervision import System, Transition
from wahook.announcer import Announcer
from wahook.board import Board
from wahook.journal.queues import QueueReader
from wahook.journal.reader import JournalReader
from wahook.metrics import sources
from wahook.metrics.exposition import render
from wahook.metrics.meters import Meters


class MeteredJournal:
    """A journal whose commits are measured."""

    def __init__(self, journal: Journal, meters: Meters) -> None:
        self._journal = journal
        self._meters = meters

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        """As the journal's own."""
        began = time.perf_counter()
        try:
            results = self._journal.write(operations)
        except BaseException:
            self._meters.failures.add()
            raise
        self._meters.commits.observe(time.perf_counter() - began)
        self._meters.operations.add(by=len(operations))
        return results


class Metrics:
    """What the edge shows at /metrics; blocking, so on a helper thread."""

    def __init__(
        self,
        meters: Meters,
        *,
        system: System,
        board: Board,
        reader: JournalReader,
        announcer: Announcer,
        caches: Callable[[], Mapping[str, sources.CacheCounts]] = dict,
        queues: QueueReader | None = None,
    ) -> None:
        self.meters = meters
        announcer.subscribe(lambda event: meters.events.add(event.name))
        system.subscribe(partial(_count, meters))
        meters.add(lambda: sources.sessions(lambda: board.views))
        meters.add(lambda: sources.messages(reader.counts))
        meters.add(lambda: sources.supervision(system.snapshot))
        meters.add(lambda: sources.caches(caches))
        if queues is not None:
            meters.add(lambda: sources.unfinished(queues.unfinished))
            meters.add(lambda: sources.mirror(queues.count_changes))
        meters.add(sources.process)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """The edge has answered."""
        self.meters.requests.observe(seconds, method, route, str(status))

    def text(self) -> str:
        """The text that Prometheus reads."""
        return render(self.meters.collect())


def _count(meters: Meters, entry: Transition) -> None:
    if entry.after == "running" and entry.incarnation > 1:
        meters.restarts.add(sources.role(entry.path))
    elif entry.after in ("failed", "wedged"):
        meters.gave_up.add(sources.role(entry.path), entry.after)
