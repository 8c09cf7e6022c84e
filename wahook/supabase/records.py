"""The rows of Supabase's two tables, from the journal's values, and accounts back from theirs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from actors.model import JSON, Account, Direction, OutgoingMessage, SessionConfig, SessionId
from wahook.journal.stored import Received
from wahook.supabase.plan import AccountWrite

Record: TypeAlias = dict[str, JSON]

_ID = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as the API takes them
_MEDIA = frozenset({"image", "video", "audio", "voice", "document", "sticker"})


class Table(StrEnum):
    """The tables, with what makes a row the same one."""

    ACCOUNTS = "whatsapp_accounts"
    MESSAGES = "messages"

    @property
    def key(self) -> str:
        """The columns of its unique rule."""
        return "session_id" if self is Table.ACCOUNTS else "session_id,wa_message_id"


def account_record(account: Account, write: AccountWrite) -> Record:
    """The columns that are to be written, and who it is."""
    values: Record = {
        "phone_number": account.phone_number,
        "profile_name": account.profile_name,
        "connected_at": _iso(account.connected_at),
        "last_seen": _iso(account.last_seen),
        "last_check": _iso(account.last_check),
        "ai_enabled": account.config.ai_enabled,
    }
    identity: Record = {
        "id": account.account_id,
        "user_id": account.user_id,
        "session_id": account.session_id,
    }
    return identity | {name: values[name] for name in sorted(write.columns & values.keys())} | write.fixed


def incoming_record(received: Received) -> Record:
    """One that arrived, or that the account's owner wrote elsewhere."""
    message = received.message
    number = message.sender
    if message.from_me and not message.is_group:
        number = message.chat_id.partition("@")[0]
    return {
        "session_id": received.session_id,
        "wa_message_id": message.wa_message_id,
        "message_id": None,
        "direction": Direction.IN.value,
        "phone_number": number,
        "chat_id": message.chat_id,
        "sender_name": message.sender_name,
        "message": message.body,
        "type": message.type,
        "has_media": message.has_media,
        "is_group": message.is_group,
        "from_me": message.from_me,
        "status": None,
        "error": None,
        "timestamp": _iso(datetime.fromtimestamp(_stamp(message.timestamp), UTC)),
        "sent_at": None,
    }


def outgoing_record(message: OutgoingMessage) -> Record:
    """One that was accepted for sending, as it stands now."""
    number, at, server = message.to.partition("@")
    is_group = server == "g.us"
    return {
        "session_id": message.session_id,
        "wa_message_id": message.wa_message_id,
        "message_id": message.message_id,
        "direction": Direction.OUT.value,
        "phone_number": number,
        "chat_id": message.to if at else f"{number}@c.us",
        "sender_name": None,
        "message": message.body,
        "type": message.type,
        "has_media": message.type in _MEDIA,
        "is_group": is_group,
        "from_me": True,
        "status": message.status.value,
        "error": message.error,
        "timestamp": _iso(message.sent_at or message.created_at),
        "sent_at": _iso(message.sent_at),
    }


def stranger(record: Mapping[str, Any]) -> Account | None:
    """An account that Supabase knows, to be started when somebody asks; None for what is no account of ours.

    Whoever may write that table names the profile that is opened, hence the look at each name.
    """
    ids = [record.get(name) for name in ("user_id", "id", "session_id")]
    if not all(isinstance(one, str | int) for one in ids):
        return None
    user_id, account_id, session_id = map(str, ids)
    if not (_ID.fullmatch(user_id) and _ID.fullmatch(account_id)):
        return None
    if str(SessionId(user_id, account_id)) != session_id:
        return None
    return Account(
        session_id,
        user_id,
        account_id,
        desired=False,
        phone_number=_text(record.get("phone_number")),
        profile_name=_text(record.get("profile_name")),
        last_error=_text(record.get("error_message")),
        connected_at=_moment(record.get("connected_at")),
        last_seen=_moment(record.get("last_seen")),
        config=SessionConfig(ai_enabled=record.get("ai_enabled") is True),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _stamp(seconds: int) -> int:
    """What a calendar can hold."""
    return min(max(seconds, 0), 253_402_300_799)


def _text(value: object) -> str | None:
    return value[:1000] if isinstance(value, str) and value else None


def _moment(value: object) -> datetime | None:
    """A timestamptz as PostgREST writes it; servers differ in the zone's spelling."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
