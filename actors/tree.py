"""The supervision tree, declared as data: who lives here, in which order, and what follows from each failure.

root                      one_for_one
├─ redis                  only when embedded                                   permanent
├─ chromedriver           one for all sessions                                 permanent
├─ journal-writer                                                              permanent
├─ memory, janitor, …     what serves the sessions, where it is set up         permanent
├─ outbox                 dynamic: one lane for each session                   permanent
├─ sessions               dynamic, with a storm fuse                           permanent
│   └─ user_1_wa_2        rest_for_one                                         transient
│       ├─ session        owns the Chromium                                    transient, significant
│       └─ keepalive      one_for_one: heartbeat, watchdog, activity           permanent
└─ edge                                                                        permanent
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from actors.archiver import Archiver
from actors.assistant import Assistant, AssistantParts
from actors.edge import EdgeActor
from actors.greeter import Greeter, GreeterParts
from actors.janitor import Janitor, JanitorParts
from actors.journal_writer import JournalWriter
from actors.keepalive import Activity, Heartbeat, KeepaliveParts, Watchdog
from actors.lane import LaneActor, LaneParts
from actors.mailer import Mailer, MailerParts
from actors.memory import MemoryActor, MemoryParts
from actors.mirror import Mirror, MirrorParts
from actors.ports import EdgePort, Journal, ManagedProcess, ProfileArchive
from actors.process import ProcessActor
from actors.session import SessionActor
from actors.session_parts import SessionParts, classify
from actors.webhooks import WebhookParts, WebhooksActor
from supervision import (
    Actor,
    AutoShutdown,
    BackOff,
    ChildSpec,
    Restart,
    StormFuse,
    Strategy,
    SupervisorSpec,
)

REDIS = "redis"
CHROMEDRIVER = "chromedriver"
WRITER = "journal-writer"
OUTBOX = "outbox"
SESSIONS = "sessions"
SESSION = "session"
EDGE = "edge"
WEBHOOKS = "webhooks"
ASSISTANT = "assistant"
MAILER = "mailer"
GREETER = "greeter"
MEMORY = "memory"
JANITOR = "janitor"
ARCHIVER = "archiver"
MEDIA = "media"
DOORKEEPER = "doorkeeper"
MIRROR = "mirror"

SERVERS = BackOff(min=0.2, max=30.0, retry_first_start=True)  # what others wait for comes back quickly
WORKERS = BackOff(min=0.1, max=30.0)


def session_path(session_id: str) -> str:
    """Where the actor of a session lives."""
    return f"{SESSIONS}/{session_id}/{SESSION}"


def lane_path(session_id: str) -> str:
    """Where the lane of a session lives."""
    return f"{OUTBOX}/{session_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootParts:
    """The static part's. `redis` None: somebody else runs it; `chromedriver` None: there is none."""

    redis: ManagedProcess | None
    chromedriver: ManagedProcess | None
    journal: Journal
    helpers: tuple[ChildSpec, ...] = ()  # what serves the sessions: starts before them and ends after them
    max_sessions: int | None = None
    probe_every: float = 10.0  # seconds between two looks whether redis and chromedriver still answer


def root(parts: RootParts) -> SupervisorSpec:
    """The static tree but for the edge, which comes last: nobody calls a house that is not ready."""
    servers = ((REDIS, parts.redis), (CHROMEDRIVER, parts.chromedriver))
    children = (
        *(_server(name, process, parts.probe_every) for name, process in servers if process is not None),
        ChildSpec(WRITER, partial(JournalWriter, journal=parts.journal), backoff=WORKERS, shutdown=10.0),
        *parts.helpers,
        ChildSpec(OUTBOX, SupervisorSpec(dynamic=True), backoff=WORKERS),
        ChildSpec(SESSIONS, _sessions(parts.max_sessions), backoff=WORKERS),
    )
    return SupervisorSpec(children, strategy=Strategy.ONE_FOR_ONE)


def archiver(archive: ProfileArchive) -> ChildSpec:
    """The keeper of profiles' copies elsewhere."""
    return ChildSpec(ARCHIVER, partial(Archiver, archive=archive), backoff=WORKERS, shutdown=10.0)


def mirror(parts: MirrorParts) -> ChildSpec:
    """The journal's copy elsewhere."""
    return ChildSpec(MIRROR, partial(Mirror, parts=parts), backoff=WORKERS)


def memory(parts: MemoryParts) -> ChildSpec:
    """The guard of the service's memory."""
    return ChildSpec(MEMORY, partial(MemoryActor, parts=parts), backoff=WORKERS)


def janitor(parts: JanitorParts) -> ChildSpec:
    """Who goes round once an hour."""
    return ChildSpec(JANITOR, partial(Janitor, parts=parts), backoff=WORKERS)


def helper(name: str, actor: Callable[..., Actor], parts: object) -> ChildSpec:
    """Somebody below the root whom nobody waits for."""
    return ChildSpec(name, partial(actor, parts=parts), backoff=WORKERS)


def assistant(parts: AssistantParts) -> ChildSpec:
    """Who has messages answered by AI."""
    return ChildSpec(ASSISTANT, partial(Assistant, parts=parts), backoff=WORKERS)


def mailer(parts: MailerParts) -> ChildSpec:
    """Who writes to the accounts' owners."""
    return ChildSpec(MAILER, partial(Mailer, parts=parts), backoff=WORKERS)


def greeter(parts: GreeterParts) -> ChildSpec:
    """Who sends the test message."""
    return ChildSpec(GREETER, partial(Greeter, parts=parts), backoff=WORKERS)


def webhooks(parts: WebhookParts) -> ChildSpec:
    """Who tells other programs."""
    return ChildSpec(
        WEBHOOKS,
        partial(WebhooksActor, parts=parts),
        backoff=WORKERS,
        shutdown=parts.stop_deadline + 2.0,
    )


def edge(port: EdgePort) -> ChildSpec:
    """The edge. Its first start must succeed: a taken port is for a human to see."""
    return ChildSpec(EDGE, partial(EdgeActor, edge=port), backoff=WORKERS, shutdown=8.0)


def _server(name: str, process: ManagedProcess, probe_every: float) -> ChildSpec:
    actor = partial(ProcessActor, process=process, probe_every=probe_every)
    return ChildSpec(name, actor, backoff=SERVERS, shutdown=15.0)


def _sessions(limit: int | None) -> SupervisorSpec:
    """Many sessions failing together have one cause: then starts pause, and what runs is left alone."""
    storm = StormFuse(max=10, period=30.0, pause=30.0, spread=10.0)
    return SupervisorSpec(dynamic=True, max_children=limit, storm_fuse=storm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnection:
    """How a lost session comes back. Seconds; `attempts` in a row before a human is asked."""

    base: float
    cap: float
    attempts: int
    healthy_after: float = 60.0

    @property
    def backoff(self) -> BackOff:
        """2, 4, 8, 16 … s, each times 0.5 to 1.0; forgotten after a healthy spell."""
        return BackOff(
            min=self.base,
            max=max(self.base, self.cap),
            reset_after=self.healthy_after,
            reset_from="healthy",
            max_consecutive=self.attempts,
        )


def session(
    parts: SessionParts, keepalive: KeepaliveParts, reconnection: Reconnection, stuck_after: float
) -> ChildSpec:
    """One session with its keep-alive children. When the session ends for good, all of it goes."""
    actor = ChildSpec(
        SESSION,
        partial(SessionActor, parts=parts),
        restart=Restart.TRANSIENT,
        significant=True,
        backoff=reconnection.backoff,
        classify=classify,
        shutdown=parts.stop_deadline + 3.0,
        stuck_after=stuck_after,
    )
    children = (actor, ChildSpec("keepalive", _keepalive(keepalive), backoff=WORKERS))
    supervisor = SupervisorSpec(
        children, strategy=Strategy.REST_FOR_ONE, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT
    )
    backoff = BackOff(min=reconnection.base, max=reconnection.cap, retry_first_start=True)
    return ChildSpec(
        parts.account.session_id, supervisor, restart=Restart.TRANSIENT, backoff=backoff, role="session"
    )


def _keepalive(parts: KeepaliveParts) -> SupervisorSpec:
    keepers: dict[str, Callable[..., Heartbeat | Watchdog | Activity]] = {
        "heartbeat": Heartbeat,
        "watchdog": Watchdog,
        "activity": Activity,
    }
    return SupervisorSpec(
        tuple(
            ChildSpec(name, partial(keeper, parts=parts), backoff=WORKERS, shutdown=0.5)
            for name, keeper in keepers.items()
        )
    )


def lane(parts: LaneParts) -> ChildSpec:
    """One session's lane."""
    return ChildSpec(
        parts.session_id,
        partial(LaneActor, parts=parts),
        backoff=BackOff(min=0.2, max=30.0, retry_first_start=True),
        shutdown=parts.stop_deadline + 2.0,
    )
