"""What all cells of one system share."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from supervision.errors import ResourceBusy
from supervision.handle import Handle
from supervision.transitions import Transitions

if TYPE_CHECKING:
    from supervision.cell import Cell
    from supervision.runtime import Runtime


REMEMBERED = 10_000


def normal(path: str) -> str:
    """`root/a/b`, `/a/b/` and `a/b` are the same path; the root itself is ''."""
    parts = [part for part in path.split("/") if part]
    if parts and parts[0] == "root":
        parts = parts[1:]
    return "/".join(parts)


class Home:
    """Handles by path, claimed resources, threads that were given up, and the record of transitions."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.lock = threading.RLock()
        self.transitions = Transitions(runtime)
        self.abandoned: set[Cell] = set()
        self._handles: WeakValueDictionary[str, Handle] = WeakValueDictionary()
        self._inhabited: set[Handle] = set()
        self._vacated: deque[Handle] = deque(maxlen=REMEMBERED)
        self._claims: dict[str, Cell] = {}

    def handle(self, path: str) -> Handle:
        """The one handle of a path. Those of paths where nobody ever lived may be forgotten again."""
        path = normal(path)
        with self.lock:
            handle = self._handles.get(path)
            if handle is None:
                handle = self._handles[path] = Handle(path, self, self.runtime.scheduler)
            return handle

    def inhabited(self, handle: Handle) -> None:
        """Keep a handle, and with it the count of incarnations: numbers do not start over."""
        with self.lock:
            self._inhabited.add(handle)

    def vacated(self, handle: Handle, *, subtree: bool) -> None:
        """A child was forgotten: the latest are still known, for one of that name may come again.

        Not for good, or a supervisor of short-lived children with ever new names would fill the memory.
        """
        with self.lock:
            left = [handle]
            if subtree:
                left += [each for each in self._inhabited if each.path.startswith(f"{handle.path}/")]
            self._inhabited.difference_update(left)
            self._vacated.extend(left)

    def claim(self, resource: str, cell: Cell) -> None:
        """Give a resource to an incarnation, or raise ResourceBusy."""
        with self.lock:
            if cell.over or not cell.current:
                raise ResourceBusy(f"{resource}: {cell.path}#{cell.incarnation} has ended")
            holder = self._claims.setdefault(resource, cell)
            if holder is not cell:
                name = f"{holder.path}#{holder.incarnation}"
                raise ResourceBusy(f"{resource} is held by {name}")

    def give_up(self, cell: Cell) -> None:
        """Count a thread that does not end; it is counted until it does."""
        with self.lock:
            if not cell.over:
                self.abandoned.add(cell)

    def gone(self, cell: Cell) -> None:
        """A thread is through: what it claimed is free."""
        with self.lock:
            cell.over = True
            self.abandoned.discard(cell)
        self.release(cell)

    def release(self, cell: Cell) -> None:
        """Take back what an incarnation claimed."""
        with self.lock:
            for resource in [name for name, holder in self._claims.items() if holder is cell]:
                del self._claims[resource]
