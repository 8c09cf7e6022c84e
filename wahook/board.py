"""Where sessions publish their live side. Read by anybody, without asking an actor."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from actors.model import SessionView


class Board:
    """Implements `actors.ports.Board`. Any thread: every change replaces one reference."""

    def __init__(self) -> None:
        self._views: dict[str, SessionView] = {}

    def publish(self, view: SessionView) -> None:
        """Show this from now on."""
        self._views = {**self._views, view.session_id: view}

    def get(self, session_id: str) -> SessionView | None:
        """What the session shows; None if it never ran here."""
        return self._views.get(session_id)

    def forget(self, session_id: str) -> None:
        """The session was deleted. Idempotent."""
        self._views = {name: view for name, view in self._views.items() if name != session_id}

    @property
    def views(self) -> Mapping[str, SessionView]:
        """All of them, as they are at this moment."""
        return MappingProxyType(self._views)
