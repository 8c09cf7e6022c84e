"""What of a session's life its owner is written about: a pure fold from events to notices.

| event | notice |
|---|---|
| `ready`, `reconnected` after a code was shown | connected |
| `ready`, `reconnected` after a loss that was told of or lasted longer than `away_after` | reconnected |
| `disconnected`, permanent | disconnected, at once: a human must act |
| `disconnected`, not permanent | disconnected, once it has lasted `away_after` |
| supervision gave the session up | disconnected: a human must act |
| `auth_failure` | authentication failed, unless the owner was asked to act a moment ago |
| `qr` for an account that was linked before | needs a scan, unless … likewise |
| stopped, logged out or deleted by hand | disconnected by hand |

No clock, no I/O, no threads. A start of the service is no news: it is told of only if it needs somebody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from actors.events import AuthFailure, Disconnected, Event, Qr, QrUpdated, Ready, Reconnected

NEWS = Qr | QrUpdated | Ready | Reconnected | Disconnected | AuthFailure
GAVE_UP = "GAVE_UP"
RELEVANT = 86400.0  # seconds


class Kind(StrEnum):
    """The occasions; each names its text."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    DISCONNECTED_BY_HAND = "disconnected_by_hand"
    RECONNECTED = "reconnected"
    AUTH_FAILED = "auth_failed"
    NEEDS_QR = "needs_qr"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the owner. `away`: seconds since the loss. `suppressed`: notices left out before."""

    kind: Kind
    session_id: str
    at: datetime
    reason: str | None = None
    permanent: bool = False
    away: float = 0.0
    phone_number: str | None = None
    profile_name: str | None = None
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one session. `told`: the owner knows of the present loss."""

    session_id: str
    scanning: bool = False
    lost_at: datetime | None = None
    reason: str | None = None
    told: bool = False
    asked_at: datetime | None = None  # when the owner was last asked to act


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long a loss may last untold, and how long one request to act stands for all."""

    away_after: float = 120.0
    asked: float = 600.0


Step: TypeAlias = tuple[Watch, Notice | None]


def heard(watch: Watch, event: Event, now: datetime, patience: Patience, *, linked: bool) -> Step:  # noqa: PLR0911 (a table)
    """What follows from an event. `linked`: the account had a phone before it."""
    match event:
        case Qr():
            return _code_shown(watch, now, patience, linked=linked)
        case QrUpdated():
            return replace(watch, scanning=True), None
        case Ready() | Reconnected():
            return _up(watch, event, now, patience)
        case Disconnected(permanent=True):
            return _lost_for_good(watch, event.reason, now)
        case Disconnected():
            return replace(watch, lost_at=watch.lost_at or now, reason=event.reason), None
        case AuthFailure():
            return _refused(watch, event.reason, now, patience)
    return watch, None


def told_before(notice: Notice, now: datetime) -> Watch:
    """What to remember at a start of the service, when this was the last that the owner was told.

    So somebody who was promised news of a return gets it, and nobody is asked twice for one end. What is more
    than a day old is another story.
    """
    watch = Watch(notice.session_id)
    if (now - notice.at).total_seconds() > RELEVANT:
        return watch
    asked_at = notice.at if notice.permanent or notice.kind is Kind.NEEDS_QR else None
    match notice.kind:
        case Kind.DISCONNECTED | Kind.AUTH_FAILED:
            lost_at = notice.at - timedelta(seconds=notice.away)
            return replace(watch, lost_at=lost_at, reason=notice.reason, told=True, asked_at=asked_at)
        case Kind.NEEDS_QR:
            return replace(watch, asked_at=asked_at)
    return watch


def waited(watch: Watch, now: datetime, patience: Patience) -> Step:
    """What follows from time alone: a loss that does not heal is told of."""
    away = _away(watch, now)
    if watch.lost_at is None or watch.told or away < patience.away_after:
        return watch, None
    notice = Notice(Kind.DISCONNECTED, watch.session_id, now, watch.reason, away=away)
    return replace(watch, told=True), notice


def gave_up(watch: Watch, now: datetime, patience: Patience) -> Step:
    """Supervision restarts it no more. What was lost for good was told of already, and so was giving it up:
    each retry that comes to nothing ends here again.
    """
    if _asked_lately(watch, now, patience) or (watch.told and watch.reason == GAVE_UP):
        return watch, None
    return _lost_for_good(watch, GAVE_UP, now)


def by_hand(watch: Watch, now: datetime) -> Step:
    """Somebody took it down on purpose."""
    return Watch(watch.session_id), Notice(Kind.DISCONNECTED_BY_HAND, watch.session_id, now)


def _code_shown(watch: Watch, now: datetime, patience: Patience, *, linked: bool) -> Step:
    after = replace(watch, scanning=True)
    if not linked or _asked_lately(watch, now, patience):
        return after, None
    return replace(after, asked_at=now), Notice(Kind.NEEDS_QR, watch.session_id, now)


def _up(watch: Watch, event: Ready | Reconnected, now: datetime, patience: Patience) -> Step:
    away = _away(watch, now)
    if watch.scanning:
        kind = Kind.CONNECTED
    elif watch.lost_at is not None and (watch.told or away >= patience.away_after):
        kind = Kind.RECONNECTED
    else:
        return Watch(watch.session_id), None
    notice = Notice(
        kind,
        watch.session_id,
        now,
        away=away,
        phone_number=event.phone_number or None,
        profile_name=event.profile_name,
    )
    return Watch(watch.session_id), notice


def _lost_for_good(watch: Watch, reason: str, now: datetime) -> Step:
    notice = Notice(Kind.DISCONNECTED, watch.session_id, now, reason, permanent=True, away=_away(watch, now))
    lost_at = watch.lost_at or now
    return replace(watch, lost_at=lost_at, reason=reason, told=True, asked_at=now, scanning=False), notice


def _refused(watch: Watch, reason: str, now: datetime, patience: Patience) -> Step:
    if _asked_lately(watch, now, patience):
        return watch, None
    notice = Notice(Kind.AUTH_FAILED, watch.session_id, now, reason, permanent=True)
    return replace(watch, lost_at=watch.lost_at or now, told=True, asked_at=now), notice


def _away(watch: Watch, now: datetime) -> float:
    return 0.0 if watch.lost_at is None else max(0.0, (now - watch.lost_at).total_seconds())


def _asked_lately(watch: Watch, now: datetime, patience: Patience) -> bool:
    return watch.asked_at is not None and (now - watch.asked_at).total_seconds() < patience.asked
