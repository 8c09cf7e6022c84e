"""Which sessions are to be reconnected or laid down, and what has gone stale. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from actors.messages import Recycle, Unload
from actors.model import Account, SessionStatus, SessionView

DOWN = frozenset({SessionStatus.STOPPED, SessionStatus.ERROR})


class IdleAction(StrEnum):
    """What is done with a silent session."""

    RECONNECT = "reconnect"  # what calls itself ready and gave no sign of life gets a new browser
    UNLOAD = "unload"  # what has nothing to do gives its memory back until it is needed
    NOTHING = "nothing"


def silent(
    action: IdleAction,
    accounts: Iterable[Account],
    views: Mapping[str, SessionView],
    now: datetime,
    after: timedelta,
) -> list[tuple[str, Recycle | Unload]]:
    """What to tell which session, the longest silent first. The session itself has the last word."""
    found: list[tuple[datetime, str]] = []
    for account in accounts:
        view = views.get(account.session_id)
        if view is None or view.status is not SessionStatus.READY:
            continue
        sign = _last_sign(action, account, view)
        if now - sign >= after:
            found.append((sign, account.session_id))
    seconds = after.total_seconds()
    message = Recycle("silent", seconds) if action is IdleAction.RECONNECT else Unload(seconds)
    return [] if action is IdleAction.NOTHING else [(name, message) for _, name in sorted(found)]


def _last_sign(action: IdleAction, account: Account, view: SessionView) -> datetime:
    """Its last message, and for a reconnection also its last heartbeat: that one proves that it is alive."""
    signs = [view.since, view.active_at]
    if action is IdleAction.RECONNECT:
        signs += [view.last_seen, account.last_seen]
    return max(sign for sign in signs if sign is not None)


def another_chance(exhausted: Iterable[str], accounts: Iterable[Account]) -> list[str]:
    """Which of those that failed too often are started again: their trouble may be over by now.

    One that was never linked waits for a human anyway.
    """
    linked = {account.session_id for account in accounts if account.desired and account.phone_number}
    return [session_id for session_id in exhausted if session_id in linked]


def at_rest(accounts: Iterable[Account], views: Mapping[str, SessionView]) -> list[str]:
    """The sessions without a browser, whose profiles may be trimmed."""
    return [
        account.session_id
        for account in accounts
        if (view := views.get(account.session_id)) is None or view.status in DOWN
    ]
