"""From a notice to a mail in the journal: facts only, the words come when it is sent. Pure but for its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from actors.durable import Mail
from actors.model import Account
from actors.notices import Kind, Notice
from wahook.notify.people import Preferences


def notice_of(mail: Mail) -> Notice | None:
    """The notice that a mail of ours tells; None for any other."""
    facts: dict[str, Any] = dict(mail.payload)
    try:
        return Notice(
            Kind(mail.kind),
            mail.session_id or "",
            datetime.fromisoformat(facts["at"]),
            facts["reason"],
            permanent=bool(facts["permanent"]),
            away=float(facts["away"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Composer:
    """`without_address`: mails are made also where nobody is named; the endpoint knows the user's address."""

    defaults: Preferences
    without_address: bool = False

    def __call__(self, notice: Notice, account: Account) -> Mail | None:
        """None when nobody is to be written to."""
        wanted = self.defaults.of(account.config)
        if wanted.email is None and not self.without_address:
            return None
        return Mail(
            id=f"mail_{uuid4().hex}",
            kind=str(notice.kind),
            recipient=wanted.email or "",
            session_id=account.session_id,
            payload={
                "userId": account.user_id,
                "accountId": account.account_id,
                "phoneNumber": notice.phone_number or account.phone_number,
                "profileName": notice.profile_name or account.profile_name,
                "reason": notice.reason,
                "permanent": notice.permanent,
                "away": round(notice.away),
                "at": notice.at.isoformat(),
                "suppressed": notice.suppressed,
                "language": wanted.language,
                "timezone": wanted.timezone,
            },
        )
