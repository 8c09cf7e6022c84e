"""What people see of a session: how each moment changes the published view. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from actors.errors import SessionError
from actors.events import (
    Event,
    IncomingCall,
    MessageEdited,
    MessageReaction,
    MessageReceived,
    MessageRevoked,
    PollVote,
)
from actors.model import Account, IncomingMessage, SessionStatus, SessionView
from actors.page import Arrival, NoticeArrived, Noticed
from supervision import Exit


def first(account: Account, seen: SessionView | None, now: datetime) -> SessionView:
    """The view of a new incarnation: still reconnecting if the last one was lost, else initializing."""
    if seen is None:
        seen = SessionView(
            account.session_id,
            SessionStatus.STOPPED,
            now,
            phone_number=account.phone_number,
            profile_name=account.profile_name,
            connected_at=account.connected_at,
            last_seen=account.last_seen,
            last_error=account.last_error,
        )
    if seen.status is SessionStatus.RECONNECTING:
        return without_code(seen)
    return with_status(replace(seen, idle=False), SessionStatus.INITIALIZING, now)


def idle(account: Account) -> SessionView:
    """The view of a session that lies down since before this start of the service."""
    since = account.idle_since or account.last_seen or datetime.min.replace(tzinfo=UTC)
    return replace(first(account, None, since), status=SessionStatus.STOPPED, idle=True)


def waiting(account: Account, now: datetime) -> SessionView:
    """The view of a session that waited for a human when the service ended."""
    return replace(first(account, None, now), status=SessionStatus.ERROR)


def with_status(view: SessionView, status: SessionStatus, now: datetime) -> SessionView:
    """A code is shown only while the status is `qr`."""
    if status is not SessionStatus.QR:
        view = without_code(view)
    return view if status is view.status else replace(view, status=status, since=now)


def with_code(view: SessionView, code: str, count: int, expires_at: datetime) -> SessionView:
    """The page shows this code."""
    return replace(view, qr_code=code, qr_count=count, qr_expires_at=expires_at)


def without_code(view: SessionView) -> SessionView:
    """No code is on the page."""
    return replace(view, qr_code=None, qr_count=0, qr_expires_at=None)


def connected(
    view: SessionView, phone_number: str | None, profile_name: str | None, now: datetime
) -> SessionView:
    """It can send and receive."""
    return replace(
        view,
        phone_number=phone_number,
        profile_name=profile_name,
        connected_at=now,
        last_seen=now,
        active_at=now,
        last_error=None,
    )


def expiry(now: datetime, lives: int) -> datetime:
    """When a code that was just shown ends; `lives` in seconds."""
    return now + timedelta(seconds=lives)


def arrived(session_id: str, one: Arrival) -> Event:
    """The event of what is on disk now. A message of which nothing is left is told as what became of it."""
    if isinstance(one, NoticeArrived):
        return noticed(session_id, one)
    if one.type == Noticed.REVOKED:
        return MessageRevoked(session_id, one.wa_message_id, one.chat_id, one.sender, False, one.timestamp)
    return received(session_id, one)


def received(session_id: str, message: IncomingMessage) -> MessageReceived:
    """The event of a message that is on disk now."""
    return MessageReceived(
        session_id,
        message.wa_message_id,
        message.sender,
        message.body,
        message.type,
        message.has_media,
        message.timestamp,
        message.chat_id,
        message.is_group,
    )


def noticed(session_id: str, notice: NoticeArrived) -> Event:
    """The event of what somebody did."""
    one, chat, sender, at = notice.wa_id, notice.chat_id, notice.sender, notice.timestamp
    match notice.what:
        case Noticed.EDITED:
            return MessageEdited(session_id, one, chat, sender, notice.body, notice.from_me, at)
        case Noticed.REVOKED:
            return MessageRevoked(session_id, one, chat, sender, notice.from_me, at)
        case Noticed.REACTION:
            return MessageReaction(session_id, one, chat, sender, notice.body, at)
        case Noticed.VOTE:
            return PollVote(session_id, one, chat, sender, list(notice.options), at)
        case Noticed.CALL:
            return IncomingCall(session_id, one, sender, notice.is_video, notice.is_group, at)


def words(exit_: Exit) -> str:
    """An end in words for people: the loss that was noticed, else what supervision saw."""
    return str(exit_.error) if isinstance(exit_.error, SessionError) else exit_.reason


def seconds(moment: datetime | None) -> int:
    """Unix time, 0 for never."""
    return 0 if moment is None else int(moment.timestamp())
