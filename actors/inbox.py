"""The way of incoming messages into the journal: live ones wait behind the history that is to be fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.model import IncomingMessage

OVERLAP = 600  # seconds of history asked for again, because stamps are set by others' clocks
TRIES = 3  # at a history, before what waits for it goes ahead


class Inbox:
    """Hands batches to `record`, oldest first, one at a time. Plain; the session's thread only.

    `floor`: nothing before this Unix time is ours. `newest`: the newest that is journaled, 0 without any.
    What was journaled before is asked for again and dropped there, by its id. Until the first history is
    there everything waits: a page tells of what comes in before it tells that it is connected.
    """

    def __init__(
        self, record: Callable[[tuple[IncomingMessage, ...]], None], floor: int, newest: int
    ) -> None:
        self._record = record
        self._floor = floor
        self._newest = newest
        self._held: list[IncomingMessage] | None = []
        self._next: list[IncomingMessage] = []
        self._recording = False
        self._failures = 0
        self.fetching = False  # whether a history is on its way

    def hold(self) -> None:
        """Let live messages wait for the next history: something may have been missed."""
        if self._held is None:
            self._held = []

    def fetch(self) -> int:
        """A history is asked for. Returns the Unix time since when it is wanted."""
        self.hold()
        self.fetching = True
        return max(self._floor, self._newest - OVERLAP)

    def arrived(self, message: IncomingMessage) -> None:
        """A live message."""
        if self._held is None:
            self._pass((message,))
        else:
            self._held.append(message)

    def history(self, messages: Sequence[IncomingMessage]) -> None:
        """The history came: pass it on, then what waited."""
        held, self._held = self._held or [], None
        self.fetching, self._failures = False, 0
        known = {message.wa_message_id for message in messages}
        self._pass((*messages, *(message for message in held if message.wa_message_id not in known)))

    def failed(self) -> None:
        """The history did not come, and will be asked for again; what waits goes ahead after some tries."""
        self.fetching = False
        self._failures += 1
        if self._failures >= TRIES:
            self.history(())

    def recorded(self) -> None:
        """The last batch is on disk. Only now the next one goes: one that is told again keeps its place."""
        self._recording = False
        waiting, self._next = tuple(self._next), []
        self._pass(waiting)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._held or ()) + len(self._next)

    def _pass(self, messages: tuple[IncomingMessage, ...]) -> None:
        if not messages:
            return
        if self._recording:
            self._next += messages
            return
        self._recording = True
        self._newest = max(self._newest, *(message.timestamp for message in messages))
        self._record(messages)
