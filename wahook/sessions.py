"""What clients and operators may do with sessions, carried out on the tree and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from actors import session_view, tree
from actors.disconnects import waits_for_human
from actors.errors import RuleBroken, SessionNotReady
from actors.events import StatusChanged
from actors.messages import (
    UNSET,
    AccountChanges,
    CheckNumber,
    DeleteAccount,
    Logout,
    RequestPairingCode,
    SaveAccount,
    TakeScreenshot,
    UpdateAccount,
)
from actors.model import JSON, Account, NumberStatus, SessionConfig, SessionId, SessionStatus
from actors.page import AskPage
from actors.ports import Calendar, Profiles
from supervision import AdminError, AlreadyPresent, AlreadyStarted, ChildSpec, NotFound, System
from wahook.announcer import Announcer
from wahook.asking import ask_session, write
from wahook.board import Board
from wahook.browser.proxy import parse_proxy
from wahook.edge.ports import SessionResource
from wahook.journal.reader import JournalReader
from wahook.waking import Waker, WakerParts

log = structlog.get_logger(__name__)

DOWN = frozenset({SessionStatus.STOPPED, SessionStatus.ERROR, SessionStatus.RECONNECTING})
MARGIN = 5.0  # seconds that a question may take beside the page's own time
ATTEMPTS = 3  # a session that ends while it is to be started is gone at the second


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsParts:
    """`assemble` makes an account's branches of the tree, its session and its lane. Deadlines in seconds."""

    system: System
    reader: JournalReader
    board: Board
    announcer: Announcer
    calendar: Calendar
    profiles: Profiles
    assemble: Callable[[Account], tuple[ChildSpec, ChildSpec]]
    clear_redis: Callable[[str], object]  # blocking; of all that it has of a session whose lane is down
    check: Callable[[SessionConfig], object] = lambda _: None  # raises RuleBroken for what cannot be used
    run: Callable[[Coroutine[Any, Any, None]], Future[None]]  # on a loop of the service's, from any thread
    admit: Callable[[], None] = lambda: None  # raises MemoryShort while no further session may be started
    taken_down: Callable[[Account], None] = lambda _: None  # told of who was up and is not, by hand
    journal_deadline: float = 10.0
    call_deadline: float = 15.0
    wake_deadline: float = 60.0


class SessionCommands:
    """Implements `edge.ports.Sessions`. Coroutines for any loop; `owner` for any thread."""

    def __init__(self, parts: SessionsParts) -> None:
        self._parts = parts
        self._owners: dict[str, str] = {}
        self._made_with: dict[str, SessionConfig] = {}  # what is in the tree was made with these
        self._waker = Waker(
            WakerParts(
                board=parts.board,
                announcer=parts.announcer,
                submit=parts.run,
                up=self._wake,
                admit=parts.admit,
                deadline=parts.wake_deadline,
            )
        )

    # -- reading ----------------------------------------------------------------------------------------

    def owner(self, session_id: str) -> str | None:
        """The userId a session belongs to."""
        return self._owners.get(session_id)

    def remember(self, account: Account) -> None:
        """Know whom a session belongs to; at start, for those of the journal."""
        self._owners[account.session_id] = account.user_id

    async def all(self) -> list[SessionResource]:
        """Every session, oldest first."""
        accounts = await asyncio.to_thread(self._parts.reader.accounts)
        restarts = await asyncio.to_thread(self._nodes)
        return [self._resource(account, restarts) for account in accounts]

    async def get(self, session_id: str) -> SessionResource:
        """One session. RuleBroken("unknown_session")."""
        account = await self._account(session_id)
        return self._resource(account, await asyncio.to_thread(self._nodes))

    async def _account(self, session_id: str) -> Account:
        account = await asyncio.to_thread(self._parts.reader.account, session_id)
        if account is None:
            raise RuleBroken("unknown_session", "there is no such session")
        return account

    def _nodes(self) -> dict[str, dict[str, object]]:
        found = self._parts.system.snapshot(depth=3).find(tree.SESSIONS)
        sessions = [] if found is None else found.get("children", [])
        return {
            one["id"]: child
            for one in sessions
            for child in one.get("children", [])
            if child["id"] == tree.SESSION
        }

    def _resource(self, account: Account, nodes: dict[str, dict[str, object]]) -> SessionResource:
        view = self._parts.board.get(account.session_id)
        node = nodes.get(account.session_id, {})
        status = SessionStatus.STOPPED if view is None else view.status
        if node.get("state") == "failed":
            status = SessionStatus.ERROR
        restarts = node.get("restarts")
        total = restarts.get("total", 0) if isinstance(restarts, dict) else 0
        return SessionResource(account, view, status, total)

    # -- life -------------------------------------------------------------------------------------------

    async def create(self, session: SessionId, config: SessionConfig) -> tuple[SessionResource, bool]:
        """Create and start; nothing changes for one that exists."""
        self._check(config)
        if await asyncio.to_thread(self._parts.reader.account, str(session)) is None:
            self._parts.admit()
        wanted = Account(str(session), session.user_id, session.account_id, config=config)
        saved = await self._write(SaveAccount(wanted))
        account, created = _saved(saved)
        if (account.user_id, account.account_id) != (session.user_id, session.account_id):
            raise RuleBroken("session_taken", "another user's session has this id")
        self.remember(account)
        if created:
            await self._up(account, "created")
        return await self.get(account.session_id), created

    async def start(self, session_id: str, by: str) -> SessionResource:
        """Bring it up, now, whatever it waits for; and keep it up over restarts of the service."""
        account = await self._account(session_id)
        if not self._is_up(session_id):
            self._parts.admit()
        await self._write(UpdateAccount(session_id, AccountChanges(desired=True, idle_since=None)))
        await self._up(account, by)
        return await self.get(session_id)

    async def boot(self, account: Account) -> None:
        """Bring a session of the journal up at the start of the service.

        Only to its lane if it is idle, or waits for a human: a mere restart of ours would push out another
        page that has taken the account over.
        """
        self.remember(account)
        if (specs := self._assembled(account)) is None:
            return
        if account.idle_since is not None:
            self._parts.board.publish(session_view.idle(account))
        elif _waits(account):
            self._parts.board.publish(session_view.waiting(account, self._parts.calendar()))
        else:
            await self._up(account, "boot")
            return
        await self._start_child(tree.OUTBOX, specs[1], "boot")

    def _assembled(self, account: Account) -> tuple[ChildSpec, ChildSpec] | None:
        """Its two branches of the tree; None if its own settings do not allow them, which is shown then."""
        try:
            return self._parts.assemble(account)
        except RuleBroken as error:
            log.error("session.not_assembled", session=account.session_id, code=error.code)  # noqa: TRY400
            view = session_view.waiting(account, self._parts.calendar())
            self._parts.board.publish(replace(view, last_error=error.code))
            return None

    async def refill(self, parent: str) -> None:
        """Give `sessions` or `outbox` back the children that its fresh incarnation does not know."""
        for account in await asyncio.to_thread(self._parts.reader.accounts):
            if not account.desired or (specs := self._assembled(account)) is None:
                continue
            session, lane = specs
            if parent == tree.OUTBOX:
                await self._start_child(parent, lane, "refilled")
            elif account.idle_since is None and not _waits(account):
                await self._start_child(parent, session, "refilled")
                self._made_with[account.session_id] = account.config

    def wanted(self, session_id: str) -> None:
        """Messages wait for this session: bring it up if it lies down by idleness. Any thread."""
        self._waker.wanted(session_id)

    async def awake(self, session_id: str) -> SessionResource:
        """As `get`, once the session is up if it lay down by idleness. DeadlinePassed, MemoryShort."""
        await self._waker.awake(session_id)
        return await self.get(session_id)

    async def _wake(self, session_id: str) -> None:
        account = await self._account(session_id)
        if account.desired:
            await self._write(UpdateAccount(session_id, AccountChanges(idle_since=None)))
            await self._up(account, "needed")

    async def _up(self, account: Account, by: str) -> None:
        session, lane = self._parts.assemble(account)
        await self._start_child(tree.OUTBOX, lane, by)
        if not self._is_up(account.session_id):
            await self._clear_outdated(account, by)
        for _ in range(ATTEMPTS):
            if await self._start_child(tree.SESSIONS, session, by):
                self._made_with[account.session_id] = account.config
                return
            if self._is_up(account.session_id):
                return
            # It waits, has failed, or is about to end: all of that is over once it was started anew.
            with suppress(NotFound):
                await self._parts.system.restart(f"{tree.SESSIONS}/{account.session_id}", by)
                return

    async def _clear_outdated(self, account: Account, by: str) -> None:
        """What was made with other settings than it has by now is started no more."""
        if self._made_with.get(account.session_id, account.config) != account.config:
            with suppress(NotFound):
                await self._parts.system.terminate_child(f"{tree.SESSIONS}/{account.session_id}", by)

    def _is_up(self, session_id: str) -> bool:
        view = self._parts.board.get(session_id)
        return view is not None and view.status not in DOWN

    async def _start_child(self, parent: str, spec: ChildSpec, by: str) -> bool:
        try:
            await self._parts.system.start_child(parent, spec, by)
        except (AlreadyStarted, AlreadyPresent):
            return False
        return True

    async def stop(self, session_id: str, by: str) -> SessionResource:
        """End its browser and keep it down, also over restarts of the service."""
        account = await self._account(session_id)
        await self._write(UpdateAccount(session_id, AccountChanges(desired=False, idle_since=None)))
        await self._down(session_id, by)
        self._taken_down(account)
        return await self.get(session_id)

    async def _down(self, session_id: str, by: str) -> None:
        for path in (f"{tree.SESSIONS}/{session_id}", tree.lane_path(session_id)):
            with suppress(NotFound):
                await self._parts.system.terminate_child(path, by)
        view = self._parts.board.get(session_id)
        if view is not None and view.idle:
            self._parts.board.publish(replace(view, idle=False))
        elif view is not None and view.status is not SessionStatus.STOPPED:  # it was down already, waiting
            stopped = replace(view, status=SessionStatus.STOPPED, since=self._parts.calendar(), qr_code=None)
            self._parts.board.publish(stopped)
            self._parts.announcer(StatusChanged(session_id, SessionStatus.STOPPED))

    def _taken_down(self, account: Account) -> None:
        if account.desired:
            self._parts.taken_down(account)

    async def restart(self, session_id: str, by: str) -> SessionResource:
        """A new browser, now. Starts it when it is down."""
        account = await self._account(session_id)
        if not self._is_up(session_id):
            self._parts.admit()
        await self._write(UpdateAccount(session_id, AccountChanges(desired=True, idle_since=None)))
        await self._clear_outdated(account, by)
        try:
            await self._parts.system.restart(f"{tree.SESSIONS}/{session_id}", by)
        except AdminError:
            await self._up(account, by)
        return await self.get(session_id)

    async def logout(self, session_id: str, by: str) -> SessionResource:
        """Unlink the device at WhatsApp, remove the profile, and stop."""
        account = await self._account(session_id)
        await self._waker.awake(session_id)
        session = self._parts.system.handle(tree.session_path(session_id))
        with self._parts.announcer.expecting(lambda event: _stopped(event, session_id)) as stopped:
            await ask_session(session, Logout(), self._parts.call_deadline)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), self._parts.call_deadline)
        await self._write(UpdateAccount(session_id, AccountChanges(desired=False, idle_since=None)))
        await self._down(session_id, by)
        self._taken_down(account)
        await asyncio.to_thread(self._parts.profiles.discard, session_id)
        return await self.get(session_id)

    async def delete(self, session_id: str, by: str) -> None:
        """Stop it, and forget its messages, its row and its profile."""
        account = await self._account(session_id)
        await self._write(UpdateAccount(session_id, AccountChanges(desired=False, idle_since=None)))
        await self._down(session_id, by)
        self._taken_down(account)
        await asyncio.to_thread(self._parts.profiles.discard, session_id)
        await asyncio.to_thread(self._parts.clear_redis, session_id)
        await self._write(DeleteAccount(session_id))
        self._parts.board.forget(session_id)
        self._owners.pop(session_id, None)
        self._made_with.pop(session_id, None)

    def _check(self, config: SessionConfig) -> None:
        """Before it is kept: what cannot be used would keep the session down at every start."""
        self._parts.check(config)
        if config.proxy is not None:
            parse_proxy(config.proxy)

    async def configure(self, session_id: str, config: SessionConfig) -> SessionResource:
        """Replace its settings. Webhooks hold at once, the rest from its next start."""
        self._check(config)
        await self._account(session_id)
        await self._write(UpdateAccount(session_id, AccountChanges(config=config, desired=UNSET)))
        return await self.get(session_id)

    # -- questions to the page --------------------------------------------------------------------------

    async def pairing_code(self, session_id: str, phone_number: str) -> str:
        """A code to type into the phone instead of scanning."""
        return str(await self._ask(session_id, RequestPairingCode(phone_number)))

    async def screenshot(self, session_id: str) -> bytes:
        """PNG of the page."""
        picture = await self._ask(session_id, TakeScreenshot())
        assert isinstance(picture, bytes)  # noqa: S101
        return picture

    async def number_status(self, session_id: str, number: str) -> NumberStatus:
        """Whether a number is on WhatsApp."""
        status = await self._ask(session_id, CheckNumber(number))
        assert isinstance(status, NumberStatus)  # noqa: S101
        return status

    async def ask_page(self, session_id: str, question: AskPage) -> JSON:
        """Anything else that the page can be asked; see docs/messages.md."""
        answer = await self._ask(session_id, question)
        assert answer is None or isinstance(answer, bool | int | float | str | list | dict)  # noqa: S101
        return answer

    async def _ask(self, session_id: str, message: object) -> object:
        await self._account(session_id)
        await self._waker.awake(session_id)
        session = self._parts.system.handle(tree.session_path(session_id))
        deadline = self._parts.call_deadline
        if isinstance(message, AskPage) and message.deadline is not None:
            deadline = message.deadline + MARGIN
        try:
            return await ask_session(session, message, deadline)
        except SessionNotReady:
            if not self._waker.is_idle(session_id):
                raise
        await self._waker.awake(session_id)  # it lay down at this very moment
        return await ask_session(session, message, deadline)

    async def _write(self, operation: SaveAccount | UpdateAccount | DeleteAccount) -> object:
        writer = self._parts.system.handle(tree.WRITER)
        return await write(writer, operation, self._parts.journal_deadline)


def _waits(account: Account) -> bool:
    return waits_for_human(account.last_error, take_over=account.config.take_over)


def _saved(result: object) -> tuple[Account, bool]:
    match result:
        case (Account() as account, bool() as created):
            return account, created
    raise TypeError(f"the journal answered {type(result).__name__}")


def _stopped(event: object, session_id: str) -> bool:
    return (
        isinstance(event, StatusChanged)
        and event.session_id == session_id
        and event.status == SessionStatus.STOPPED
    )
