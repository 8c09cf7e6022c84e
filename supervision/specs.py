"""Child and supervisor specifications: plain data, validated when made."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from supervision import checks
from supervision.backoff import BackOff
from supervision.errors import SpecError
from supervision.exits import Exit, Outcome

if TYPE_CHECKING:
    from supervision.actor import Actor
    from supervision.context import Context


class Restart(enum.Enum):
    """When a child that ended by itself is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Shutdown(enum.Enum):
    """Shutdown deadlines that are not a number of seconds. DEFAULT: 5 s, INFINITY for supervisors."""

    BRUTAL_KILL = "brutal_kill"
    INFINITY = "infinity"
    DEFAULT = "default"


class ChildType(enum.Enum):
    """What a child is."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class Strategy(enum.Enum):
    """Who is restarted together with a child that failed."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(enum.Enum):
    """Whether the end of significant children ends their supervisor."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


@dataclass(frozen=True, slots=True)
class StormFuse:
    """More than `max` different children failing within `period` s pauses restarts for `pause` s.

    Failures anywhere below the supervisor count, once per direct child. Nothing that runs is touched. After
    the pause, starts are spread at random over `spread` seconds.
    """

    max: int
    period: float
    pause: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("StormFuse.max", self.max, 1)
        checks.positive("StormFuse.period", self.period)
        checks.positive("StormFuse.pause", self.pause)
        checks.seconds("StormFuse.spread", self.spread)


StartActor: TypeAlias = "Callable[[Context], Actor | None]"
Classify: TypeAlias = Callable[[Exit], "Outcome | None"]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child.

    `start` makes the actor (on the actor's own thread; None means "ignore": specified, not running) or is a
    SupervisorSpec for a subtree. `shutdown`: seconds for a cooperative stop before the child is killed.
    `classify`: decides on an exit of the child's own making; None from it means the restart type decides.
    `start_timeout`: seconds until ready, else the start failed (None: no limit; supervisors have none, since
    their children have their own). `kill_grace`: seconds between a kill and giving the thread up as wedged.
    `mailbox`: messages the work lane holds. `stuck_after`: seconds on one message after which the dump
    shows the child as wedged. `role`: shown in the dump; default: the name of `start`.
    """

    id: str
    start: StartActor | SupervisorSpec
    restart: Restart = Restart.PERMANENT
    shutdown: float | Shutdown = Shutdown.DEFAULT
    type: ChildType | None = None
    significant: bool = False
    backoff: BackOff | None = None
    classify: Classify | None = None
    start_timeout: float | None = 60.0
    kill_grace: float = 2.0
    mailbox: int = 10_000
    stuck_after: float | None = None
    role: str = ""

    def __post_init__(self) -> None:
        _child_id(self.id)
        supervisor = isinstance(self.start, SupervisorSpec)
        if not supervisor and not callable(self.start):
            raise SpecError("ChildSpec.start", self.start, "must be callable or a SupervisorSpec")
        checks.member("ChildSpec.restart", self.restart, Restart)
        self._resolve_type(ChildType.SUPERVISOR if supervisor else ChildType.WORKER)
        self._resolve_shutdown(supervisor=supervisor)
        checks.flag("ChildSpec.significant", self.significant)
        if self.significant and self.restart is Restart.PERMANENT:
            raise SpecError(
                "ChildSpec.significant", self.significant, "a permanent child cannot be significant"
            )
        if self.backoff is not None and not isinstance(self.backoff, BackOff):
            raise SpecError("ChildSpec.backoff", self.backoff, "must be a BackOff or None")
        if self.classify is not None and not callable(self.classify):
            raise SpecError("ChildSpec.classify", self.classify, "must be callable or None")
        if supervisor:
            object.__setattr__(self, "start_timeout", None)
        if self.start_timeout is not None:
            checks.positive("ChildSpec.start_timeout", self.start_timeout)
        checks.positive("ChildSpec.kill_grace", self.kill_grace)
        checks.whole("ChildSpec.mailbox", self.mailbox, 1)
        if self.stuck_after is not None:
            checks.positive("ChildSpec.stuck_after", self.stuck_after)
        if not isinstance(self.role, str):
            raise SpecError("ChildSpec.role", self.role, "must be a string")
        if not self.role:
            object.__setattr__(self, "role", _role(self.start))

    def _resolve_type(self, actual: ChildType) -> None:
        if self.type is None:
            object.__setattr__(self, "type", actual)
        checks.member("ChildSpec.type", self.type, ChildType)
        if self.type is not actual:
            raise SpecError("ChildSpec.type", self.type, f"but start makes a {actual.value}")

    def _resolve_shutdown(self, *, supervisor: bool) -> None:
        if self.shutdown is Shutdown.DEFAULT:
            object.__setattr__(self, "shutdown", Shutdown.INFINITY if supervisor else 5.0)
        if isinstance(self.shutdown, Shutdown):
            return
        checks.seconds("ChildSpec.shutdown", self.shutdown)

    @property
    def is_supervisor(self) -> bool:
        """Whether the child is a subtree."""
        return isinstance(self.start, SupervisorSpec)


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """A supervisor and its static children, in start order.

    `intensity` restarts within `period` seconds are tolerated; one more ends the supervisor (OTP's defaults
    1 in 5 s). Children with a BackOff are outside that count: they have their own consecutive budget.
    `dynamic`: children come only by `start_child`; no order; stopped in parallel; `max_children` limits them.
    """

    children: tuple[ChildSpec, ...] = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    dynamic: bool = False
    max_children: int | None = None
    storm_fuse: StormFuse | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.children, Iterable):
            raise SpecError("SupervisorSpec.children", self.children, "must be ChildSpecs, in start order")
        object.__setattr__(self, "children", tuple(self.children))
        checks.member("SupervisorSpec.strategy", self.strategy, Strategy)
        checks.whole("SupervisorSpec.intensity", self.intensity, 0)
        checks.positive("SupervisorSpec.period", self.period)
        checks.member("SupervisorSpec.auto_shutdown", self.auto_shutdown, AutoShutdown)
        checks.flag("SupervisorSpec.dynamic", self.dynamic)
        if self.storm_fuse is not None and not isinstance(self.storm_fuse, StormFuse):
            raise SpecError("SupervisorSpec.storm_fuse", self.storm_fuse, "must be a StormFuse or None")
        self._check_dynamic()
        for child in self.children:
            self.check_child(child)
        for child_id, times in Counter(child.id for child in self.children).items():
            if times > 1:
                raise SpecError("SupervisorSpec.children", child_id, "ids must be unique")

    def _check_dynamic(self) -> None:
        if self.max_children is not None:
            checks.whole("SupervisorSpec.max_children", self.max_children, 0)
            if not self.dynamic:
                raise SpecError("SupervisorSpec.max_children", self.max_children, "needs dynamic=True")
        if not self.dynamic:
            return
        if self.children:
            ids = [child.id for child in self.children]
            raise SpecError("SupervisorSpec.children", ids, "a dynamic supervisor has no static children")
        if self.strategy is not Strategy.ONE_FOR_ONE:
            raise SpecError("SupervisorSpec.strategy", self.strategy, "a dynamic supervisor is one_for_one")
        if self.auto_shutdown is not AutoShutdown.NEVER:
            raise SpecError("SupervisorSpec.auto_shutdown", self.auto_shutdown, "must be NEVER when dynamic")

    def check_child(self, child: ChildSpec) -> None:
        """Raise SpecError unless this supervisor may have that child."""
        if not isinstance(child, ChildSpec):
            raise SpecError("SupervisorSpec.children", child, "must be ChildSpecs")
        if child.significant and self.auto_shutdown is AutoShutdown.NEVER:
            raise SpecError("ChildSpec.significant", child.id, "its supervisor has auto_shutdown NEVER")
        retries = child.backoff is not None and child.backoff.retry_first_start
        if retries and self.strategy is not Strategy.ONE_FOR_ONE:
            raise SpecError("BackOff.retry_first_start", child.id, "only under one_for_one")


def _child_id(value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value or value == "root":
        raise SpecError("ChildSpec.id", value, "must be a non-empty string without '/', and not 'root'")


def _role(start: object) -> str:
    name = getattr(start, "__name__", None) or getattr(getattr(start, "func", None), "__name__", None)
    if isinstance(start, SupervisorSpec):
        return "supervisor"
    return str(name or type(start).__name__)
