"""Messages as the journal holds them, for whoever reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from actors.model import IncomingMessage, OutgoingMessage


@dataclass(frozen=True, slots=True)
class Received:
    """An incoming message as stored; `received_at` is when the service journaled it."""

    message: IncomingMessage
    session_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Newest first. `next` is an opaque cursor, None at the end."""

    messages: Sequence[OutgoingMessage | Received]
    next: str | None
