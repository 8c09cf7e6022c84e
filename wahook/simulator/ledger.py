"""The ledger: every message id that reached the wire, how often: the only proof of no loss and no double."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """One message id.

    count: how often it was handed to the wire as a new message: more than 1 is a double.
    resent: how often a page repeated it by itself after its connection broke; recipients drop these.
    acks: (level, unix time) in the order in which they were given to the sender.
    """

    id: str
    sender: str
    to: str
    type: str
    body: str
    at: float
    count: int = 1
    resent: int = 0
    acks: list[tuple[int, float]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The form of the control API."""
        return {
            "id": self.id,
            "from": self.sender,
            "to": self.to,
            "type": self.type,
            "body": self.body,
            "count": self.count,
            "resent": self.resent,
            "at": self.at,
            "acks": [{"ack": level, "at": at} for level, at in self.acks],
        }


class Ledger:
    """Entries in order of first arrival. Not thread-safe: lives in the simulator's event loop."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        """All entries."""
        return iter(self._entries.values())

    def get(self, message_id: str) -> Entry | None:
        """The entry of this bare id."""
        return self._entries.get(message_id)

    def record(self, entry: Entry, *, retransmit: bool) -> bool:
        """Count an arrival; whether the id is new. `retransmit`: the page says it repeats what it sent."""
        known = self._entries.get(entry.id)
        if known is None:
            self._entries[entry.id] = entry
            return True
        if retransmit and known.sender == entry.sender:
            known.resent += 1
        else:
            known.count += 1
        return False

    def acknowledge(self, message_id: str, level: int, at: float) -> bool:
        """Note an ack; False when the sender has had this level or a higher one."""
        entry = self._entries.get(message_id)
        if entry is None or any(known >= level for known, _ in entry.acks):
            return False
        entry.acks.append((level, at))
        return True

    def of(self, account: str | None) -> list[dict[str, Any]]:
        """As JSON: everything, or what this number sent or was sent."""
        mine = (entry for entry in self if account is None or account in (entry.sender, entry.to))
        return [entry.as_json() for entry in mine]
