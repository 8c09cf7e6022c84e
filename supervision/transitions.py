"""The record of what happened: numbered, the last 200 kept, and told to subscribers."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervision.clock import stamp
from supervision.masking import masked

if TYPE_CHECKING:
    from datetime import datetime

    from supervision.runtime import Runtime

_log = logging.getLogger("supervision")


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a node's state. `by` names the operator when one caused it, else it is empty."""

    seq: int
    at: datetime
    path: str
    incarnation: int
    before: str
    after: str
    reason: str
    by: str

    def to_dict(self) -> dict[str, str | int | None]:
        """JSON-ready, as in the dump's "recent"."""
        return {
            "seq": self.seq,
            "at": stamp(self.at),
            "path": self.path,
            "incarnation": self.incarnation,
            "from": self.before,
            "to": self.after,
            "reason": masked(self.reason),
            "by": self.by,
        }


_LEVELS = {
    "failed": logging.WARNING,
    "wedged": logging.WARNING,
    "starting": logging.DEBUG,  # on the way; where it leads to is told
    "stopping": logging.DEBUG,
}
Subscriber = Callable[[Transition], None]


class Transitions:
    """Thread-safe. `version` grows with every change that a dump would show."""

    def __init__(self, runtime: Runtime, keep: int = 200) -> None:
        self._runtime = runtime
        self._lock = threading.RLock()  # a subscriber on virtual time may look at the record
        self._recent: deque[Transition] = deque(maxlen=keep)
        self._subscribers: tuple[Subscriber, ...] = ()
        self._seq = 0
        self.version = 0

    def record(  # noqa: PLR0917
        self, path: str, incarnation: int, before: str, after: str, reason: str, by: str
    ) -> None:
        """Add one, log it, and tell the subscribers, all in the same order."""
        with self._lock:
            self._seq += 1
            self.version += 1
            now = self._runtime.clock.now()
            entry = Transition(self._seq, now, path, incarnation, before, after, reason, by)
            self._recent.append(entry)
            for subscriber in self._subscribers:
                self._runtime.publish(lambda tell=subscriber: tell(entry))  # type: ignore[misc]
        self._log(entry)

    def _log(self, entry: Transition) -> None:
        extra: dict[str, object] = {
            "event": f"child.{entry.after}",
            "path": entry.path or "root",
            "was": entry.before,
            "of_incarnation": entry.incarnation,
            "reason": entry.reason,
        }
        _log.log(
            _LEVELS.get(entry.after, logging.INFO),
            "child.%s path=%s incarnation=%s reason=%s by=%s",
            entry.after, entry.path or "root", entry.incarnation, entry.reason, entry.by,
            extra=extra | ({"by": entry.by} if entry.by else {}),
        )  # fmt: skip

    def touch(self) -> None:
        """Something changed that is not a change of state."""
        with self._lock:
            self.version += 1

    @property
    def recent(self) -> tuple[Transition, ...]:
        """Oldest first."""
        with self._lock:
            return tuple(self._recent)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call it with every transition from now on, in order, off the tree's threads.

        Returns how to unsubscribe. What a subscriber raises is logged.
        """
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)
        return lambda: self._unsubscribe(subscriber)

    def _unsubscribe(self, subscriber: Subscriber) -> None:
        with self._lock:
            self._subscribers = tuple(each for each in self._subscribers if each is not subscriber)
