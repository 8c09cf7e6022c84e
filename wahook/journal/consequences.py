"""What follows from an operation besides its own rows, on disk in the same commit or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from actors.durable import Delivery
from actors.messages import JournalOperation
from actors.model import OutgoingMessage


class Consequences(Protocol):
    """A policy that the journal asks. All of it is called on the writer's thread and must not block.

    What it raises is logged and costs the consequence, never the operation.
    """

    def needs_before(self, operation: JournalOperation) -> bool:
        """Whether `of` wants the outgoing message as it was before this operation."""
        ...

    def of(
        self, operation: JournalOperation, before: OutgoingMessage | None, result: object, now: datetime
    ) -> Sequence[Delivery]:
        """What is to be delivered because of it. Not asked for an operation that broke a rule."""
        ...

    def committed(self, added: Sequence[Delivery]) -> None:
        """These are on disk and pending now, those of an AddDeliveries or a ReplayDelivery among them.

        Told of every commit, also of one that added none.
        """
        ...

    def undone(self) -> None:
        """A commit failed, or may have: what was told since the last one may be untrue."""
        ...
