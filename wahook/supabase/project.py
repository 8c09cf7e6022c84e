"""A Supabase project as its clients need it: addresses and headers. Tables are here, files in profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Project:
    """`url` as SUPABASE_URL; `key` the service (secret) one, which passes row-level security."""

    url: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        """ValueError, fit for a human, unless the URL is one."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a Supabase project's URL is like https://project.supabase.co")
        if not self.key.isascii() or not self.key.isprintable():
            raise ValueError("a Supabase key has no such characters")

    @property
    def rest(self) -> str:
        """Where its tables are."""
        return f"{self.url.rstrip('/')}/rest/v1"

    @property
    def storage(self) -> str:
        """Where its files are."""
        return f"{self.url.rstrip('/')}/storage/v1/"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"apikey": self.key, "authorization": f"Bearer {self.key}"}
