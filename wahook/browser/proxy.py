"""A session's proxy. Chromium ignores a password in its flag, so it answers the challenge over DevTools."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from actors.errors import RuleBroken

SCHEMES = ("http", "https", "socks4", "socks5")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a session's traffic goes. `password` is in no representation."""

    server: str
    username: str | None = None
    password: str = field(default="", repr=False)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Chromium's flags. Loopback too: whatever the page asks for goes through the proxy."""
        return (f"--proxy-server={self.server}", "--proxy-bypass-list=<-loopback>")


def parse_proxy(text: str) -> Proxy:
    """`scheme://[user:password@]host:port`. RuleBroken("bad_proxy") for anything else, never quoting it."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        raise RuleBroken("bad_proxy", "the proxy is not scheme://[user:password@]host:port") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port is None or parts.path.strip("/"):
        raise RuleBroken("bad_proxy", f"the proxy is not {'|'.join(SCHEMES)}://[user:password@]host:port")
    if parts.username and parts.scheme.startswith("socks"):
        raise RuleBroken("bad_proxy", "Chromium cannot log in at a SOCKS proxy: use an HTTP proxy")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    username = unquote(parts.username) if parts.username else None
    return Proxy(f"{parts.scheme}://{host}:{port}", username, unquote(parts.password or ""))
