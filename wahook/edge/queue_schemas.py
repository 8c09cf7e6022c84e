"""E-mails and the mirror's changes, as operators ask for them and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from wahook.edge.schemas import Query, SessionPath, View

MailPath = Annotated[str, Field(pattern="^mail_[0-9a-f]{32}$")]
State = Literal["pending", "done", "dead"]
Limit = Annotated[int, Field(ge=1, le=1000)]
Cursor = Annotated[int, Field(ge=1, le=2**63 - 1, description="`next` of the page before.")]


class MailQuery(Query):
    """Which mails."""

    state: State | None = None
    session: SessionPath | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class MailBody(View):
    """One e-mail. `lastError` is a word of ours, with the server's code where there is one."""

    id: str
    kind: str
    session_id: str | None
    to: str | None
    state: State
    attempts: int
    created_at: datetime | None
    next_at: datetime | None
    last_error: str | None


class MailWithFacts(MailBody):
    """With what it tells."""

    facts: dict[str, Any]


class MailList(View):
    """A page of mails, newest first; `next` is the cursor of the page after it."""

    mails: list[MailBody]
    next: int | None


class ReplayedBody(View):
    """How many are pending again."""

    replayed: int


class MirrorBody(View):
    """The mirror. `open`: changes that it does not have yet; `setAside`: those that it refused.

    `age`: seconds since Supabase's last answer. `copying`: what was there before the mirror is taken over.
    """

    configured: bool
    connected: bool
    age: float | None
    open: int
    set_aside: int
    copying: bool
    last_error: str | None


class ChangeQuery(Query):
    """Which changes."""

    limit: Limit = 50
    cursor: Cursor | None = None


class ChangeBody(View):
    """A change that was refused, and why. `key` is a message's WhatsApp id, else the session's."""

    seq: int
    kind: str
    key: str
    session_id: str | None
    created_at: datetime | None
    error: str | None


class ChangeList(View):
    """A page of changes, oldest first; `next` is the cursor of the page after it."""

    changes: list[ChangeBody]
    next: int | None


class RetriedBody(View):
    """How many changes are tried again."""

    retried: int


class CopyBody(View):
    """How many accounts are copied; their messages follow."""

    accounts: int
