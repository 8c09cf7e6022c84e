"""What one session is made of: the real parts behind every port of its actors."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from redis import Redis, RedisError

from actors import session_state, tree
from actors.hearing import Hearing
from actors.keepalive import KeepaliveParts
from actors.lane import LaneParts
from actors.model import Account
from actors.ports import Announce, Calendar, Profiles
from actors.session_parts import SessionMemory, SessionParts
from actors.slots import LaunchSlots
from supervision import ChildSpec, SystemClock
from supervision import System as SupervisionSystem
from wahook.board import Board
from wahook.journal.reader import JournalReader
from wahook.outbox.courier import Courier, Deadlines
from wahook.outbox.gate import Gate
from wahook.outbox.lane import RqLane
from wahook.outbox.limits import SendLimits
from wahook.outbox.queues import LaneQueues
from wahook.profiles import Keeper
from wahook.profiles import Profiles as LocalProfiles
from wahook.profiles.tenancy import Tenant
from wahook.settings import Settings
from wahook.whatsapp.factory import Browsers

log = structlog.get_logger(__name__)

STARTS_AT_ONCE = 2  # browsers that may start together; each takes most of a core until its page is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Everything that sessions share. Called with an account it gives its two branches of the tree."""

    settings: Settings
    browsers: Browsers
    local_profiles: LocalProfiles
    keeper: Keeper | None
    profiles: Profiles
    reader: JournalReader
    redis: Redis
    limits: SendLimits
    announce: Announce
    board: Board
    calendar: Calendar
    slots: LaunchSlots
    wanted: Callable[[str], None]
    system: Callable[[], SupervisionSystem]
    rng: random.Random

    def __call__(self, account: Account) -> tuple[ChildSpec, ChildSpec]:
        """Nothing runs yet. RuleBroken("bad_proxy")."""
        return self._session(account), self._lane(account)

    def _session(self, account: Account) -> ChildSpec:
        settings, session_id = self.settings, account.session_id
        client = Tenant(
            self.browsers.client(session_id, self.local_profiles.path(session_id), account.config.proxy),
            session_id,
            self.local_profiles,
            keeper=self.keeper,
            tell=self.system().handle(tree.ARCHIVER).tell,
        )
        parts = SessionParts(
            account=account,
            client=client,
            policy=session_state.Policy(
                open_deadline=settings.open_deadline,
                sync_deadline=settings.sync_deadline,
                qr_limit=settings.qr_max_retries,
                take_over=account.config.take_over,
                restart_on_auth_fail=settings.restart_on_auth_fail,
            ),
            announce=self.announce,
            board=self.board,
            calendar=self.calendar,
            profiles=self.profiles,
            slots=self.slots,
            memory=SessionMemory(),
            caught_up=partial(self.reader.caught_up, session_id),
            writer_path=tree.WRITER,
            lane_path=tree.lane_path(session_id),
            call_deadline=settings.page_call_deadline,
            stop_deadline=settings.stop_deadline,
            hearing=Hearing(settings.ignore_groups, settings.ignore_status),
        )
        keepalive = KeepaliveParts(
            session_id=session_id,
            client=client,
            board=self.board,
            calendar=self.calendar,
            session_path=tree.session_path(session_id),
            writer_path=tree.WRITER,
            call_deadline=settings.page_call_deadline,
            heartbeat_interval=settings.heartbeat_interval,
            watchdog_interval=settings.watchdog_interval,
            activity_interval=settings.activity_interval,
        )
        reconnection = tree.Reconnection(
            base=settings.reconnect_base_delay,
            cap=settings.reconnect_max_delay,
            attempts=settings.reconnect_max_attempts,
        )
        return tree.session(parts, keepalive, reconnection, stuck_after=3 * settings.page_call_deadline)

    def _lane(self, account: Account) -> ChildSpec:
        session_id = account.session_id
        return tree.lane(
            LaneParts(
                session_id=session_id,
                make=partial(self._make_lane, account),
                undone=partial(self.reader.undone, session_id),
                board=self.board,
                stop_deadline=self.settings.stop_deadline,
                wanted=partial(self.wanted, session_id),
            )
        )

    def _make_lane(self, account: Account) -> RqLane:
        return RqLane(
            account.session_id,
            account.user_id,
            connection=self.redis,
            limits=self.limits,
            courier=partial(self._courier, account.session_id),
            clock=SystemClock(),
        )

    def clear_queues(self, session_id: str) -> None:
        """Forget what Redis has of a deleted session. Without Redis it stays there, where nobody takes it."""
        try:
            LaneQueues(self.redis, session_id, self.calendar).clear()
        except RedisError as error:
            log.warning("outbox.not_cleared", session=session_id, error=type(error).__name__)

    def _courier(self, session_id: str, gate: Gate) -> Courier:
        system, settings = self.system(), self.settings
        return Courier(
            session=system.handle(tree.session_path(session_id)),
            journal=system.handle(tree.WRITER),
            announce=self.announce,
            ask=gate.ask,
            pause=gate.pause,
            rng=self.rng,
            row=self.reader.message,
            deadlines=Deadlines(
                send=settings.send_deadline,
                look=settings.page_call_deadline,
                media=settings.media_send_deadline,
            ),
        )
