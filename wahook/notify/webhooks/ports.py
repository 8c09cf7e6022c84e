"""What the sender needs of the rest of the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.durable import Delivery, EndDelivery


class Queue(Protocol):
    """The journal's pending deliveries. Blocking, for helper threads; JournalError when it fails."""

    def receivers(self) -> list[str]: ...

    def pending_deliveries(self, receiver: str, after: int = 0, limit: int = 100) -> Sequence[Delivery]: ...


class Record(Protocol):
    """Writes an attempt's outcome."""

    async def __call__(self, operation: EndDelivery) -> object:
        """Returns when it is on disk, within its own deadline. WahookError when it may not be."""
        ...
