"""From the bridge's plain JSON to our own values. Pure; what cannot be read is never quoted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from actors.errors import Fault
from actors.messages import (
    AccountBanned,
    AckArrived,
    DocumentLoaded,
    LoadingProgress,
    LoggedOut,
    MessageArrived,
    PageEvent,
    QrShown,
    StateChanged,
)
from actors.model import Ack, IncomingMessage, NumberStatus, PageState
from actors.page import Arrival, NoticeArrived, Noticed

EPOCH_FROM = 1_000_000_000  # a ban's end may be told as a moment instead of a length


class BadPayload(Fault):
    """The page said something that the bridge never says."""


def page_event(data: dict[str, Any], now: datetime) -> PageEvent | None:
    """One event of the bridge; None for those that are only for the log."""
    try:
        return _event(data, now)
    except (KeyError, TypeError, ValueError) as error:
        raise BadPayload(f"event {data.get('kind')!r}: {type(error).__name__}") from None


def _event(data: dict[str, Any], now: datetime) -> PageEvent | None:  # noqa: PLR0911 - one case a line
    match data["kind"]:
        case "message":
            return MessageArrived(incoming(data["message"]))
        case "ack":
            return AckArrived(str(data["id"]), ack_of(data["ack"]))
        case "notice":
            return notice(data)
        case "state":
            return StateChanged(page_state(data["state"]))
        case "qr":
            return QrShown(str(data["code"]))
        case "logout":
            return LoggedOut(str(data["reason"]))
        case "banned":
            return AccountBanned(ban_end(float(data["seconds"]), now))
        case "progress":
            return LoadingProgress(min(100, max(0, int(data["percent"]))), str(data["message"]))
        case "document":
            return DocumentLoaded(str(data["url"]))
        case _:
            return None


def history(answer: Iterable[dict[str, Any]]) -> tuple[tuple[Arrival, ...], list[BadPayload]]:
    """Messages, and what became of some; and why others cannot be read: they keep nobody from these."""
    arrivals: list[Arrival] = []
    unreadable: list[BadPayload] = []
    for data in answer:
        try:
            arrivals.append(notice(data) if "what" in data else incoming(data))
        except (KeyError, TypeError, ValueError) as error:
            unreadable.append(BadPayload(f"history: {type(error).__name__}"))
    return tuple(arrivals), unreadable


def incoming(data: dict[str, Any]) -> IncomingMessage:
    return IncomingMessage(
        wa_message_id=str(data["id"]),
        chat_id=str(data["chat"]),
        sender=str(data["sender"]),
        body=str(data["body"]),
        type=str(data["type"]),
        timestamp=int(data["t"]),
        is_group=bool(data["group"]),
        has_media=bool(data["media"]),
        sender_name=None if data["name"] is None else str(data["name"]),
    )


def notice(data: dict[str, Any]) -> NoticeArrived:
    return NoticeArrived(
        what=Noticed(data["what"]),
        wa_id=str(data["id"]),
        chat_id=str(data["chat"]),
        sender=str(data["sender"]),
        timestamp=int(data["t"]),
        body=str(data["body"]),
        options=tuple(str(option) for option in data["options"]),
        from_me=bool(data["mine"]),
        is_video=bool(data["video"]),
        is_group=bool(data["group"]),
        peer=str(data["peer"]),
        mark=str(data["mark"]),
        found=bool(data["found"]),
    )


def page_state(data: dict[str, Any]) -> PageState:
    return PageState(
        authenticated=bool(data["authenticated"]),
        stream_mode=str(data["mode"]),
        socket_state=str(data["socket"]),
        phone_number=data["phone"] or None,
        profile_name=data["name"] or None,
    )


def number_status(data: dict[str, Any]) -> NumberStatus:
    if not data["exists"]:
        return NumberStatus(exists=False)
    return NumberStatus(
        exists=True,
        id=str(data["id"]),
        name=data["name"],
        is_blocked=bool(data["blocked"]),
        is_business=bool(data["business"]),
    )


def ack_of(value: float) -> Ack:
    """The page knows more levels of failure than one, and one above `played` that is for its own devices."""
    return Ack(max(Ack.ERROR, min(Ack.PLAYED, int(value))))


def ban_end(expire: float, now: datetime) -> datetime:
    """`expire` as the page tells it: seconds from now, or the moment in Unix seconds."""
    if expire >= EPOCH_FROM:
        return datetime.fromtimestamp(expire, UTC)
    return now + timedelta(seconds=max(0.0, expire))


def logout_reason(url: str) -> str | None:
    """The reason in the address that a logged-out page goes to; None for any other address."""
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    if "post_logout" not in query:
        return None
    return query.get("logout_reason", [""])[0] or "LOGOUT"
