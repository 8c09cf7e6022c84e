"""Counters and histograms that other parts feed. Any thread; a feed costs a lock and an addition."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from wahook.metrics.exposition import Family, Kind, Sample

MAX_SERIES = 500  # for each meter; whoever would be the next is counted together as `other`


class Counter:
    """Only grows. `labels` are names; `add` takes their values in the same order."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        if not name.endswith("_total"):
            raise ValueError(f"{name}: a counter's name ends in _total")
        self.name = name
        self._text = text
        self._labels = tuple(labels)
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count. ValueError when the labels are not as many as were declared."""
        with self._lock:
            key = _key(self.name, self._labels, labels, self._values)
            self._values[key] = self._values.get(key, 0.0) + by

    def family(self) -> Family:
        """As it is now."""
        with self._lock:
            values = sorted(self._values.items())
        found = [Sample(value, tuple(zip(self._labels, key, strict=True))) for key, value in values]
        return Family(self.name, Kind.COUNTER, self._text, found)


class Histogram:
    """How values spread over `buckets` (upper bounds, rising)."""

    def __init__(self, name: str, text: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> None:
        if not buckets or list(buckets) != sorted(set(buckets)):
            raise ValueError(f"{name}: buckets must rise")
        self.name = name
        self._text = text
        self._labels = tuple(labels)
        self._buckets = tuple(buckets)
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], tuple[list[int], float]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Note a value. ValueError when the labels are not as many as were declared."""
        with self._lock:
            key = _key(self.name, self._labels, labels, self._series)
            counts, total = self._series.get(key) or ([0] * (len(self._buckets) + 1), 0.0)
            counts[bisect_left(self._buckets, value)] += 1
            self._series[key] = counts, total + value

    def family(self) -> Family:
        """As it is now."""
        with self._lock:
            series = sorted((key, list(counts), total) for key, (counts, total) in self._series.items())
        samples = [sample for one in series for sample in self._samples(*one)]
        return Family(self.name, Kind.HISTOGRAM, self._text, samples)

    def _samples(self, key: tuple[str, ...], counts: list[int], total: float) -> Iterator[Sample]:
        labels = tuple(zip(self._labels, key, strict=True))
        below = 0
        for bound, count in zip((*self._buckets, float("inf")), counts, strict=True):
            below += count
            yield Sample(
                below, (*labels, ("le", "+Inf" if bound == float("inf") else f"{bound:g}")), "_bucket"
            )
        yield Sample(total, labels, "_sum")
        yield Sample(below, labels, "_count")


class Meters:
    """All that is fed and all that is asked when somebody scrapes. One for each service."""

    def __init__(self) -> None:
        self.requests = Histogram(
            "wahook_http_request_seconds",
            "Requests to the edge by route, method and status.",
            (0.005, 0.025, 0.1, 0.5, 2.5, 10, 60),
            ("method", "route", "status"),
        )
        self.commits = Histogram(
            "wahook_journal_commit_seconds",
            "Time of one commit of the journal, its operations included.",
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
        )
        self.operations = Counter(
            "wahook_journal_operations_total", "Operations that the journal has committed."
        )
        self.failures = Counter("wahook_journal_failures_total", "Commits of the journal that failed.")
        self.events = Counter("wahook_events_total", "Events announced, by name.", ("event",))
        self.restarts = Counter(
            "wahook_restarts_total", "Nodes of the tree that came up again, by what they are.", ("node",)
        )
        self.gave_up = Counter(
            "wahook_gave_up_total",
            "Nodes that were left failed or wedged, by what they are.",
            ("node", "state"),
        )
        self._sources: list[Callable[[], Sequence[Family]]] = []
        self.add(lambda: [one.family() for one in self._own()])

    def add(self, source: Callable[[], Sequence[Family]]) -> None:
        """Ask this too at every scrape, on a helper thread; it may block for as long as its own deadline."""
        self._sources.append(source)

    def collect(self) -> list[Family]:
        """Everything. A source that fails leaves its families out and is counted in the last one."""
        families: list[Family] = []
        failed = 0
        for source in self._sources:
            try:
                families.extend(source())
            except Exception:  # noqa: BLE001  # one deaf source must not blind the operator
                failed += 1
        text = "Sources of metrics that failed at this scrape."
        return [*families, Family("wahook_metrics_sources_failed", Kind.GAUGE, text, [Sample(failed)])]

    def _own(self) -> Iterator[Counter | Histogram]:
        yield from (self.requests, self.commits, self.operations, self.failures, self.events)
        yield from (self.restarts, self.gave_up)


def _key(
    name: str, names: tuple[str, ...], labels: tuple[str, ...], known: Mapping[tuple[str, ...], object]
) -> tuple[str, ...]:
    if len(labels) != len(names):
        raise ValueError(f"{name} has the labels {names}")
    return labels if labels in known or len(known) < MAX_SERIES else ("other",) * len(names)
