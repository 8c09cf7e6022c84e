"""A running tree: start, stop, look, and operate by path."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from supervision.child import Child, LastExit
from supervision.errors import (
    AskRefused,
    AskTimeout,
    NotFound,
    NotSupported,
    SpecError,
    StartFailed,
    SystemDown,
)
from supervision.exits import Exit, ExitKind
from supervision.futures import AwaitableFuture
from supervision.handle import ActorThread
from supervision.home import Home, normal
from supervision.nest import SupervisorCell
from supervision.runtime import Runtime, ThreadRuntime
from supervision.sampler import Sampler
from supervision.signals import Died, KillAsked, Ready, Verb, VerbKind
from supervision.snapshot import Filter, Order, Snapshot, collect
from supervision.specs import ChildSpec, SupervisorSpec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from supervision.clock import Clock
    from supervision.handle import Handle
    from supervision.transitions import Subscriber, Transition
    from supervision.verbs import ChildCounts, ChildInfo


class System:
    """One supervision tree. Every method is thread-safe; none may be called from an actor of the tree
    in a way that waits (`.result()` on a verb's future is such a wait).

    A verb's future is settled with OTP's answer or an AdminError, at the latest after `verb_timeout` s.
    `by` names the operator in the record of transitions. `info` (versions and the like) is shown in dumps.
    """

    def __init__(
        self,
        root: SupervisorSpec,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        name: str = "system",
        runtime: Runtime | None = None,
        verb_timeout: float = 120.0,
        sample_every: float = 30.0,
        info: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.runtime: Runtime = runtime or ThreadRuntime(clock, rng, name)
        self.home = Home(self.runtime)
        self.started_at = self.runtime.clock.now()
        self.ended: AwaitableFuture[Exit] = AwaitableFuture()
        self.info: Mapping[str, str] = info or {}
        self.sampler = Sampler(self._watched, sample_every)
        self._verb_timeout = verb_timeout
        self._spec = ChildSpec(name, root)
        self._handle = self.home.handle("")
        self.root = Child(self.home, self._spec, self._handle)
        self._up: AwaitableFuture[None] = AwaitableFuture()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self) -> AwaitableFuture[None]:
        """Start the tree; the future is settled when it is up, or with StartFailed."""
        with self._lock:
            if self.root.cell is not None or self.ended.done():
                raise SystemDown(f"{self.name} was started before")
            cell = SupervisorCell(self.home, self._spec, self._handle, self._on_root)
            self.root.cell = cell
        self.root.publish("starting")
        self.runtime.background(self.sampler)
        cell.launch()
        return self._up

    def start(self, timeout: float = 60.0) -> None:
        """Start the tree and wait until every static child is ready.

        Raises StartFailed when one did not come up, with everything stopped again, and AskTimeout after
        `timeout` s, with the tree being killed.
        """
        up = self.begin()
        try:
            up.result(timeout)
        except TimeoutError as error:
            self.stop(timeout=0.0)
            raise AskTimeout(f"{self.name} was not up within {timeout} s") from error
        except StartFailed:
            self._close()
            raise

    def stop(self, timeout: float = 60.0, by: str = "") -> bool:
        """Stop in reverse order and wait; after `timeout` s kill what is left. True when it went in order.

        Not on an actor's thread of this tree (AskRefused): there, `request_stop`.
        """
        thread = threading.current_thread()
        if isinstance(thread, ActorThread) and thread.system is self.home:
            raise AskRefused(f"{thread.name} may not wait for the stop of its own tree")
        self.request_stop(by)
        in_order = self._wait_ended(timeout)
        if not in_order and self.root.cell is not None:
            self.root.cell.kill("system stop timed out")
            if not self._wait_ended(max((2.0 * self._spec.kill_grace), 1.0)):
                self.ended.settle(Exit(ExitKind.KILLED, reason="system stop timed out"))
        self._close()
        return in_order

    def _close(self) -> None:
        self.sampler.close()
        self.runtime.close()

    def request_stop(self, by: str = "") -> None:
        """Begin the stop and return at once."""
        cell = self.root.cell
        if cell is None:
            self.ended.settle(Exit(ExitKind.SHUTDOWN, reason="never started"))
            return
        self.root.by = by
        cell.request_stop("shutdown")

    def _wait_ended(self, timeout: float) -> bool:
        try:
            self.ended.result(timeout)
        except TimeoutError:
            return False
        return True

    def _on_root(self, signal: object) -> None:
        """On the root's own thread."""
        match signal:
            case Ready():
                self.root.came_up()
                self.root.publish("started")
                self._up.settle(None)
            case KillAsked(cell=cell, reason=reason):
                cell.kill(reason)
            case Died(exit=exit_):
                now = self.runtime.clock.now()
                self.root.last_exit = LastExit.of(exit_, now, in_start=not self.root.up)
                self.root.cell, self.root.up, self.root.wanted = None, False, False
                self.root.publish(exit_.reason, self.root.by)
                self._up.settle_error(StartFailed(self.name, exit_))
                self.ended.settle(exit_)

    def handle(self, path: str) -> Handle:
        """The handle of a path, whether somebody lives there or not."""
        return self.home.handle(path)

    # -- looking ----------------------------------------------------------------------------------------

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """The last 200, oldest first."""
        return self.home.transitions.recent

    @property
    def version(self) -> int:
        """Grows with every change a dump would show; good for an ETag."""
        return self.home.transitions.version

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call it with every transition from now on, in order, on one helper thread; returns unsubscribe."""
        return self.home.transitions.subscribe(subscriber)

    def snapshot(
        self, *, depth: int | None = None, states: Iterable[str] = (), order: Order = "urgency"
    ) -> Snapshot:
        """The tree as it is published now. Never asks an actor, so it is quick however stuck one is.

        `depth`: levels below the root. `states`: only nodes in these states, and what leads to them.
        """
        return collect(self, Filter(depth, frozenset(states), order))

    def _watched(self) -> dict[str, tuple[int, ...]]:
        """The processes that actors have named, by path."""
        found: dict[str, tuple[int, ...]] = {}
        queue = [self.root]
        while queue:
            child = queue.pop()
            if child.board.pids and child.facts.cell is not None:
                found[child.handle.path] = child.board.pids
            if isinstance(child.facts.cell, SupervisorCell):
                queue.extend(list(child.facts.cell.supervisor.children.values()))
        return found

    # -- operating --------------------------------------------------------------------------------------

    def start_child(self, parent: str, spec: ChildSpec, by: str = "") -> AwaitableFuture[Handle]:
        """Add a child and start it. AlreadyStarted, AlreadyPresent, MaxChildren, StartFailed (spec gone)."""
        if not isinstance(spec, ChildSpec):
            refused: AwaitableFuture[Handle] = AwaitableFuture()
            refused.settle_error(SpecError("start_child.spec", spec, "must be a ChildSpec"))
            return refused
        return self._send(parent, VerbKind.START, spec.id, by, spec=spec)

    def terminate_child(self, path: str, by: str = "") -> AwaitableFuture[None]:
        """Stop a child, or cancel its pending restart; its spec stays (not temporary, not dynamic)."""
        return self._about(path, VerbKind.TERMINATE, by)

    def restart_child(self, path: str, by: str = "") -> AwaitableFuture[Handle]:
        """Start a child that is down. Running, Restarting, NotFound, StartFailed (spec kept, no retry)."""
        return self._about(path, VerbKind.RESTART_CHILD, by)

    def delete_child(self, path: str, by: str = "") -> AwaitableFuture[None]:
        """Forget a child that is down. Running, Restarting, NotFound."""
        return self._about(path, VerbKind.DELETE, by)

    def retry(self, path: str, by: str = "") -> AwaitableFuture[Handle]:
        """Start a failed, held or backing-off child now, with its count of failures cleared."""
        return self._about(path, VerbKind.RETRY, by)

    def restart(self, path: str, by: str = "") -> AwaitableFuture[Handle]:
        """Stop a child, with its group, and start it again. Spends no budget."""
        return self._about(path, VerbKind.RESTART, by)

    def kill(self, path: str, reason: str = "", by: str = "") -> AwaitableFuture[None]:
        """Kill the incarnation; the restart type decides what follows. Settled once the kill has begun."""
        return self._about(path, VerbKind.KILL, by, reason=reason)

    def which_children(self, path: str = "") -> AwaitableFuture[list[ChildInfo]]:
        """The children of a supervisor, last started first."""
        return self._send(path, VerbKind.WHICH, "", "")

    def count_children(self, path: str = "") -> AwaitableFuture[ChildCounts]:
        """Specs, active ones, supervisors and workers of a supervisor."""
        return self._send(path, VerbKind.COUNT, "", "")

    def get_childspec(self, path: str) -> AwaitableFuture[ChildSpec]:
        """The specification of a child. NotFound."""
        return self._about(path, VerbKind.SPEC, "")

    def _about(self, path: str, kind: VerbKind, by: str, reason: str = "") -> AwaitableFuture[Any]:
        parent, _, child_id = normal(path).rpartition("/")
        if not child_id:
            answer: AwaitableFuture[Any] = AwaitableFuture()
            answer.settle_error(NotSupported("root", kind.value))
            return answer
        return self._send(parent, kind, child_id, by, reason=reason)

    def _send(
        self,
        parent: str,
        kind: VerbKind,
        child_id: str,
        by: str,
        *,
        spec: ChildSpec | None = None,
        reason: str = "",
    ) -> AwaitableFuture[Any]:
        answer: AwaitableFuture[Any] = AwaitableFuture()
        cell = self.home.handle(parent).cell
        verb = Verb(kind, child_id, answer, by, spec, reason)
        if not isinstance(cell, SupervisorCell) or not cell.mailbox.put_control(verb):
            answer.settle_error(NotFound(normal(parent) or "root", "no supervisor runs there"))
            return answer
        late = AskTimeout(f"{kind.value} {child_id}: not done within {self._verb_timeout} s")
        timer = self.runtime.scheduler.after(self._verb_timeout, lambda: answer.settle_error(late))
        answer.add_done_callback(lambda _: timer.cancel())
        return answer
