"""When a mail is tried again, and when it is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from actors.durable import EndMail, Mail, TaskState

EXPIRES = timedelta(days=1)  # older news of a connection is no news
FIRST_DELAY = 30.0  # seconds; greylisting asks for a few minutes
LONGEST_DELAY = 3600.0


class MailVerdict(Enum):
    """How an attempt went."""

    SENT = "sent"
    AGAIN = "again"  # the server or the way to it: another attempt may go through
    NEVER = "never"  # this mail is refused for good


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """`error` is a fixed word, with a status code where there is one: never a server's own text, which may
    hold addresses. `retry_after`: seconds that the server asked for."""

    verdict: MailVerdict
    error: str | None = None
    retry_after: float | None = None


def expired(mail: Mail, now: datetime) -> bool:
    """Whether it is too old to be of use."""
    return mail.created_at is not None and now - mail.created_at >= EXPIRES


def give_up(mail: Mail) -> EndMail:
    """The end of a mail whose time is over."""
    return EndMail(mail.id, TaskState.DEAD, error=f"expired: {mail.last_error or 'not tried'}")


def after_attempt(mail: Mail, outcome: MailOutcome, now: datetime, rng: Random) -> EndMail:
    """What is written down after an attempt. `mail.attempts` are those before it."""
    match outcome.verdict:
        case MailVerdict.SENT:
            return EndMail(mail.id, TaskState.DONE)
        case MailVerdict.NEVER:
            return EndMail(mail.id, TaskState.DEAD, error=outcome.error)
        case MailVerdict.AGAIN:
            wait = max(delay(mail.attempts, rng), min(outcome.retry_after or 0.0, LONGEST_DELAY))
            return EndMail(mail.id, TaskState.PENDING, now + timedelta(seconds=wait), outcome.error)


def delay(attempts: int, rng: Random) -> float:
    """Seconds until the next attempt: 30, 60, 120 … up to an hour, each times 0.75 to 1.25."""
    doubled: float = FIRST_DELAY * 2 ** min(attempts, 12)
    return min(doubled, LONGEST_DELAY) * rng.uniform(0.75, 1.25)
