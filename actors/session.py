"""The session actor: owns one Chromium, carries out what `session_state` decides. It never blocks.

Every call into the browser is a future whose result comes back as a message; what the page says arrives as
messages too. So the mailbox is the one order of everything that happens to a session.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from actors import session_effects as act
from actors import session_state, session_view
from actors import session_turns as turn
from actors.errors import Fault, LoginLost, PermanentLoss, SessionError, SessionNotReady, TransientLoss
from actors.events import Ready, Reconnected, StatusChanged
from actors.leaving import IDLE, PAUSE, RECYCLE, Leaving
from actors.messages import (
    AccountChanges,
    AckArrived,
    CheckNumber,
    CloseLane,
    ConnectionSuspect,
    Journaled,
    Logout,
    MessageArrived,
    OpenLane,
    Recycle,
    RequestPairingCode,
    SendMessage,
    TakeScreenshot,
    Unload,
)
from actors.model import SessionStatus
from actors.page import Arrival, AskPage, NoticeArrived
from actors.sending import Looked, Sends, Sent, pass_on
from actors.session_journal import SessionJournal
from actors.session_parts import SessionParts
from actors.session_state import LogoutAsked, State, Suspected
from supervision import Actor, Context, Exit, ExitKind, Reply, Timer

log = structlog.get_logger(__name__)

TICK, RECONCILE_EVERY = 5.0, 300.0  # seconds: repeats of what got no answer; a net below the page's events


class SessionActor(Actor):
    """One incarnation of a session."""

    def __init__(self, context: Context, parts: SessionParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._id = parts.account.session_id
        self._slot = (self._id, context.incarnation)
        self._lane = context.lookup(parts.lane_path)
        self._sends = Sends(parts.client, parts.call_deadline, self._tell_self)
        self._timer: Timer | None = None
        self._login_void = False
        self._logout: Reply | None = None
        self._leaving = Leaving(context.clock.monotonic)
        self._journal = SessionJournal(
            self._id,
            path=context.path,
            incarnation=context.incarnation,
            tell=context.lookup(parts.writer_path).tell,
            announce=parts.announce,
            now=context.clock.monotonic,
            floor=session_view.seconds(parts.account.created_at),
            caught_up=parts.caught_up(),
            hearing=parts.hearing,
        )
        self._view = session_view.first(parts.account, parts.board.get(self._id), parts.calendar())
        self._state = State(
            session_id=self._id,
            status=self._view.status,
            recovering=self._view.status is SessionStatus.RECONNECTING,
            had_login=self._view.phone_number is not None and not parts.memory.login_void,
            fresh_starts_left=parts.memory.fresh_starts_left,
            phone_number=self._view.phone_number,
            profile_name=self._view.profile_name,
        )

    # -- start and end ----------------------------------------------------------------------------------

    def started(self) -> None:
        """Ready at once: opening a page takes its time, and has its own deadline."""
        self._parts.slots.release((self._id, self.context.incarnation - 1))  # a life given up could not
        self.context.claim(f"profile:{self._id}")
        self.context.kill_with(self._parts.client.kill)
        self._publish()
        self.context.every(TICK, turn.Tick())
        self.context.every(RECONCILE_EVERY, turn.Reconcile())
        self._parts.slots.request(self._slot, lambda: self._tell_self(turn.LaunchGranted()))

    def stopping(self, exit: Exit) -> None:  # noqa: A002
        """Tell people, then end the browser: gently unless it is past hearing us."""
        self._parts.slots.release(self._slot)
        self._lane.tell(CloseLane())
        asked = exit.kind in (ExitKind.NORMAL, ExitKind.SHUTDOWN)
        error = exit.error
        if not asked:
            for event in session_state.farewell(self._state, error):
                self._parts.announce(event)
            self._view = replace(self._view, last_error=session_view.words(exit))
            lasting = isinstance(error, PermanentLoss | LoginLost)
            self._journal.save(AccountChanges(last_error=session_view.words(exit)), for_good=lasting)
        recycled = exit.kind is ExitKind.NORMAL and exit.reason == RECYCLE
        self._show(session_state.status_after(error, asked=asked, recycled=recycled))
        self._end_browser(hearing=asked or not isinstance(error, TransientLoss))
        if isinstance(error, LoginLost):
            self._parts.memory.fresh_starts_left -= 1
        if self._login_void or session_state.login_void(error):
            self._parts.memory.login_void = True
            self._parts.profiles.discard(self._id)

    def _end_browser(self, *, hearing: bool) -> None:
        client = self._parts.client
        if hearing:
            try:
                client.close().result(self._parts.stop_deadline)
            except (Fault, TimeoutError) as error:
                log.warning("session.close_failed", session=self._id, error=type(error).__name__)
        client.kill()
        self.context.processes()

    # -- messages ---------------------------------------------------------------------------------------

    def handle(self, message: object) -> object:
        """One thing at a time."""
        if isinstance(message, session_state.Happening):
            self._step(message)
            return None
        match message:
            case MessageArrived(message=incoming):
                self._leaving.touch()
                self._journal.arrived(incoming)
            case AckArrived():
                self._acked(message)
            case turn.Tick():
                self._tick()
            case turn.Reconcile() if self._ready:
                self._reconcile()
            case Journaled():
                self._journal.journaled(message)
            case ConnectionSuspect(reason=reason, answers=answers):
                self._step(Suspected(reason, answers=answers))
            case turn.LaunchGranted():
                self._open()
            case turn.Leave():
                self._leave()
            case _:
                self._called(message)
        return None

    def _called(self, message: object) -> None:
        """What somebody asked, or an answer of the page to it."""
        client, deadline = self._parts.client, self._parts.call_deadline
        match message:
            case SendMessage():
                self._when_ready(message.deadline)
                self._leaving.touch()
                self._sends.begin(message, self.context.defer_reply())
            case CheckNumber(number=number):
                self._pass_on(client.number_status(number, self._when_ready(deadline)))
            case RequestPairingCode(phone_number=phone_number):
                if self._state.status is not SessionStatus.QR:
                    raise SessionNotReady(f"a pairing code needs status qr, this is {self._state.status}")
                self._pass_on(client.pairing_code(phone_number, deadline))
            case AskPage(call=call, arguments=arguments, deadline=own):
                self._pass_on(client.ask(call, arguments, self._when_ready(own or deadline)))
            case TakeScreenshot():
                self._pass_on(client.screenshot(deadline))
            case Logout():
                self._log_out()
            case Recycle(quiet=quiet, reason=reason):
                self._want_to_leave(RECYCLE, quiet, reason)
            case Unload(quiet=quiet):
                self._want_to_leave(IDLE, quiet, "idle")
            case _:
                self._answered(message)

    def _answered(self, message: object) -> None:
        """The browser's answers."""
        match message:
            case turn.Opened(future=future):
                self._opened(future)
            case NoticeArrived():
                self._journal.arrived(message)
            case turn.LeftAccount(future=future):
                self._left(future)
            case Looked():
                self._sends.looked(message)
            case Sent():
                if self._sends.sent(message):
                    self._step(Suspected("unacknowledged", answers=False))
            case turn.Reconciled(future=history):
                self._reconciled(history)
            case turn.StartOver():
                self._parts.slots.release(self._slot)

    @property
    def _ready(self) -> bool:
        return self._state.status is SessionStatus.READY

    def _when_ready(self, deadline: float) -> float:
        if not self._ready:
            raise SessionNotReady(f"session is {self._state.status}")
        if self._leaving.reason is not None:
            raise SessionNotReady("its browser is about to be closed")
        return deadline

    def _tell_self(self, message: object) -> None:
        """From any thread. What an earlier incarnation still hears is nobody's any more."""
        if self.context.handle.incarnation == self.context.incarnation:
            self.context.handle.tell(message)

    def _pass_on(self, future: Future[Any]) -> None:
        pass_on(future, self.context.defer_reply())

    def _open(self) -> None:
        self._do(session_state.begin(self._parts.policy))
        self.context.after(self._parts.policy.open_deadline, turn.StartOver())
        opening = self._parts.client.open(self.context.incarnation, self._tell_self)
        opening.add_done_callback(lambda future: self._tell_self(turn.Opened(future)))

    def _opened(self, future: Future[None]) -> None:
        if error := future.exception():
            raise error if isinstance(error, SessionError) else TransientLoss("open_failed", str(error))
        self.context.processes(*self._parts.client.pids)

    def _acked(self, arrived: AckArrived) -> None:
        self._sends.acked(arrived.wa_message_id, arrived.ack)
        self._journal.acked(arrived)

    def _step(self, happening: session_state.Happening) -> None:
        self._state, effects = session_state.step(self._state, happening, self._parts.policy)
        self._do(effects)
        if self._state.status is not self._view.status:
            self._show(self._state.status)

    def _do(self, effects: list[act.Effect]) -> None:  # noqa: C901 (a table)
        for effect in effects:
            match effect:
                case act.Tell(event=event):
                    self._parts.announce(event)
                case act.Arm(wait=wait, seconds=seconds):
                    self._arm(wait, seconds)
                case act.ShowCode(code=code, lives=lives):
                    self._show_code(code, lives)
                case act.Settle():
                    self._settle()
                case act.Connected(again=again):
                    self._connected(again=again)
                case act.NotConnected():
                    self._lane.tell(CloseLane())
                    self._journal.missing()
                case act.LoginMissing(reason=reason):
                    self._journal.save(AccountChanges(last_error=reason), for_good=True)
                case act.End(reason=reason, discard_profile=discard):
                    self._end(reason, discard=discard)
                case act.Fail(error=error):
                    raise error

    def _arm(self, wait: act.Wait | None, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if wait is not None:
            self._timer = self.context.after(seconds, session_state.DeadlinePassed(wait))

    def _settle(self) -> None:
        settling = self._parts.client.settle(self._parts.call_deadline)
        settling.add_done_callback(lambda future: self._tell_self(turn.login_settled(self._id, future)))

    def _show_code(self, code: str, lives: int) -> None:
        self._parts.slots.release(self._slot)
        now = self._parts.calendar()
        expires_at = session_view.expiry(now, lives)
        self._view = session_view.with_code(self._view, code, self._state.qr_count, expires_at)
        self._show(SessionStatus.QR)
        self._parts.announce(session_state.announcement(self._state, code, int(now.timestamp() * 1000)))

    def _end(self, reason: str, *, discard: bool) -> None:
        self._login_void = discard
        if self._logout is not None:
            self._logout.set(None)
        if reason == "logout":
            self._view = replace(self._view, last_error=None)
            self._journal.save(AccountChanges(desired=False, last_error=None))
        else:
            self._lie_down(reason)
        self.context.stop(reason)

    def _lie_down(self, error: str | None) -> None:
        """Stay wanted, without a browser, until somebody needs the session."""
        self._view = replace(self._view, idle=True, last_error=error)
        self._journal.save(AccountChanges(idle_since=self._parts.calendar(), last_error=error))

    def _want_to_leave(self, word: str, quiet: float, reason: str) -> None:
        if not self._ready or self._logout is not None or not self._leaving.begin(word, quiet):
            return
        log.info("session.leaving", session=self._id, to=word, reason=reason)
        self._lane.tell(CloseLane())
        self.context.after(PAUSE, turn.Leave())

    def _leave(self) -> None:
        """Once nothing is in flight. What arrives from now on is found by the next incarnation."""
        word = self._leaving.reason
        if not self._ready or self._logout is not None:
            self._leaving.reason = None
        elif self._sends or not self._journal.settled:
            if self._leaving.given_up():
                self._lane.tell(OpenLane())
            else:
                self.context.after(PAUSE, turn.Leave())
        elif word is not None:
            if word == IDLE:
                self._lie_down(None)
            self.context.stop(word)

    def _connected(self, *, again: bool) -> None:
        self._parts.slots.release(self._slot)
        self._parts.memory.connected()
        self.context.healthy()
        self._leaving.touch()
        now, state = self._parts.calendar(), self._state
        self._view = session_view.connected(self._view, state.phone_number, state.profile_name, now)
        self._journal.save(
            AccountChanges(
                phone_number=state.phone_number,
                profile_name=state.profile_name,
                connected_at=now,
                last_seen=now,
                last_error=None,
            )
        )
        self._show(SessionStatus.READY)
        told = Reconnected if again else Ready
        self._parts.announce(told(self._id, state.phone_number or "", state.profile_name))
        self._lane.tell(OpenLane())
        self._reconcile()

    # -- what people see --------------------------------------------------------------------------------

    def _show(self, status: SessionStatus) -> None:
        self._view = session_view.with_status(self._view, status, self._parts.calendar())
        self._publish()

    def _publish(self) -> None:
        seen, status = self._parts.board.get(self._id), self._view.status
        self._parts.board.publish(self._view)
        self.context.report(status=str(status))
        if seen is None or seen.status is not status:
            log.info("session.status", session=self._id, status=str(status))
            self._parts.announce(StatusChanged(self._id, status))

    def _tick(self) -> None:
        self._journal.tell_again(TICK)
        if self._ready and self._leaving.reason is None:
            self._lane.tell(OpenLane())
        if self._leaving.news():
            active_at = self._parts.calendar() - timedelta(seconds=self._leaving.quiet)
            self._view = replace(self._view, active_at=active_at)
            self._publish()

    def _reconcile(self) -> None:
        """Ask the page what arrived while nobody listened."""
        if self._journal.fetching:
            return
        since = self._journal.fetch(session_view.seconds(self._parts.calendar()))
        history = self._parts.client.recent_incoming(since, self._parts.call_deadline)
        history.add_done_callback(lambda future: self._tell_self(turn.Reconciled(future)))

    def _reconciled(self, future: Future[tuple[Arrival, ...]]) -> None:
        if error := future.exception():
            log.warning("session.reconcile_failed", session=self._id, error=type(error).__name__)
            self.context.after(TICK, turn.Reconcile())
            self._journal.history(None)
        else:
            self._journal.history(future.result())

    def _log_out(self) -> None:
        if not self._ready:
            raise SessionNotReady(f"only a ready session can log out, this is {self._state.status}")
        self._step(LogoutAsked())
        self._logout = self.context.defer_reply()
        leaving = self._parts.client.logout(self._parts.call_deadline)
        leaving.add_done_callback(lambda future: self._tell_self(turn.LeftAccount(future)))

    def _left(self, future: Future[None]) -> None:
        """The page answered; as often as not its own word of the logout was quicker."""
        if error := future.exception():
            if self._logout is not None:
                self._logout.fail(error)
        else:
            self._end("logout", discard=True)
