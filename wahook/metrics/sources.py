"""What is read when somebody scrapes: published views, the tree, the journal, memory. Asks no actor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import psutil

from actors import tree
from actors.durable import TaskState
from actors.model import MessageStatus, SessionStatus, SessionView
from supervision import Snapshot
from wahook.metrics.exposition import Family, Kind, Sample


class CacheCounts(Protocol):
    """What a cache tells of itself. Any thread."""

    @property
    def hits(self) -> int: ...

    @property
    def misses(self) -> int: ...


def sessions(views: Callable[[], Mapping[str, SessionView]]) -> Sequence[Family]:
    """Sessions by status, every status named."""
    counts = Counter(view.status for view in views().values())
    samples = [Sample(counts[status], (("status", status),)) for status in SessionStatus]
    return [_gauge("wahook_sessions", "Sessions by status.", samples)]


def messages(counts: Callable[[], Mapping[str, Mapping[MessageStatus, int]]]) -> Sequence[Family]:
    """What the journal still has to do, over all sessions."""
    total: Counter[MessageStatus] = Counter()
    for one in counts().values():
        total.update(one)
    wanted = MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING, MessageStatus.FAILED
    samples = [Sample(total[status], (("status", status),)) for status in wanted]
    return [_gauge("wahook_messages", "Messages in the journal that are not sent, by status.", samples)]


def supervision(look: Callable[[], Snapshot]) -> Sequence[Family]:
    """Nodes by state, the lanes' queues, and the memory of what the nodes own."""
    nodes = list(_nodes(look().data["tree"]))
    states = Counter(node["state"] for node in nodes)
    return [
        _gauge("wahook_nodes", "Nodes of the supervision tree by state.", _by("state", states)),
        *_lanes([node for node in nodes if role(node["path"]) == "lane"]),
        *_processes(nodes),
    ]


def _lanes(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    reports = [node.get("app") or {} for node in nodes]
    depth: Counter[str] = Counter({"queued": 0, "scheduled": 0})
    waiting: Counter[str] = Counter()
    for report in reports:
        for kind in ("queued", "scheduled"):
            depth[kind] += int(report.get(kind) or 0)
        if report.get("waiting"):
            waiting[str(report["waiting"]).split(":")[0]] += 1
    yield _gauge("wahook_queue_depth", "Messages in the lanes' queues.", _by("kind", depth))
    yield _gauge("wahook_lanes_waiting", "Lanes that take nothing now, by what they wait for.",
                 _by("reason", waiting))  # fmt: skip


def _processes(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    used: Counter[str] = Counter()
    for node in nodes:
        if node.get("os"):
            used[role(node["path"])] += int(node["os"].get("pss") or 0)
    yield _gauge("wahook_process_memory_bytes",
                 "Memory (PSS) of the processes that nodes own, by what the nodes are.",
                 _by("node", used))  # fmt: skip


def unfinished(counts: Callable[[], Mapping[str, Mapping[TaskState, int]]]) -> Sequence[Family]:
    """Webhooks and e-mails that wait, and those that were given up until somebody replays them."""
    found = counts()
    texts = {"deliveries": "Calls of webhooks", "mails": "E-mails to owners"}
    return [
        _gauge(f"wahook_{name}", f"{text} in the journal that did not arrive, by state.",
               _by("state", {str(state): number for state, number in found[name].items()}))
        for name, text in texts.items()
    ]  # fmt: skip


def mirror(counts: Callable[[], tuple[int, int]]) -> Sequence[Family]:
    """What the mirror does not have."""
    waiting, aside = counts()
    samples = _by("state", {"open": waiting, "set_aside": aside})
    return [_gauge("wahook_mirror_changes", "Changes that the mirror does not have, by state.", samples)]


def process() -> Sequence[Family]:
    """This process, under the names that Prometheus' own clients use."""
    me = psutil.Process()
    with me.oneshot():
        times, memory = me.cpu_times(), me.memory_info()
        cpu = Sample(times.user + times.system)
        return [
            _gauge("process_resident_memory_bytes", "Memory (RSS) of the service.", [Sample(memory.rss)]),
            Family("process_cpu_seconds_total", Kind.COUNTER, "Processor time of the service.", [cpu]),
            _gauge("process_open_fds", "Open descriptors of the service.", [Sample(me.num_fds())]),
            _gauge("process_threads", "Threads of the service.", [Sample(me.num_threads())]),
            _gauge("process_start_time_seconds", "Unix time of its start.", [Sample(me.create_time())]),
        ]


def caches(counts: Callable[[], Mapping[str, CacheCounts]]) -> Sequence[Family]:
    """How often caches had the answer, by what was asked for."""
    samples = [
        Sample(value, (("cache", name), ("result", result)))
        for name, cache in dict(counts()).items()
        for result, value in (("hit", cache.hits), ("miss", cache.misses))
    ]
    return [Family("wahook_cache_lookups_total", Kind.COUNTER, "Questions put to caches.", samples)]


def _gauge(name: str, text: str, samples: Sequence[Sample]) -> Family:
    return Family(name, Kind.GAUGE, text, samples)


def _by(label: str, counts: Mapping[str, int]) -> list[Sample]:
    return [Sample(value, ((label, key),)) for key, value in sorted(counts.items())]


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children") or ():
        yield from _nodes(child)


def role(path: str) -> str:
    """What a node is, without whose: a session's id would make a series for each user."""
    parts = path.strip("/").split("/")
    match parts:
        case [tree.SESSIONS, _]:
            return "session-tree"
        case [tree.SESSIONS, _, *rest]:
            return rest[-1]
        case [tree.OUTBOX, _]:
            return "lane"
        case _:
            return parts[0] or "root"
