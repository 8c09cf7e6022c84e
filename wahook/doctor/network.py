"""WHATSAPP_URL can be reached from here: name, connection, TLS, an answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from urllib.parse import SplitResult, urlsplit

from wahook.doctor.findings import Finding, broken, doubtful, fine
from wahook.settings import Settings

DEADLINE = 8.0  # for each step
SLOW = 3.0


def check_whatsapp(settings: Settings) -> Finding:
    """Every step by itself, so that the advice fits. The resolver's own patience may add to the deadline."""
    url = urlsplit(settings.whatsapp_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        return broken("network", "WHATSAPP_URL is no http(s) URL", "leave it out: https://web.whatsapp.com")
    host, port = url.hostname, url.port or (443 if url.scheme == "https" else 80)
    began = time.monotonic()
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return broken(
            "network", f"{host} has no address", "check DNS: /etc/resolv.conf, the container's network"
        )
    try:
        status = _answer(url, host, port)
    except (OSError, http.client.HTTPException) as error:
        found, advice = _explained(error)
        return broken("network", f"{host}:{port}: {found}", advice)
    took = time.monotonic() - began
    found = f"{url.scheme}://{host}:{port} answers {status} in {took:.2f} s"
    if status >= 500:
        return doubtful("network", found, "WhatsApp itself has trouble, or a proxy stands between")
    if took > SLOW:
        return doubtful("network", found, "a slow network: raise OPEN_DEADLINE and PAGE_CALL_DEADLINE")
    return fine("network", found)


_FIREWALL = "check that outgoing connections to it are allowed; a session's own proxy is set in its config"


def _answer(url: SplitResult, host: str, port: int) -> int:
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(host, port, timeout=DEADLINE, context=ssl.create_default_context())
        if url.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=DEADLINE)
    )
    try:
        connection.request("HEAD", url.path or "/", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})
        return connection.getresponse().status
    finally:
        connection.close()


def _explained(error: Exception) -> tuple[str, str]:
    """What is wrong and what to do."""
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({error.verify_message})",
                "install ca-certificates; if a proxy breaks TLS open, Chromium must trust it too",
            )
        case ssl.SSLError():
            return f"no TLS ({error.reason})", "is something else listening there?"
        case TimeoutError():
            return f"no answer within {DEADLINE:.0f} s", _FIREWALL
        case _:
            return (getattr(error, "strerror", None) or type(error).__name__).lower(), _FIREWALL
