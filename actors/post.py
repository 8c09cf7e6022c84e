"""What an actor has told the journal writer and has no answer to yet. Plain; no threads, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.messages import JournalOperation, Write


@dataclass(slots=True)
class _Outstanding:
    write: Write
    told_at: float


class Post:
    """Numbers each operation, tells it, and tells it again without an answer: every operation is idempotent.

    `tell` puts a message into the writer's mailbox (False: nobody is there now). `now` is monotonic seconds.
    """

    def __init__(self, reply_to: str, prefix: str, tell: Callable[[Write], bool]) -> None:
        self._reply_to = reply_to
        self._prefix = prefix
        self._tell = tell
        self._number = 0
        self._waiting: dict[str, _Outstanding] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, operation: JournalOperation, now: float) -> None:
        """Have the operation journaled; its result comes back as a `Journaled` message."""
        self._number += 1
        write = Write(operation, self._reply_to, f"{self._prefix}.{self._number}")
        self._waiting[write.correlation] = _Outstanding(write, now)
        self._tell(write)

    def settle(self, correlation: str) -> JournalOperation | None:
        """The operation that this answer is for; None if it was answered before or is not ours."""
        done = self._waiting.pop(correlation, None)
        return None if done is None else done.write.operation

    def tell_again(self, now: float, after: float) -> int:
        """Repeat what has waited longer than `after` seconds, in order; returns how many."""
        late = [one for one in self._waiting.values() if now - one.told_at > after]
        for one in late:
            one.told_at = now
            self._tell(one.write)
        return len(late)
