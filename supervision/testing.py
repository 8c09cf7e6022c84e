"""Test your own tree in milliseconds: virtual time, scripted children, one ordered log.

    with VirtualTree() as tree:
        tree.start(SupervisorSpec((ChildSpec("db", tree.scripted("ok", "crash"), backoff=BackOff(1, 8)),)))
        tree.tell("db", "crash")
        tree.advance(8)
        assert tree.said() == [...]

Your own Actor classes run in it too, as long as they block on nothing but their mailbox or a Gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from supervision.actor import Actor
from supervision.errors import DomainError
from supervision.system import System
from supervision.virtual import Gate, VirtualClock, VirtualRuntime, VirtualScheduler

if TYPE_CHECKING:
    from types import TracebackType

    from supervision.context import Context
    from supervision.exits import Exit
    from supervision.futures import AwaitableFuture
    from supervision.handle import Handle
    from supervision.specs import StartActor, SupervisorSpec
    from supervision.transitions import Transition

__all__ = [
    "Entry",
    "Gate",
    "ScriptedActor",
    "ScriptedError",
    "Take",
    "VirtualClock",
    "VirtualRuntime",
    "VirtualScheduler",
    "VirtualTree",
]

T = TypeVar("T")


class ScriptedError(Exception):
    """What a scripted crash raises."""


@dataclass(frozen=True, slots=True)
class Take:
    """A scripted step that takes that many virtual seconds, then does `then`."""

    seconds: float
    then: str = "ok"


Step = str | Take


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `at`: virtual seconds. `kind`: "actor" (a hook ran) or "state" (a transition)."""

    at: float
    kind: str
    path: str
    incarnation: int
    event: str

    def __str__(self) -> str:
        return f"{self.path or 'root'}#{self.incarnation} {self.event}"


class ScriptedActor(Actor):
    """Follows a script. Steps, for starting, stopping and as messages:

    "ok"; "crash" raises ScriptedError; "exit" raises SystemExit; "normal" and "shutdown" end it in good
    order; "domain" raises a DomainError; "hang" blocks until killed (when killable) or released by
    `VirtualTree.release`; Take(seconds, then). "ignore", only for starting. Other messages are echoed.
    """

    def __init__(
        self, context: Context, tree: VirtualTree, start: Step, stop: Step, *, killable: bool
    ) -> None:
        super().__init__(context)
        self._tree = tree
        self._start = start
        self._stop = stop
        self._killable = killable

    def started(self) -> None:
        self._play(self._start)
        self._note("started")

    def handle(self, message: object) -> object:
        self._note(f"handles {message if isinstance(message, str) else type(message).__name__}")
        if isinstance(message, str | Take):
            self._play(message)
        return message

    def stopping(self, exit: Exit) -> None:  # noqa: A002
        self._note(f"stopping {exit.kind.value}")
        self._play(self._stop)

    def _note(self, event: str) -> None:
        self._tree.note(self.context.path, self.context.incarnation, event)

    def _play(self, step: Step) -> None:
        match step:
            case Take(seconds=seconds, then=then):
                self._block(seconds)
                self._play(then)
            case "crash":
                raise ScriptedError("scripted crash")
            case "exit":
                raise SystemExit("scripted exit")
            case "domain":
                raise DomainError("scripted refusal")
            case "normal" | "shutdown":
                self.context.stop(step)
            case "hang":
                self._block(None)

    def _block(self, seconds: float | None) -> None:
        gate = self._tree.gate(self.context.path)
        if self._killable:
            self.context.kill_with(gate.open)
        if seconds is not None:
            self._tree.runtime.scheduler.after(seconds, gate.open)
        gate.wait()
        if seconds is None:
            raise ScriptedError("freed")


class VirtualTree:
    """A System on virtual time. Use as a context manager: leaving it ends every thread.

    Runs are a function of the specs, the seed and the calls. With `shuffle` the seed chooses among all
    orders in which actors may take their turns; without it the longest waiting goes first.
    """

    def __init__(self, seed: int = 0, *, shuffle: bool = False) -> None:
        self.runtime = VirtualRuntime(seed, shuffle=shuffle)
        self.log: list[Entry] = []
        self._gates: list[tuple[str, Gate]] = []
        self._system: System | None = None
        self._said: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- making -----------------------------------------------------------------------------------------

    def scripted(self, *starts: Step, stopping: Step = "ok", killable: bool = False) -> StartActor:
        """A child's `start`: incarnation n follows the n-th step; later ones are "ok"."""

        def start(context: Context) -> Actor | None:
            step = starts[context.incarnation - 1] if context.incarnation <= len(starts) else "ok"
            if step == "ignore":
                return None
            return ScriptedActor(context, self, step, stopping, killable=killable)

        return start

    def gate(self, path: str = "") -> Gate:
        """A new gate, opened at the latest when the tree closes."""
        gate = Gate(self.runtime)
        self._gates.append((path, gate))
        return gate

    # -- running ----------------------------------------------------------------------------------------

    @property
    def system(self) -> System:
        """The tree under test."""
        assert self._system is not None, "start() first"  # noqa: S101
        return self._system

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.runtime.virtual_clock.elapsed

    def start(self, root: SupervisorSpec, **options: Any) -> AwaitableFuture[None]:
        """Start the tree and settle. The future is done unless something in the start waits for time."""
        self._system = System(root, runtime=self.runtime, **options)
        self._system.subscribe(self._saw)
        up = self._system.begin()
        self.settle()
        return up

    def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.runtime.settle()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.runtime.advance(seconds)

    def tell(self, path: str, message: object) -> bool:
        """Tell and settle."""
        accepted = self.system.handle(path).tell(message)
        self.settle()
        return accepted

    def ask(self, path: str, message: object, timeout: float = 1.0) -> object:
        """Ask and settle; if that does not answer, let `timeout` virtual seconds pass."""
        return self.do(self.system.handle(path).ask_async(message, timeout), timeout)

    def do(self, future: AwaitableFuture[T], patience: float = 0.0) -> T:
        """Settle until a future (a verb's, an ask's) is done, letting up to `patience` seconds pass."""
        self.runtime.advance_until(future.done, patience)
        assert future.done(), f"not done at {self.now} s; blocked: {self.runtime.blocked()}"  # noqa: S101
        return future.result(0)

    def stop(self, patience: float = 3600.0) -> Exit:
        """Stop the tree in order and return the root's exit."""
        self.system.request_stop()
        return self.do(self.system.ended, patience)

    def release(self, path: str) -> None:
        """Let whoever hangs at that path go on."""
        for where, gate in self._gates:
            if where == path:
                gate.open()
        self.settle()

    def close(self) -> None:
        """End every thread: stop the tree, then open every gate."""
        if self._system is None:
            return
        self.system.request_stop()
        self.advance(0.0)
        for _ in range(1000):
            for _, gate in self._gates:
                gate.open()
            self.advance(1.0)
            if not self.runtime.blocked():
                break
        assert not self.runtime.blocked(), f"threads left: {self.runtime.blocked()}"  # noqa: S101
        self.runtime.close()

    # -- looking ----------------------------------------------------------------------------------------

    def note(self, path: str, incarnation: int, event: str, kind: str = "actor") -> None:
        """Add a line to the log; your own actors may call it."""
        self.log.append(Entry(round(self.now, 6), kind, path, incarnation, event))

    def _saw(self, entry: Transition) -> None:
        self.note(entry.path, entry.incarnation, f"{entry.before} -> {entry.after}", "state")

    def said(self, kind: str = "actor") -> list[str]:
        """The lines of one kind since the last call, as text."""
        new = self.log[self._said.get(kind, 0) :]
        self._said[kind] = len(self.log)
        return [str(entry) for entry in new if entry.kind == kind]

    def trace(self) -> str:
        """The whole log, one line each: what to print when a test fails."""
        return "\n".join(f"{entry.at:10.3f} {entry.kind:<5} {entry}" for entry in self.log)

    def state(self, path: str) -> str:
        """The state of a node as the dump shows it, or "gone"."""
        node = self.system.snapshot().find(path)
        return "gone" if node is None else str(node["state"])

    def states(self) -> dict[str, str]:
        """All states by path."""
        found: dict[str, str] = {}
        queue = [self.system.snapshot(order="start").data["tree"]]
        while queue:
            node = queue.pop(0)
            found[node["path"]] = node["state"]
            queue = [*node.get("children", []), *queue]
        return found

    def handle(self, path: str) -> Handle:
        """Short for `system.handle`."""
        return self.system.handle(path)
