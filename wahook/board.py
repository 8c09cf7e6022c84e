"""Where sessions publish their live side. Read by anybody, without asking an actor."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType

from actors.model import SessionView


class Board:
    """Implements `actors.ports.Board`. Any thread: every change, in its turn, replaces one reference."""

    def __init__(self) -> None:
        self._views: dict[str, SessionView] = {}
        self._turn = threading.Lock()

    def publish(self, view: SessionView) -> None:
        """Show this from now on."""
        with self._turn:
            self._views = {**self._views, view.session_id: view}

    def get(self, session_id: str) -> SessionView | None:
        """What the session shows; None if it never ran here."""
        return self._views.get(session_id)

    def forget(self, session_id: str) -> None:
        """The session was deleted. Idempotent."""
        with self._turn:
            self._views = {name: view for name, view in self._views.items() if name != session_id}

    @property
    def views(self) -> Mapping[str, SessionView]:
        """All of them, as they are at this moment."""
        return MappingProxyType(self._views)
