"""Renders mails and hands them to the way that was set up, on a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from actors.durable import Mail
from actors.mail_policy import MailOutcome, MailVerdict
from actors.notices import Kind
from wahook.loop import LoopThread
from wahook.notify.mail.letters import Letter, letter
from wahook.notify.mail.texts import Texts

SHOWS_CODE = frozenset({Kind.NEEDS_QR, Kind.AUTH_FAILED})


class Way(Protocol):
    """How letters travel. On the loop."""

    async def deliver(self, mail: Mail, letter: Letter) -> MailOutcome: ...

    async def close(self) -> None: ...


class AsyncMailSender:
    """Implements `actors.mailer.MailSender`. Any thread.

    `code_picture` gives the PNG of a session's code if it shows one now; None when mails show no codes.
    `deadline` is a net above the way's own, in seconds.
    """

    def __init__(
        self,
        loop: LoopThread,
        way: Way,
        texts: Texts,
        *,
        link: str | None = None,
        code_picture: Callable[[str], bytes | None] | None = None,
        deadline: float = 60.0,
    ) -> None:
        self._loop = loop
        self._way = way
        self._texts = texts
        self._link = link
        self._code_picture = code_picture
        self._deadline = deadline

    def send(self, mail: Mail) -> Future[MailOutcome]:
        """One attempt. The future settles within the deadline."""
        return self._loop.submit(self._send(mail))

    async def _send(self, mail: Mail) -> MailOutcome:
        try:
            written = letter(mail, self._texts, self._link, self._picture(mail))
        except (KeyError, ValueError, TypeError):  # made by another version of ours
            return MailOutcome(MailVerdict.NEVER, "bad_mail")
        try:
            return await asyncio.wait_for(self._way.deliver(mail, written), self._deadline)
        except TimeoutError:
            return MailOutcome(MailVerdict.AGAIN, "timeout")

    def _picture(self, mail: Mail) -> bytes | None:
        if self._code_picture is None or mail.session_id is None or mail.kind not in SHOWS_CODE:
            return None
        return self._code_picture(mail.session_id)

    def close(self) -> Future[None]:
        """End what is kept open."""
        return self._loop.submit(self._way.close())
