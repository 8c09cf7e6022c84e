"""What a session's browser is opened with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from wahook.browser.proxy import Proxy


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `call`: one DevTools command of ours; `attach`: Selenium; `close`: until it is killed."""

    open: float = 60.0
    call: float = 10.0
    attach: float = 5.0
    close: float = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One session's browser. `url` is WhatsApp's, or the simulator's."""

    session_id: str
    profile: Path
    url: str
    proxy: Proxy | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def process_name(self) -> str:
        """What its processes are marked with."""
        return f"browser:{self.session_id}"
