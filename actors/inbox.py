"""The way of what arrives into the journal: what is live waits behind the history that is to be fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.messages import UNSET, Unset
from actors.model import CaughtUp, IncomingMessage
from actors.page import Arrival

OVERLAP = 600  # seconds of history asked for again, because stamps are set by others' clocks
TRIES = 3  # at a history, before what waits for it goes ahead


class Inbox:
    """Hands batches to `record`, oldest first, one at a time. Plain; the session's thread only.

    `floor`: nothing before this Unix time is ours. `caught_up`: how far the journal is. What it has already
    is asked for again and dropped there, by its id. Until the first history is there everything waits: a page
    tells of what comes in before it tells that it is connected. What is done to messages takes the same way,
    so that it comes after them. What went ahead of a history that did not come does not move the time since
    when the next one is wanted; `record` is told that time (as `RecordIncoming` has it), for whoever begins
    anew would else begin at what went ahead.
    """

    def __init__(
        self,
        record: Callable[[tuple[Arrival, ...], int | Unset | None], None],
        floor: int,
        caught_up: CaughtUp,
    ) -> None:
        self._record = record
        self._floor = floor
        self._newest = caught_up.newest
        self._missed_since = caught_up.missed_since
        self._noted = self._missed_since is not None  # in the journal
        self._caught_up = self._newest if self._missed_since is None else self._missed_since
        self._held: list[Arrival] | None = []
        self._next: list[Arrival] = []
        self._recording = False
        self._failures = 0
        self.fetching = False  # whether a history is on its way

    def hold(self) -> None:
        """Let live messages wait for the next history: something may have been missed."""
        if self._held is None:
            self._held = []

    def fetch(self, now: int) -> int:
        """A history is asked for. Returns since when it is wanted, in Unix seconds; a stamp may lie ahead."""
        self.hold()
        self.fetching = True
        return max(self._floor, min(self._caught_up, now) - OVERLAP)

    def arrived(self, one: Arrival) -> None:
        """A live message, or what somebody does to one."""
        if self._held is not None:
            self._held.append(one)
        else:
            if self._missed_since is None:
                self._catch_up((one,))
            self._pass((one,))

    def history(self, messages: Sequence[Arrival]) -> None:
        """The history came: pass it on, then what waited."""
        self._failures = 0
        self._missed_since = None
        self._catch_up((*messages, *(self._held or ())))
        self._release(messages)

    def failed(self) -> None:
        """The history did not come, and will be asked for again; what waits goes ahead after some tries."""
        self.fetching = False
        self._failures += 1
        if self._failures >= TRIES:
            self._missed_since = self._caught_up
            self._release(())

    def recorded(self) -> None:
        """The last batch is on disk. Only now the next one goes: one that is told again keeps its place."""
        self._recording = False
        waiting, self._next = tuple(self._next), []
        self._pass(waiting)

    def other_phone(self) -> None:
        """Another phone is linked: what was missed was not its own, and the journal knows."""
        self._missed_since, self._noted = None, False
        self._caught_up = max(self._caught_up, self._newest)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._held or ()) + len(self._next)

    def _catch_up(self, messages: Sequence[Arrival]) -> None:
        stamps = (one.timestamp for one in messages if isinstance(one, IncomingMessage))
        self._caught_up = max(self._caught_up, *stamps, 0)

    def _release(self, messages: Sequence[Arrival]) -> None:
        held, self._held = self._held or [], None
        self.fetching = False
        known = set(map(_id, messages))
        self._pass((*messages, *(one for one in held if _id(one) is None or _id(one) not in known)))

    def _pass(self, messages: tuple[Arrival, ...]) -> None:
        if self._recording:
            self._next += messages
            return
        missed_since = self._missed_since if self._missed_since is not None or self._noted else UNSET
        if not messages and missed_since is not None:
            return
        self._recording = True
        self._noted = self._missed_since is not None
        self._record(messages, missed_since)


def _id(one: Arrival) -> str | None:
    return one.wa_message_id if isinstance(one, IncomingMessage) else None
