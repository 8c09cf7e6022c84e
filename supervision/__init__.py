"""How failure is handled: supervision trees for pykka, after Erlang/OTP. See docs/supervision.md."""

from supervision.actor import Actor
from supervision.backoff import BackOff, Jitter
from supervision.clock import Clock, SystemClock
from supervision.context import Context, Reply, Timer
from supervision.errors import (
    ActorDown,
    AdminError,
    AlreadyPresent,
    AlreadyStarted,
    AskError,
    AskRefused,
    AskTimeout,
    DomainError,
    KnownFailure,
    MailboxFull,
    MaxChildren,
    NotFound,
    NotSupported,
    RemoteError,
    ResourceBusy,
    Restarting,
    Running,
    SpecError,
    StartFailed,
    SupervisionError,
    SystemDown,
)
from supervision.exits import Exit, ExitKind, HoldUntil, Outcome, RestartLater, RestartNow, StopChild
from supervision.futures import AwaitableFuture
from supervision.handle import Handle, Stamp
from supervision.snapshot import Snapshot
from supervision.specs import (
    AutoShutdown,
    ChildSpec,
    ChildType,
    Restart,
    Shutdown,
    StormFuse,
    Strategy,
    SupervisorSpec,
)
from supervision.stacks import install_stack_dump
from supervision.system import System
from supervision.transitions import Transition
from supervision.verbs import ChildCounts, ChildInfo

__all__ = [
    "Actor",
    "ActorDown",
    "AdminError",
    "AlreadyPresent",
    "AlreadyStarted",
    "AskError",
    "AskRefused",
    "AskTimeout",
    "AutoShutdown",
    "AwaitableFuture",
    "BackOff",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "ChildType",
    "Clock",
    "Context",
    "DomainError",
    "Exit",
    "ExitKind",
    "Handle",
    "HoldUntil",
    "Jitter",
    "KnownFailure",
    "MailboxFull",
    "MaxChildren",
    "NotFound",
    "NotSupported",
    "Outcome",
    "RemoteError",
    "Reply",
    "ResourceBusy",
    "Restart",
    "RestartLater",
    "RestartNow",
    "Restarting",
    "Running",
    "Shutdown",
    "Snapshot",
    "SpecError",
    "Stamp",
    "StartFailed",
    "StopChild",
    "StormFuse",
    "Strategy",
    "SupervisionError",
    "SupervisorSpec",
    "System",
    "SystemClock",
    "SystemDown",
    "Timer",
    "Transition",
    "install_stack_dump",
]
