"""When `sessions` or `outbox` is started anew, it has forgotten its children: they are brought back.

Such a supervisor's children come at run time, so a fresh incarnation of it begins empty, whether an operator
restarted it or a fault of its own ended it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog

from actors import tree
from supervision import Transition

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refilling:
    """Called with each transition; on any thread, never blocks. `refill` gets the supervisor's name."""

    refill: Callable[[str], Coroutine[Any, Any, None]]
    run: Callable[[Coroutine[Any, Any, None]], Future[None]]

    def __call__(self, transition: Transition) -> None:
        """The first incarnation is filled by the service's start."""
        path = transition.path.removeprefix("root/")
        if (
            path in (tree.SESSIONS, tree.OUTBOX)
            and transition.after == "running"
            and transition.incarnation > 1
        ):
            self.run(self.refill(path)).add_done_callback(_told)


def _told(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("service.not_refilled", error=type(error).__name__)
