"""One HTTP call to a receiver, and what came of it in fixed words."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from actors.durable import Delivery
from actors.model import Webhook
from wahook.addresses import AddressRule, ForbiddenAddress, GuardedResolver, fault_of_url
from wahook.notify.webhooks import signing
from wahook.notify.webhooks.policy import Outcome

KEEP_ALIVE = 4.0  # seconds; many servers close idle connections after five
ANSWER_SECONDS = 1.0  # for the answer's body, which is not what the next of the chat waits for
ANSWER_BYTES = 16 * 1024  # an answer's body says nothing to us: read so that the connection can be kept


def open_client(rule: AddressRule, deadline: float) -> aiohttp.ClientSession:
    """On the loop that will use it. Keeps no cookies and knows no proxy; `deadline` s for a whole call."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(rule), limit=0, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=10
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=deadline),
        auto_decompress=False,
        trust_env=False,
    )


class Poster:
    """Posts deliveries. On one loop. Never raises but for a cancellation."""

    def __init__(self, http: aiohttp.ClientSession, rule: AddressRule, user_agent: str) -> None:
        self._http = http
        self._rule = rule
        self._user_agent = user_agent

    async def post(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Outcome:
        """One attempt. A connection that had been closed behind our back is made anew at once."""
        if fault := fault_of_url(webhook.url, self._rule):
            return Outcome(error=f"the URL {fault}")
        headers = signing.headers(webhook, delivery, int(now.timestamp() * 1000), self._user_agent)
        try:
            try:
                return await self._call(webhook.url, headers, delivery.body, now)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                return await self._call(webhook.url, headers, delivery.body, now)
        except Exception as error:  # noqa: BLE001 - whatever it was, the delivery goes again
            return Outcome(error=in_words(error))

    async def _call(self, url: str, headers: dict[str, str], body: bytes, now: datetime) -> Outcome:
        async with self._http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            rest = answer.headers.get("Retry-After")
            outcome = Outcome(answer.status, retry_after=None if rest is None else seconds(rest, now))
            with suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await answer.content.read(ANSWER_BYTES)
            return outcome


def seconds(retry_after: str, now: datetime) -> float | None:
    """The header's seconds, or those until its date; None when it is neither."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def in_words(error: Exception) -> str:  # noqa: PLR0911
    """What went wrong, without anything that the receiver or the DNS said."""
    match error:
        case asyncio.TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorDNSError(os_error=ForbiddenAddress() as forbidden):
            return str(forbidden)
        case aiohttp.ClientConnectorDNSError():
            return "the name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return "the certificate is not trusted"
        case aiohttp.ClientSSLError():
            return "no TLS connection"
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return "connection refused"
        case aiohttp.ClientConnectorError():
            return "no connection"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "connection lost"
        case aiohttp.InvalidURL():
            return "the URL cannot be used"
    return f"the call failed: {type(error).__name__}"
