"""A dump of the tree, made from what is published: no actor is ever asked, so none can delay it.

The JSON text is made first (its schema is in docs/supervision.md); data, text and HTML are drawn from it.
All durations are seconds, all times ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from supervision import render
from supervision.child import URGENCY, State
from supervision.clock import stamp
from supervision.home import normal
from supervision.nest import SupervisorCell
from supervision.nodes import Look, draw

if TYPE_CHECKING:
    from supervision.child import Child
    from supervision.system import System

SCHEMA_VERSION = 1
Order: TypeAlias = Literal["urgency", "start"]
Tree: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the tree to show. `depth`: levels below the root. `states`: these, and what leads to them."""

    depth: int | None = None
    states: frozenset[str] = frozenset()
    order: Order = "urgency"

    @property
    def hides(self) -> bool:
        """Whether it may leave nodes out."""
        return self.depth is not None or bool(self.states)


class Snapshot:
    """A dump and its renderings; immutable."""

    def __init__(self, envelope: Tree, tree: str) -> None:
        self._envelope = envelope
        self._tree = tree

    @property
    def version(self) -> int:
        """The system's change counter when it was made."""
        return int(self._envelope["version"])

    @property
    def etag(self) -> str:
        """For HTTP: changes with every transition (not with ages, depths and other flowing values)."""
        return f'"{self._envelope["process"]["started_at"]}-{self.version}"'

    @cached_property
    def data(self) -> Tree:
        """The dump as plain dictionaries."""
        return {**self._envelope, "tree": json.loads(self._tree)}

    def to_dict(self) -> Tree:
        """Same as `data`."""
        return self.data

    def to_json(self, indent: int | None = None) -> str:
        """JSON text."""
        if indent is not None:
            return json.dumps(self.data, ensure_ascii=False, indent=indent)
        head = json.dumps(self._envelope, ensure_ascii=False, separators=(",", ":"))
        return f'{head[:-1]},"tree":{self._tree}}}'

    def to_text(self) -> str:
        """A tree for a terminal."""
        return render.to_text(self.data)

    def to_html(self) -> str:
        """One page without scripts."""
        return render.to_html(self.data)

    def find(self, path: str) -> Tree | None:
        """The node of a path, or None when it is not shown."""
        queue = [self.data["tree"]]
        while queue:
            node = queue.pop()
            if node is not None and node["path"] == normal(path):
                return dict(node)
            queue.extend(node.get("children", []) if node is not None else [])
        return None


def collect(system: System, wanted: Filter) -> Snapshot:
    """Look at the whole tree now."""
    began = system.runtime.clock.monotonic()
    walk = _Walk(Look(system), wanted)
    found = walk.visit(system.root, 0)
    now = walk.look.now
    process = {
        **walk.look.probe.process(),
        **system.info,
        "started_at": stamp(system.started_at),
        "uptime_s": round((now - system.started_at).total_seconds(), 3),
        "abandoned_threads": len(system.home.abandoned),
    }
    envelope = {
        "schema_version": SCHEMA_VERSION,
        "version": system.version,
        "name": system.name,
        "generated_at": stamp(now),
        "collected_in_ms": round((system.runtime.clock.monotonic() - began) * 1000, 3),
        "complete": not wanted.hides,
        "process": process,
        "totals": {state.value: walk.totals.get(state, 0) for state in State},
        "recent": [entry.to_dict() for entry in system.transitions[-50:]],
    }
    return Snapshot(envelope, found[1] if found is not None else "null")


class _Walk:
    """Visits every node, so that all are counted, and draws those that the filter lets through."""

    def __init__(self, look: Look, wanted: Filter) -> None:
        self.look = look
        self.wanted = wanted
        self.totals: Counter[State] = Counter()

    def visit(self, child: Child, level: int) -> tuple[int, str] | None:
        """The rank of the worst state in the subtree and its JSON; None when it is hidden."""
        text, state = draw(child, self.look)
        self.totals[state] += 1
        worst = URGENCY[state]
        below: list[tuple[int, str]] = []
        cell = child.facts.cell
        supervisor = isinstance(cell, SupervisorCell)
        if isinstance(cell, SupervisorCell):
            children = list(cell.supervisor.children.values())
            below = [found for each in children if (found := self.visit(each, level + 1)) is not None]
            if self.wanted.order == "urgency":
                below.sort(key=lambda found: found[0])
            worst = min([worst, *(rank for rank, _ in below)])
            inner = ",".join(part for _, part in below)
            text = f'{text},{_fuses(cell, self.look)},"children":[{inner}]'
        if self._hidden(state, level, parent_of_shown=supervisor and bool(below)):
            return None
        return worst, f'{{{text},"worst":{worst}}}'

    def _hidden(self, state: State, level: int, *, parent_of_shown: bool) -> bool:
        if self.wanted.depth is not None and level > self.wanted.depth:
            return True
        return (
            bool(self.wanted.states)
            and state.value not in self.wanted.states
            and level > 0
            and not parent_of_shown
        )


def _fuses(cell: SupervisorCell, look: Look) -> str:
    supervisor, now = cell.supervisor, look.monotonic
    spec = supervisor.spec
    shown: Tree = {
        "intensity": {
            "used": sum(at >= now - spec.period for at in supervisor.recent),
            "max": spec.intensity,
            "period_s": spec.period,
        }
    }
    if supervisor.guard is not None:
        fuse, until = supervisor.guard.fuse, supervisor.guard.paused_until(now)
        shown["storm_fuse"] = {
            "max": fuse.max,
            "period_s": fuse.period,
            "used": supervisor.guard.used(now),
            "tripped_until": look.at(until) if until else None,
        }
    return json.dumps(shown, separators=(",", ":"))[1:-1]
