"""Mails by SMTP: a connection for each, which is right for a few a day. Encrypted unless told otherwise."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib

from actors.durable import Mail
from actors.mail_policy import MailOutcome, MailVerdict
from wahook.notify.mail.letters import PICTURE_ID, Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAccount:
    """Where mails go out. `ca_file`: certificates trusted instead of the system's. Seconds."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    deadline: float = 30.0


class SmtpWay:
    """Delivers letters to one SMTP server. On a loop; never raises for the server's sake."""

    def __init__(self, account: SmtpAccount) -> None:
        """Raises OSError when the file of certificates cannot be read."""
        self._account = account
        self._tls = ssl.create_default_context(cafile=account.ca_file)

    async def deliver(self, mail: Mail, letter: Letter) -> MailOutcome:
        """One attempt, within the deadline."""
        account = self._account
        try:
            await aiosmtplib.send(
                envelope(mail, letter, account.sender),
                sender=account.sender,
                recipients=[mail.recipient],
                hostname=account.host,
                port=account.port,
                username=account.user,
                password=account.password,
                use_tls=account.security == "tls",
                start_tls=account.security == "starttls",
                tls_context=None if account.security == "none" else self._tls,
                timeout=account.deadline,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError, TimeoutError) as error:
            return outcome_of(error)
        return MailOutcome(MailVerdict.SENT)

    async def close(self) -> None:
        """Nothing is kept open."""


def envelope(mail: Mail, letter: Letter, sender: str) -> EmailMessage:
    """The message as it travels. Its Message-ID is the mail's own, so that a repeat can be told."""
    message = EmailMessage()
    message["From"] = Address("WhatsApp", addr_spec=sender)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = letter.subject
    if mail.created_at is not None:
        message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.picture is not None:
        html = message.get_payload()[1]  # type: ignore[index]
        html.add_related(letter.picture, "image", "png", cid=f"<{PICTURE_ID}>")  # type: ignore[union-attr]
    return message


def outcome_of(error: Exception) -> MailOutcome:  # noqa: C901, PLR0911 (a table)
    """What a failure means for the next attempt.

    A refusal of the recipient or of the content is for good. Everything else may be mended within the day:
    greylisting, a full mailbox, a wrong password, a server that is down.
    """
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[first, *_]):
            return _refusal("recipient_refused", first.code)
        case aiosmtplib.SMTPAuthenticationError(code=code):
            return MailOutcome(MailVerdict.AGAIN, f"login_refused {code}")
        case aiosmtplib.SMTPDataError(code=code):
            return _refusal("content_refused", code)
        case aiosmtplib.SMTPRecipientRefused(code=code):
            return _refusal("recipient_refused", code)
        case aiosmtplib.SMTPResponseException(code=code):
            return MailOutcome(MailVerdict.AGAIN, f"{_NAMES.get(type(error), 'refused')} {code}")
        case aiosmtplib.SMTPServerDisconnected():
            return MailOutcome(MailVerdict.AGAIN, "connection_lost")
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return MailOutcome(MailVerdict.AGAIN, "timeout")
        case ssl.SSLError() | aiosmtplib.SMTPConnectError(__cause__=ssl.SSLError()):
            return MailOutcome(MailVerdict.AGAIN, "tls_failed")
        case aiosmtplib.SMTPConnectError() | OSError():
            return MailOutcome(MailVerdict.AGAIN, "unreachable")
        case ValueError():
            return MailOutcome(MailVerdict.NEVER, "bad_mail")
        case _:
            return MailOutcome(MailVerdict.AGAIN, _NAMES.get(type(error), "failed"))


_NAMES: Mapping[type[Exception], str] = {
    aiosmtplib.SMTPHeloError: "greeting_refused",
    aiosmtplib.SMTPSenderRefused: "sender_refused",
    aiosmtplib.SMTPNotSupported: "not_supported",
    aiosmtplib.SMTPException: "not_supported",  # what aiosmtplib raises where a server offers no STARTTLS
}


def _refusal(word: str, code: int) -> MailOutcome:
    verdict = MailVerdict.NEVER if code >= 500 else MailVerdict.AGAIN
    return MailOutcome(verdict, f"{word} {code}")
