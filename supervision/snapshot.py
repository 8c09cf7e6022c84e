"""A dump of the tree, made from what is published: no actor is ever asked, so none can delay it.

`collect` gives plain JSON-ready dictionaries (the schema is in docs/supervision.md); `render` makes JSON,
text and HTML of them. All durations are seconds, all times ISO 8601 in UTC.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from supervision import render
from supervision.child import State
from supervision.home import normal
from supervision.masking import masked
from supervision.nest import SupervisorCell
from supervision.nodes import Look, node

if TYPE_CHECKING:
    from supervision.child import Child
    from supervision.system import System
    from supervision.transitions import Transition

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


def collect(system: System, wanted: Filter) -> Tree:
    """The envelope and the tree."""
    began = system.runtime.clock.monotonic()
    look = Look(system)
    totals: Counter[str] = Counter()
    tree = _walk(system.root, look, wanted, totals, 0)
    now = look.now
    process = {
        **look.probe.process(),
        **system.info,
        "started_at": stamp(system.started_at),
        "uptime_s": round((now - system.started_at).total_seconds(), 3),
        "abandoned_threads": len(system.home.abandoned),
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "version": system.version,
        "name": system.name,
        "generated_at": stamp(now),
        "collected_in_ms": round((system.runtime.clock.monotonic() - began) * 1000, 3),
        "complete": not wanted.hides,
        "process": process,
        "totals": {state.value: totals.get(state.value, 0) for state in State},
        "tree": tree,
        "recent": [transition(entry) for entry in system.transitions[-50:]],
    }


def _walk(child: Child, look: Look, wanted: Filter, totals: Counter[str], level: int) -> Tree | None:
    """A node with its shown descendants; None when the filter hides it. Everything is counted."""
    shown = node(child, look)
    totals[shown["state"]] += 1
    cell = child.facts.cell
    if isinstance(cell, SupervisorCell):
        _fuse(shown, cell, look)
        below = [
            found
            for each in list(cell.supervisor.children.values())
            if (found := _walk(each, look, wanted, totals, level + 1)) is not None
        ]
        if wanted.order == "urgency":
            below.sort(key=lambda each: each["worst"])
        shown["worst"] = min([shown["worst"], *(each["worst"] for each in below)])
        shown["children"] = below
    if wanted.depth is not None and level > wanted.depth:
        return None
    if wanted.states and shown["state"] not in wanted.states and not shown.get("children") and level:
        return None
    return shown


def _fuse(shown: Tree, cell: SupervisorCell, look: Look) -> None:
    supervisor = cell.supervisor
    spec = supervisor.spec
    now = look.monotonic
    shown["intensity"] = {
        "used": sum(at >= now - spec.period for at in supervisor.recent),
        "max": spec.intensity,
        "period_s": spec.period,
    }
    if supervisor.guard is not None:
        fuse, until = supervisor.guard.fuse, supervisor.guard.paused_until(now)
        shown["storm_fuse"] = {
            "max": fuse.max,
            "period_s": fuse.period,
            "used": supervisor.guard.used(now),
            "tripped_until": stamp(look.at(until)) if until else None,
        }


def transition(entry: Transition) -> Tree:
    """One transition as JSON-ready data."""
    return {
        "seq": entry.seq,
        "at": stamp(entry.at),
        "path": entry.path,
        "incarnation": entry.incarnation,
        "from": entry.before,
        "to": entry.after,
        "reason": masked(entry.reason),
        "by": entry.by,
    }


def stamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dump and its renderings. `data` is the JSON-ready form."""

    data: Tree

    @property
    def version(self) -> int:
        """The system's change counter when it was made."""
        return int(self.data["version"])

    @property
    def etag(self) -> str:
        """For HTTP: changes with every transition (not with ages, depths and other flowing values)."""
        return f'"{self.data["process"]["started_at"]}-{self.version}"'

    def to_dict(self) -> Tree:
        """JSON-ready data."""
        return self.data

    def to_json(self, indent: int | None = None) -> str:
        """JSON text."""
        return render.to_json(self.data, indent)

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
