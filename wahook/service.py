"""The composition root: the one place that knows everybody and hands each actor its parts."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import structlog
from redis import Redis

from actors import tree
from actors.errors import ProcessError
from actors.messages import ForgetProfile
from actors.model import Account
from actors.ports import EdgeAddress
from actors.slots import LaunchSlots
from supervision import AdminError, Exit, SupervisorSpec, System
from wahook.addresses import rule_of
from wahook.announcer import Announcer
from wahook.assembly import STARTS_AT_ONCE, Assembly
from wahook.board import Board
from wahook.data_lock import take
from wahook.drafts import Drafts
from wahook.edge.app import Parts as EdgeParts
from wahook.edge.keys import ApiKey, find_or_make
from wahook.edge.server import EdgeServer
from wahook.giving_up import GivenUpSessions
from wahook.headroom import Headroom
from wahook.housekeeping import Housekeeping
from wahook.journal.files import FileReader
from wahook.journal.opening import OpenedJournal, open_journal
from wahook.loop import LoopThread
from wahook.media.desk import MediaDesk
from wahook.media.fetching import MediaFetcher
from wahook.media.links import Links
from wahook.media.store import MediaStore
from wahook.messages import MessageCommands, MessagesParts
from wahook.metrics import Meters
from wahook.metrics.wiring import MeteredJournal, Metrics
from wahook.mirror import OptionalMirror
from wahook.mirror_commands import MirrorCommands
from wahook.notify.mail.commands import MailCommands
from wahook.notify.setup import Notifications, NotifyParts
from wahook.notify.webhooks.setup import Webhooks
from wahook.npm import find_module_file
from wahook.operations import Checks, OperationsDesk, room_on
from wahook.outbox import outlook
from wahook.outbox.connection import connect
from wahook.outbox.limits import SendLimits
from wahook.outbox.pace import Pace
from wahook.outbox.server import EmbeddedRedis
from wahook.page_cache import PageCache
from wahook.pages import Keeping, PageDesk
from wahook.processes import sweep
from wahook.profiles import Profiles, VoidProfiles
from wahook.profiles.setup import keeper_of
from wahook.reception import Reception
from wahook.refilling import Refilling
from wahook.sessions import SessionCommands, SessionsParts
from wahook.settings import Settings
from wahook.whatsapp.factory import Browsers

log = structlog.get_logger(__name__)

START_DEADLINE = 60.0
BOOT_DEADLINE = 30.0
PROBE_EVERY = 10.0  # seconds between two looks whether Redis and ChromeDriver still answer


def calendar() -> datetime:
    """Wall-clock time."""
    return datetime.now(UTC)


class Service:
    """The whole service. `start` and `stop` block; call them from one thread, not an actor's.

    Construction finds every part and opens the journal; nothing runs before `start`. Raises WahookError or
    KeyFileError with what to do when a part is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock: int | None = take(settings.data)
        self.key: ApiKey = find_or_make(
            settings.api_key.get_secret_value() if settings.api_key else None, settings.data
        )
        self._loop = LoopThread("browsers")
        self._browsers = Browsers.from_settings(settings, self._loop)
        swept = sweep(self._browsers.owner)
        if swept:
            log.warning("service.leftovers_killed", processes=len(swept))
        self._webhooks = Webhooks(settings, calendar, lambda: self.system)
        self._mirror = OptionalMirror(settings, lambda: self.system)
        self._journal: OpenedJournal = open_journal(
            settings.database,
            calendar=calendar,
            consequences=self._webhooks.consequences,
            mirror=self._mirror.policy,
        )
        self._mirror.open(self._journal)
        self.webhooks = self._webhooks.open(self._journal)
        self._embedded, url = self._make_redis()
        self._redis = connect(url)
        self._outlook = connect(url, max_connections=4, deadline=outlook.DEADLINE)
        self._pace = Pace(settings.session_rate_limit, settings.user_rate_limit)
        self._media = MediaFetcher(  # also where what arrives is kept
            MediaStore(settings.media_path, settings.media_max_mb * 2**20),
            rule_of(settings.media_allowed_networks, "MEDIA_ALLOWED_NETWORKS"),
            settings.media_fetch_deadline,
        )
        self.page_cache = PageCache(self._redis)
        self._reception = Reception(
            settings=settings,
            reader=self._journal.reader,
            files=FileReader(self._journal.engines.read),
            redis=self._redis,
            system=lambda: self.system,
            board=lambda: self.board,
            desk=self._media_desk,
            messages=lambda: self.messages,
            run=self._loop.submit,
        )
        self.announcer = Announcer()
        self.board = Board()
        self.headroom = Headroom()
        self.meters = Meters()
        self._profiles = Profiles(settings.sessions_path)
        self._keeper = keeper_of(settings, self._profiles)
        self._notifications = self._make_notifications()
        self.system = System(self._root(), name="wahook", info={"wahook": version("wahook")})
        self.sessions = self._make_sessions()
        self.messages = MessageCommands(
            MessagesParts(
                system=self.system,
                reader=self._journal.reader,
                announcer=self.announcer,
                calendar=calendar,
                drafts=Drafts(self._journal.reader, fetch=self._media.fetch),
                duplicate_window=settings.duplicate_window,
                outlook=outlook.Outlook(
                    connection=self._outlook,
                    limits=self._limits(self._outlook),
                    ahead=self._journal.reader.ahead,
                    owner=self.sessions.owner,
                    calendar=calendar,
                ),
            )
        )
        checks = Checks(
            database=self._journal.reader.ping,
            redis=self._redis.ping,
            volume=partial(room_on, settings.data),
            mirror=self._mirror.health,
        )
        self.operations = OperationsDesk(self.system, self.sessions, self.board, checks, self.headroom.fields)
        self.edge = self._make_edge()
        writer = self.system.handle(tree.WRITER)
        self.system.subscribe(GivenUpSessions(self.board, self.announcer, calendar, writer.tell))
        self.system.subscribe(Refilling(self.sessions.refill, self._loop.submit))
        self.announcer.subscribe(self.edge.publish)
        self.announcer.subscribe(self._reception.hear)
        self.announcer.subscribe(self._webhooks.hear)

    # -- parts ------------------------------------------------------------------------------------------

    def _make_redis(self) -> tuple[EmbeddedRedis | None, str]:
        if self.settings.redis_url is not None:
            return None, self.settings.redis_url.get_secret_value()
        embedded = EmbeddedRedis(self.settings.data / "redis", loop=self._loop, owner=self._browsers.owner)
        return embedded, embedded.url

    def _limits(self, connection: Redis) -> SendLimits:
        rates = self.settings.session_rate_limit, self.settings.user_rate_limit
        return SendLimits(connection, *rates, pace=self._pace)

    def _root(self) -> SupervisorSpec:
        return tree.root(
            tree.RootParts(
                redis=self._embedded,
                chromedriver=self._browsers.driver,
                journal=MeteredJournal(self._journal.writer, self.meters),
                probe_every=min(PROBE_EVERY, self.settings.watchdog_interval),
                helpers=(
                    self._webhooks.child(),
                    *self._mirror.children(lambda account: self.sessions.remember(account)),  # noqa: PLW0108
                    *(() if self._keeper is None else (tree.archiver(self._keeper),)),
                    *self._housekeeping().helpers(),
                    *self._reception.children(),
                    *self._notifications.children(),
                ),
            )
        )

    def _make_notifications(self) -> Notifications:
        parts = NotifyParts(
            journal=self._journal,
            announcer=self.announcer,
            board=self.board,
            calendar=calendar,
            system=lambda: self.system,
            messages=lambda: self.messages,
            ask_page=lambda *question: self.sessions.ask_page(*question),  # noqa: PLW0108 - made later
        )
        return Notifications(self.settings, parts)

    def _housekeeping(self) -> Housekeeping:
        return Housekeeping(
            settings=self.settings,
            board=self.board,
            reader=self._journal.reader,
            headroom=self.headroom,
            profiles=self._profiles,
            calendar=calendar,
            system=lambda: self.system,
        )

    def _make_sessions(self) -> SessionCommands:
        settings = self.settings
        archiver = self.system.handle(tree.ARCHIVER)
        profiles = VoidProfiles(self._profiles, lambda session_id: archiver.tell(ForgetProfile(session_id)))
        assembly = Assembly(
            settings=settings,
            browsers=self._browsers,
            local_profiles=self._profiles,
            keeper=self._keeper,
            profiles=profiles,
            reader=self._journal.reader,
            redis=self._redis,
            limits=self._limits(self._redis),
            announce=self.announcer,
            board=self.board,
            calendar=calendar,
            slots=LaunchSlots(STARTS_AT_ONCE),
            wanted=lambda session_id: self.sessions.wanted(session_id),  # noqa: PLW0108 - it is made later
            system=lambda: self.system,
            rng=random.Random(),
        )

        def clear_redis(session_id: str) -> None:
            assembly.clear_queues(session_id)
            self.page_cache.forget_session(session_id)

        return SessionCommands(
            SessionsParts(
                system=self.system,
                reader=self._journal.reader,
                board=self.board,
                announcer=self.announcer,
                calendar=calendar,
                profiles=profiles,
                assemble=assembly,
                taken_down=self._notifications.by_hand,
                check=self._webhooks.check,
                run=self._loop.submit,
                admit=self.headroom.admit,
                wake_deadline=settings.open_deadline,
                clear_redis=clear_redis,
            )
        )

    def _media_desk(self) -> MediaDesk:
        """One for each loop that asks."""
        links = Links(self.settings.media_path / "links")
        return MediaDesk(self._media, links, self._journal.reader, self.sessions)

    def _make_edge(self) -> EdgeServer:
        metrics = Metrics(
            self.meters,
            system=self.system,
            board=self.board,
            reader=self._journal.reader,
            announcer=self.announcer,
            caches=lambda: self.page_cache.counts,
            queues=self._journal.queues,
        )
        parts = EdgeParts(
            sessions=self.sessions,
            messages=self.messages,
            operations=self.operations,
            api_key=self.key.text,
            cors_origins=self.settings.cors_origins,
            socket_io_client=find_module_file("socket.io-client/dist/socket.io.esm.min.js"),
            version=version("wahook"),
            metrics=metrics.text,
            observe=metrics.request,
            webhooks=self.webhooks,
            mails=MailCommands(self._journal.queues, lambda: self.system.handle(tree.WRITER)),
            mirror=MirrorCommands(self._mirror, self._journal.queues, self.system),
            pages=PageDesk(
                self.sessions,
                self.page_cache,
                self._journal.reader,
                Keeping(
                    self.settings.contacts_kept_for,
                    self.settings.numbers_kept_for,
                    self.settings.absent_numbers_kept_for,
                ),
            ),
            media=self._media_desk(),
        )
        return EdgeServer(parts, self.settings.host, self.settings.port)

    # -- life -------------------------------------------------------------------------------------------

    @property
    def address(self) -> EdgeAddress:
        """Where the edge listens. ProcessError while it does not."""
        if (address := self.edge.address) is None:
            raise ProcessError("the edge is down")
        return address

    def start(self) -> EdgeAddress:
        """Everything up, sessions that should be up on their way, and the edge answering; its address."""
        self._loop.start()
        self._mirror.start()
        try:
            self._notifications.start()
            self.system.start(START_DEADLINE)
            self._boot_sessions()
            self.system.start_child("", tree.edge(self.edge)).result(START_DEADLINE)
        except BaseException:
            self.stop()
            raise
        address = self.address
        log.info("service.started", host=address.host, port=address.port, pid=os.getpid())
        return address

    def _boot_sessions(self) -> None:
        """Those that should be up, last active first; the slots see to how many browsers start at once.

        Idle ones get their lanes only: what is accepted for them wakes them.
        """
        accounts = self._journal.reader.accounts()
        for account in accounts:
            self.sessions.remember(account)
        wanted = sorted((one for one in accounts if one.desired), key=self._activity, reverse=True)
        for account in wanted:
            try:
                asyncio.run(asyncio.wait_for(self.sessions.boot(account), BOOT_DEADLINE))
            except (TimeoutError, AdminError) as error:  # the others are not to wait for it
                kind = type(error).__name__
                log.error("service.session_not_started", session=account.session_id, error=kind)  # noqa: TRY400
        if wanted:
            idle = sum(one.idle_since is not None for one in wanted)
            log.info("service.sessions_started", sessions=len(wanted) - idle, idle=idle)

    def _activity(self, account: Account) -> datetime:
        """The last message in or out; without any, the last sign of life."""
        message = self._journal.reader.last_activity(account.session_id)
        never = datetime.min.replace(tzinfo=UTC)
        return message or account.last_seen or account.connected_at or never

    def wait(self, timeout: float | None = None) -> Exit | None:
        """Until the tree has ended by itself, which only a new process can repair; None: it stands."""
        try:
            return self.system.ended.result(timeout)
        except TimeoutError:
            return None

    def stop(self, deadline: float = 20.0) -> bool:
        """In reverse order; True when all went in time. Nothing of ours runs afterwards. Idempotent."""
        in_order = self.system.stop(deadline)
        self._notifications.stop()
        self._redis.close()
        self._outlook.close()
        self._loop.stop(5.0)
        self._mirror.stop()
        left = sweep(self._browsers.owner)
        self._journal.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        log.info("service.stopped", in_order=in_order, killed=len(left))
        return in_order
