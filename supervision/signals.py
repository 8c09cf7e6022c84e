"""What is told to a supervisor: by its children's cells, by its own timers, and by operators."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supervision.cell import Cell
    from supervision.child import Child
    from supervision.exits import Exit
    from supervision.futures import AwaitableFuture
    from supervision.specs import ChildSpec


@dataclass(frozen=True, slots=True)
class Stop:
    """To any cell: end in good order."""

    reason: str = "shutdown"


@dataclass(frozen=True, slots=True)
class Kill:
    """To any cell: end now."""

    reason: str = "killed"


@dataclass(frozen=True, slots=True)
class Ready:
    """The start handshake of a cell is done."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Ending:
    """A cell has begun to end by itself; its cleanup is under way."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Died:
    """The death notice: exactly one for each incarnation, when its thread is through."""

    cell: Cell
    exit: Exit


@dataclass(frozen=True, slots=True)
class Healthy:
    """The actor says that it is healthy."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class KillAsked:
    """Somebody holding a handle wants the incarnation killed."""

    cell: Cell
    reason: str


@dataclass(frozen=True, slots=True)
class StartLate:
    """The start deadline of a cell has passed."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class StopLate:
    """The deadline of a rung of the kill ladder has passed; stale unless the child is still on it."""

    cell: Cell
    rung: int


@dataclass(frozen=True, slots=True)
class SpellOver:
    """A cell may have been healthy long enough; stale unless `failures` is still the count."""

    cell: Cell
    failures: int


@dataclass(frozen=True, slots=True)
class Due:
    """A pending restart may begin."""

    child: Child


class VerbKind(enum.Enum):
    """The operator's verbs."""

    START = "start_child"
    TERMINATE = "terminate_child"
    RESTART_CHILD = "restart_child"
    DELETE = "delete_child"
    RETRY = "retry"
    RESTART = "restart"
    KILL = "kill"
    WHICH = "which_children"
    COUNT = "count_children"
    SPEC = "get_childspec"


@dataclass(frozen=True, slots=True)
class Verb:
    """An operator's wish about child `id` of the supervisor that gets it."""

    kind: VerbKind
    id: str
    answer: AwaitableFuture[Any]
    by: str = ""
    spec: ChildSpec | None = None
    reason: str = ""
