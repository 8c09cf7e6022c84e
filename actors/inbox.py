"""The way of incoming messages into the journal: live ones wait behind the history that is being fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.model import IncomingMessage

OVERLAP = 600  # seconds of history asked for again, because stamps are set by others' clocks


class Inbox:
    """Hands batches to `record`, oldest first. Plain; the session's thread only.

    `floor`: nothing before this Unix time is ours. `newest`: the newest that is journaled, 0 without any.
    What was journaled before is asked for again and dropped there, by its id.
    """

    def __init__(
        self, record: Callable[[tuple[IncomingMessage, ...]], None], floor: int, newest: int
    ) -> None:
        self._record = record
        self._floor = floor
        self._newest = newest
        self._held: list[IncomingMessage] | None = None

    @property
    def fetching(self) -> bool:
        """Whether a history is on its way."""
        return self._held is not None

    def hold(self) -> int:
        """Let live messages wait for the history. Returns the Unix time since when it is wanted."""
        self._held = []
        return max(self._floor, self._newest - OVERLAP)

    def arrived(self, message: IncomingMessage) -> None:
        """A live message."""
        if self._held is None:
            self._pass((message,))
        else:
            self._held.append(message)

    def history(self, messages: Sequence[IncomingMessage]) -> None:
        """The history came (or, empty, did not): pass it on, then what waited."""
        held, self._held = self._held or [], None
        self._pass((*messages, *held))

    def _pass(self, messages: tuple[IncomingMessage, ...]) -> None:
        if messages:
            self._newest = max(self._newest, *(message.timestamp for message in messages))
            self._record(messages)
