"""Mails by POST to the frontend, which knows its users' addresses and has its own way to write to them."""

from __future__ import annotations

import aiohttp

from actors.durable import Mail
from actors.mail_policy import MailOutcome, MailVerdict
from actors.model import JSON
from wahook.notify.mail.letters import Letter

REFUSED_FOR_GOOD = frozenset({400, 410, 413, 422})


class EndpointWay:
    """POSTs each mail as JSON. On one loop; never raises for the endpoint's sake.

    `Idempotency-Key` is the mail's id. Redirects are not followed: the secret is for this address only.
    """

    def __init__(self, url: str, secret: str | None, deadline: float) -> None:
        self._url = url
        self._headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self._timeout = aiohttp.ClientTimeout(total=deadline)
        self._http: aiohttp.ClientSession | None = None

    async def deliver(self, mail: Mail, letter: Letter) -> MailOutcome:
        """One attempt, within the deadline."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout)
        headers = {**self._headers, "Idempotency-Key": mail.id}
        try:
            async with self._http.post(
                self._url, json=body(mail, letter), headers=headers, allow_redirects=False
            ) as answer:
                return outcome_of(answer.status, answer.headers.get("Retry-After"))
        except TimeoutError:
            return MailOutcome(MailVerdict.AGAIN, "timeout")
        except (aiohttp.ClientError, OSError) as error:
            word = "tls_failed" if isinstance(error, aiohttp.ClientSSLError) else "unreachable"
            return MailOutcome(MailVerdict.AGAIN, word)

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.close()


def body(mail: Mail, letter: Letter) -> dict[str, JSON]:
    """The facts, and the letter for an endpoint that only passes it on."""
    return {
        "id": mail.id,
        "type": mail.kind,
        "sessionId": mail.session_id,
        "to": mail.recipient or None,
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html,
        **{name: value for name, value in mail.payload.items() if name != "at"},
        "timestamp": mail.payload.get("at"),
    }


def outcome_of(status: int, retry_after: str | None) -> MailOutcome:
    """What an answer means. Only a refusal of this very mail is for good; the rest can be mended in a day."""
    if 200 <= status < 300:
        return MailOutcome(MailVerdict.SENT)
    if status in REFUSED_FOR_GOOD:
        return MailOutcome(MailVerdict.NEVER, f"http {status}")
    wait = float(retry_after) if retry_after is not None and retry_after.isdigit() else None
    return MailOutcome(MailVerdict.AGAIN, f"http {status}", wait)
