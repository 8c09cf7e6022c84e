"""What a session does about each thing that happens to it: a pure state machine.

`step(state, happening, policy)` gives the next state and what is to be done, in order. No clock, no I/O, no
threads: the actor in `actors/session.py` carries the effects out and comes back with what became of them.

    initializing ──code──▶ qr ──scan──▶ authenticated ──connected──▶ ready ◀──connected── reconnecting
         └───────────────restored login────▶┘                           └──not connected──▶┘

Any of them may `Fail` (the incarnation crashes with a typed loss; supervision decides by the type) or `End`
(a normal end; the session is stopped).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from actors import disconnects
from actors.disconnects import Loss, Verdict
from actors.errors import Banned, LoginLost, PermanentLoss, SessionError, TransientLoss
from actors.events import Authenticated, AuthFailure, Disconnected, Event, Loading, Qr, QrUpdated
from actors.messages import (
    AccountBanned,
    BrowserLost,
    DocumentLoaded,
    LoadingProgress,
    LoggedOut,
    QrShown,
    StateChanged,
)
from actors.model import PageState, SessionStatus
from actors.session_effects import (
    Arm,
    Connected,
    Effect,
    End,
    Fail,
    LoginMissing,
    NotConnected,
    Settle,
    ShowCode,
    Tell,
    Wait,
)

FIRST_CODE_LIVES = 60  # seconds; the page's own rhythm
NEXT_CODE_LIVES = 20


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be set. Deadlines in seconds."""

    open_deadline: float = 60.0
    sync_deadline: float = 300.0
    healing_deadline: float = 30.0
    qr_limit: int = 5
    take_over: bool = False
    restart_on_auth_fail: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """Where a session is. `recovering`: it was up before and nobody asked for this start."""

    session_id: str
    status: SessionStatus = SessionStatus.INITIALIZING
    recovering: bool = False
    had_login: bool = False  # the account had been linked before this start
    fresh_starts_left: int = 0
    signed_in: bool = False  # this document has shown a login
    settling: PageState | None = None  # a new login is being brought to disk; the page as it is connected
    leaving: bool = False  # we asked for the logout ourselves
    qr_code: str | None = None
    qr_count: int = 0
    phone_number: str | None = None
    profile_name: str | None = None


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The wait that was armed last is over."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class LoginSettled:
    """The new login is on disk, or waiting for that was given up."""


@dataclass(frozen=True, slots=True)
class LogoutAsked:
    """Somebody with the right to do so wants the device logged out."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """The page is not connected although we believe it is; `answers` False: it will not be by itself."""

    reason: str
    answers: bool = True


Happening: TypeAlias = (
    QrShown
    | StateChanged
    | LoggedOut
    | AccountBanned
    | LoadingProgress
    | DocumentLoaded
    | BrowserLost
    | DeadlinePassed
    | LoginSettled
    | LogoutAsked
    | Suspected
)


Step: TypeAlias = tuple[State, list[Effect]]


def begin(policy: Policy) -> list[Effect]:
    """What to do first."""
    return [Arm(Wait.OPENING, policy.open_deadline)]


def step(state: State, happening: Happening, policy: Policy) -> Step:  # noqa: C901, PLR0911 (a table)
    """The next state, and what to do, in order."""
    match happening:
        case QrShown(code=code):
            return _code(state, code, policy)
        case StateChanged(state=page):
            return _page(state, page, policy)
        case LoadingProgress(percent=percent, message=message):
            return state, [Tell(Loading(state.session_id, percent, message))]
        case DocumentLoaded():
            return _reloaded(state, policy)
        case LoggedOut(reason=reason):
            return _logged_out(state, reason, policy)
        case AccountBanned(until=until):
            return _banned(state, until)
        case BrowserLost(reason=reason, detail=detail):
            return _fail(state, TransientLoss(reason, detail))
        case DeadlinePassed(wait=Wait.BAN):
            return _lost(state, disconnects.judge_state("TOS_BLOCK"), policy)
        case DeadlinePassed(wait=wait):
            return _fail(state, TransientLoss(wait.value))
        case LoginSettled():
            return _settled(state)
        case LogoutAsked():
            return replace(state, leaving=True), []
        case Suspected(reason=reason, answers=answers):
            return _suspected(state, reason, policy) if answers else _hangs(state, reason)


def _code(state: State, code: str, policy: Policy) -> Step:
    if code == state.qr_code:
        return state, []
    count = state.qr_count + 1
    if count > policy.qr_limit:
        return state, [End("qr_not_scanned")]
    effects: list[Effect] = []
    if count == 1 and state.had_login:
        effects += [LoginMissing("LOGGED_OUT"), Tell(AuthFailure(state.session_id, "LOGGED_OUT"))]
    lives = FIRST_CODE_LIVES if count == 1 else NEXT_CODE_LIVES
    effects += [ShowCode(code, lives), Arm(Wait.CODE, 2.0 * lives + policy.open_deadline)]
    if state.status is SessionStatus.READY:
        effects.insert(0, NotConnected())
    after = replace(state, status=SessionStatus.QR, qr_code=code, qr_count=count)
    return replace(after, had_login=False, signed_in=False, settling=None), effects


def announcement(state: State, code: str, timestamp: int) -> Event:
    """The event that tells people of a code: `qr` for the first, `qr:updated` for each that follows."""
    event = Qr if state.qr_count == 1 else QrUpdated
    return event(state.session_id, code, timestamp)


def _page(state: State, page: PageState, policy: Policy) -> Step:
    final = _final_state(page)
    if final is not None and not state.leaving:
        return _final(state, final, policy)
    if page.connected:
        return _connected(state, page) if state.had_login else _settle(state, page, policy)
    if state.settling is not None:
        return replace(state, settling=page), []
    if state.status is SessionStatus.READY:
        return _not_connected(state, page.socket_state, policy)
    if page.authenticated and not state.signed_in:
        return _signed_in(state, policy)
    return state, []


def _signed_in(state: State, policy: Policy) -> Step:
    syncing = Arm(Wait.SYNCING, policy.sync_deadline)
    after = replace(state, signed_in=True, qr_code=None, qr_count=0)
    if state.status is SessionStatus.RECONNECTING:
        return after, [syncing]
    told = Tell(Authenticated(state.session_id))
    return replace(after, status=SessionStatus.AUTHENTICATED), [told, syncing]


def _final_state(page: PageState) -> str | None:
    """The page's word if it will not come back by itself. UNPAIRED is only where it shows a code."""
    for word in (page.stream_mode, page.socket_state):
        if word in disconnects.FINAL_STATES and word not in disconnects.LOGIN_GONE:
            return word
    return None


def _final(state: State, word: str, policy: Policy) -> Step:
    if word in disconnects.BLOCKED:
        closed: list[Effect] = [NotConnected()] if state.status is SessionStatus.READY else []
        return state, [*closed, Arm(Wait.BAN, 5.0)]
    return _lost(state, disconnects.judge_state(word, take_over=policy.take_over), policy)


def _settle(state: State, page: PageState, policy: Policy) -> Step:
    """A login that nobody had before is announced as ready only when a crash could not cost it any more."""
    after = replace(state, signed_in=True, qr_code=None, qr_count=0, settling=page)
    if state.settling is not None:
        return after, []
    effects: list[Effect] = [Arm(Wait.SYNCING, policy.sync_deadline), Settle()]
    if state.status in (SessionStatus.INITIALIZING, SessionStatus.QR):
        effects.insert(0, Tell(Authenticated(state.session_id)))
        after = replace(after, status=SessionStatus.AUTHENTICATED)
    return after, effects


def _settled(state: State) -> Step:
    page = state.settling
    if page is None:
        return state, []  # the login was lost meanwhile
    after = replace(state, settling=None, had_login=True)
    return _connected(after, page) if page.connected else (after, [])


def _connected(state: State, page: PageState) -> Step:
    after = replace(
        state,
        status=SessionStatus.READY,
        signed_in=True,
        qr_code=None,
        qr_count=0,
        recovering=False,
        had_login=True,
        phone_number=page.phone_number or state.phone_number,
        profile_name=page.profile_name or state.profile_name,
    )
    if state.status is SessionStatus.READY:
        return after, []
    effects: list[Effect] = [Arm(None), Connected(again=state.recovering)]
    if state.status in (SessionStatus.INITIALIZING, SessionStatus.QR):
        effects.insert(0, Tell(Authenticated(state.session_id)))
    return after, effects


def _not_connected(state: State, reason: str, policy: Policy) -> Step:
    if state.leaving:
        return state, [NotConnected()]
    after = replace(state, status=SessionStatus.RECONNECTING, recovering=True)
    told = Tell(Disconnected(state.session_id, reason, permanent=False))
    return after, [NotConnected(), told, Arm(Wait.HEALING, policy.healing_deadline)]


def _reloaded(state: State, policy: Policy) -> Step:
    if state.status is SessionStatus.READY:
        after, effects = _not_connected(state, "page_reloaded", policy)
        return replace(after, signed_in=False), [*effects, Arm(Wait.OPENING, policy.open_deadline)]
    if state.settling is not None:
        return replace(state, settling=PageState(True, "", "")), []
    return state, []


def _suspected(state: State, reason: str, policy: Policy) -> Step:
    if state.status is not SessionStatus.READY:
        return state, []
    return _not_connected(state, reason, policy)


def _hangs(state: State, reason: str) -> Step:
    """Also while it is healing: nobody else looks then."""
    if state.status in (SessionStatus.READY, SessionStatus.RECONNECTING) and state.signed_in:
        return _fail(state, TransientLoss(reason))
    return state, []


def _logged_out(state: State, reason: str, policy: Policy) -> Step:
    if state.leaving:
        return state, [End("logout", discard_profile=True)]
    loss = disconnects.judge_logout(reason, take_over=policy.take_over)
    if loss.login_gone and state.status in (SessionStatus.QR, SessionStatus.STOPPED):
        return state, []  # the page only cleans up behind a login that had already ended
    return _lost(state, loss, policy)


def _lost(state: State, loss: Loss, policy: Policy) -> Step:
    if loss.verdict is Verdict.RESTART:
        return _fail(state, TransientLoss(loss.reason))
    never_up = state.status is not SessionStatus.READY and not state.recovering
    if loss.login_gone and never_up and policy.restart_on_auth_fail and state.fresh_starts_left > 0:
        return _fail(state, LoginLost(loss.reason))
    return _fail(state, PermanentLoss(loss.reason, login_gone=loss.login_gone))


def _banned(state: State, until: datetime) -> Step:
    return _fail(state, Banned(until))


def _fail(state: State, error: SessionError) -> Step:
    return state, [Fail(error)]


def status_after(error: BaseException | None, *, asked: bool, recycled: bool = False) -> SessionStatus:
    """A session's status once an incarnation has ended.

    `asked`: it ended normally or on a stop request. `recycled`: a fresh browser follows.
    """
    if recycled:
        return SessionStatus.RECONNECTING
    if asked:
        return SessionStatus.STOPPED
    if isinstance(error, LoginLost):
        return SessionStatus.INITIALIZING
    return SessionStatus.ERROR if isinstance(error, PermanentLoss) else SessionStatus.RECONNECTING


def login_void(error: BaseException | None) -> bool:
    """Whether the profile's login is of no more use after this loss."""
    return isinstance(error, LoginLost) or (isinstance(error, PermanentLoss) and error.login_gone)


def farewell(state: State, error: BaseException | None) -> list[Event]:
    """What people are told of a failed incarnation: nothing twice, nothing that was never up."""
    events: list[Event] = []
    reason = _reason(error)
    permanent = isinstance(error, PermanentLoss)
    if permanent or state.status is SessionStatus.READY:
        events.append(Disconnected(state.session_id, reason, permanent))
    if login_void(error):
        events.append(AuthFailure(state.session_id, reason))
    return events


def _reason(error: BaseException | None) -> str:
    if isinstance(error, TransientLoss | PermanentLoss | LoginLost):
        return error.reason
    if isinstance(error, Banned):
        return "BANNED"
    return "killed" if error is None else type(error).__name__
