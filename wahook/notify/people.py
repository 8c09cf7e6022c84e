"""Who is written to, in which language, and in which zone's time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from actors.model import SessionConfig


@dataclass(frozen=True, slots=True)
class Preferences:
    """`email` None: nobody is written to."""

    email: str | None
    language: str
    timezone: str

    def of(self, config: SessionConfig) -> Preferences:
        """A session's own, where it has any."""
        return Preferences(
            config.notify_email or self.email,
            config.language or self.language,
            config.timezone or self.timezone,
        )


def local_time(moment: datetime, timezone: str, form: str) -> str:
    """As a person there reads it, with the zone's name; in UTC if this machine does not know the zone."""
    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        zone, timezone = ZoneInfo("UTC"), "UTC"
    return f"{moment.astimezone(zone).strftime(form)} ({timezone})"
