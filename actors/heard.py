"""How an event of the service reaches an actor that lives by it."""

from __future__ import annotations

from dataclasses import dataclass

from actors.events import Event


@dataclass(frozen=True, slots=True)
class Heard:
    """Told to whoever subscribed; lost while nobody is there."""

    event: Event
