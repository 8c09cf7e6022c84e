"""The kill ladder: stop, kill what it waits for, grace, give the thread up.

Each rung has a deadline kept by the supervisor's own timers, so that no child can hold its supervisor up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervision.signals import StopLate
from supervision.specs import Shutdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.child import Child
    from supervision.runtime import Runtime

ASKED, KILLED = 1, 2


class Ladder:
    """Takes children down. Only on the supervisor's thread."""

    def __init__(self, runtime: Runtime, post: Callable[[object], object]) -> None:
        self._runtime = runtime
        self._post = post

    def stop(self, child: Child, reason: str) -> None:
        """The first rung, unless the child is on the ladder already."""
        if child.rung or child.cell is None:
            return
        if child.spec.shutdown is Shutdown.BRUTAL_KILL:
            self.kill(child, reason)
            return
        child.rung = ASKED
        child.cell.request_stop(reason)
        self._deadline(child, child.spec.shutdown)
        child.publish(reason)

    def ending(self, child: Child) -> None:
        """The child ends by itself: its cleanup has the same deadline."""
        if child.rung:
            return
        child.rung = ASKED
        limit = child.spec.shutdown
        self._deadline(child, child.spec.kill_grace if limit is Shutdown.BRUTAL_KILL else limit)
        child.publish("ending")

    def kill(self, child: Child, reason: str) -> None:
        """The second rung. Supervisors always obey it; a worker gets its grace."""
        if child.rung >= KILLED or child.cell is None:
            return
        child.rung = KILLED
        child.cell.kill(reason)
        self._deadline(child, Shutdown.INFINITY if child.spec.is_supervisor else child.spec.kill_grace)
        child.publish(reason)

    def late(self, child: Child) -> bool:
        """A deadline passed: go one rung further. True when the thread is to be given up."""
        if child.rung >= KILLED:
            return True
        child.overdue = True
        self.kill(child, "did not stop in time")
        return False

    def _deadline(self, child: Child, limit: float | Shutdown) -> None:
        if child.rung_timer is not None:
            child.rung_timer.cancel()
            child.rung_timer = None
        if not isinstance(limit, Shutdown):
            assert child.cell is not None  # noqa: S101 - only live children climb
            late = StopLate(child.cell, child.rung)
            child.rung_timer = self._runtime.scheduler.after(limit, lambda: self._post(late))
