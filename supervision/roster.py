"""A supervisor's children, in order, brought down and up by one rule, `reconcile`.

Each child says whether it is `wanted` and whether it must go down (`stopping`); after every message the rule
takes the next steps that the order allows. So a crash in the midst of anything needs no special case.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from supervision import policy
from supervision.child import Child
from supervision.errors import NotFound, StartFailed
from supervision.exits import Exit, ExitKind
from supervision.ladder import Ladder
from supervision.signals import Due, StartLate, Verb
from supervision.specs import Restart, Strategy, SupervisorSpec
from supervision.storm import StormGuard

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.cell import Cell
    from supervision.home import Home
    from supervision.specs import ChildSpec


class Phase(enum.Enum):
    """The life of a supervisor."""

    BOOTING = "booting"
    RUNNING = "running"
    ENDING = "ending"


class Roster:
    """Only the supervisor's thread may call it, except where others only read `children` and `recent`."""

    def __init__(
        self,
        home: Home,
        spec: SupervisorSpec,
        path: str,
        *,
        guards: tuple[StormGuard, ...],
        post: Callable[[object], object],
        make_cell: Callable[[Roster, Child], Cell],
        ready: Callable[[], None],
        finish: Callable[[Exit], None],
    ) -> None:
        self.home = home
        self.spec = spec
        self.path = path
        self.runtime = home.runtime
        self.now = home.runtime.clock.monotonic
        self.children: dict[str, Child] = {}
        self.phase = Phase.BOOTING
        self.guard = StormGuard(spec.storm_fuse, path) if spec.storm_fuse else None
        self.guards = (*guards, self.guard) if self.guard else guards
        self.recent: tuple[float, ...] = ()
        self.ladder = Ladder(home.runtime, post)
        self.post = post
        self._make_cell = make_cell
        self._ready = ready
        self._finish = finish
        self._exit = Exit(ExitKind.SHUTDOWN, reason="shutdown")
        self._deferred: list[tuple[Child, Exit]] = []
        self.verbs_after_boot: list[Verb] = []
        self.live_count = 0
        self._touched: dict[Child, None] = {}  # no set: runs on virtual time must repeat themselves

    def booted(self) -> None:
        """Every static child is up, or down for a reason."""
        raise NotImplementedError

    # -- the rule ---------------------------------------------------------------------------------------

    def touch(self, child: Child) -> None:
        """Have the next `reconcile` look at this child."""
        self._touched[child] = None

    def reconcile(self) -> None:
        """Take the next steps."""
        independent = not self._ordered and (self.spec.dynamic or self.phase is Phase.RUNNING)
        # Where children do not depend on each other only those touched can have a next step: this keeps a
        # message's cost the same with ten children and with ten thousand.
        touched = list(self._touched)
        looked_at = touched if independent else list(self.children.values())
        self._touched.clear()
        going = [child for child in looked_at if child.stopping and child.live]
        for child in self._may_stop(going):
            self.ladder.stop(child, self._exit.reason if self.phase is Phase.ENDING else "shutdown")
        if self.phase is Phase.ENDING:
            if not self.live_count:
                self._end_now()
        elif not going or not self._ordered:
            self._start_what_may(looked_at)
        for child in touched:
            if child.state() is not child.facts.state:  # it may start now, but not before others
                child.publish("waits for its turn", child.by)

    @property
    def _ordered(self) -> bool:
        return self.spec.strategy is not Strategy.ONE_FOR_ONE

    def _may_stop(self, going: list[Child]) -> list[Child]:
        """In a static supervisor that ends, and in a group, one at a time, last started first."""
        one_by_one = not self.spec.dynamic and (self._ordered or self.phase is Phase.ENDING)
        return going[-1:] if one_by_one else going

    def _start_what_may(self, looked_at: list[Child]) -> None:
        if self._ordered or self.phase is Phase.BOOTING:
            self._start_next()
            return
        for child in looked_at:
            if child.waiting and self._is_due(child):
                self._start(child)

    def _start_next(self) -> None:
        """In order: the first that is down may start when all before it are up."""
        children = list(self.children.values())
        if self.spec.strategy is Strategy.ONE_FOR_ALL and not self._all_may_start(children):
            return
        for child in children:
            if child.failed and self._ordered:
                return
            if child.live and not child.up:
                return
            if child.waiting and self._is_due(child):
                self._start(child)
                return
            if child.waiting and self._ordered:
                return
        if self.phase is Phase.BOOTING:
            self.booted()

    def _all_may_start(self, children: list[Child]) -> bool:
        if any(child.failed for child in children):
            return False
        return all(self._is_due(child) for child in children if child.waiting)

    def _is_due(self, child: Child) -> bool:
        self.heed_storm(child)
        wait = child.due - self.now()
        if wait <= 0:
            return True
        if child.due_timer is None or child.due_timer.cancelled:
            child.due_timer = self.runtime.scheduler.after(wait, lambda: self.post(Due(child)))
        return False

    def heed_storm(self, child: Child) -> None:
        """An automatic restart waits for the end of a storm's pause."""
        if not child.restarting:
            return
        now = self.now()
        for guard in self.guards:
            until = guard.paused_until(now)
            if until > child.due:
                child.due = until + guard.fuse.spread * self.runtime.rng.random()
                child.held = "storm fuse"
                child.publish("storm fuse")

    def _start(self, child: Child) -> None:
        child.held = child.waits_for = ""
        child.said_healthy = False
        child.due = 0.0
        if child.due_timer is not None:
            child.due_timer.cancel()
            child.due_timer = None
        cell = self._make_cell(self, child)
        child.cell = cell
        self.live_count += 1
        if child.spec.start_timeout is not None:
            late = StartLate(cell)
            child.start_timer = self.runtime.scheduler.after(
                child.spec.start_timeout, lambda: self.post(late)
            )
        child.publish("starting", child.by)
        cell.launch()

    def take_group_down(self, failed: Child) -> None:
        """Bystanders stop at once; kept specs that were down come up again with the group (OTP)."""
        for child_id in policy.group(self.spec.strategy, list(self.children), failed.spec.id):
            child = self.children[child_id]
            if child is not failed:
                if not (child.waiting or child.failed):  # those are down on their own account
                    child.waits_for = failed.spec.id
                child.wanted = True
                child.stopping = child.live
                if not child.waiting_start:
                    child.by = child.wanted_by = ""
                if child.spec.restart is not Restart.TEMPORARY:
                    child.deferred = False  # its own death is part of this incident

    def waiters(self, child: Child) -> list[Child]:
        """Who went down because of this child and waits for it."""
        return [each for each in self.children.values() if each.waits_for == child.spec.id]

    # -- for the verbs ----------------------------------------------------------------------------------

    @property
    def booting(self) -> bool:
        """Whether its static children are being started."""
        return self.phase is Phase.BOOTING

    @property
    def ending(self) -> bool:
        """Whether it takes no more children."""
        return self.phase is Phase.ENDING

    def add(self, spec: ChildSpec) -> Child:
        """A new child, to be started when its turn comes."""
        path = f"{self.path}/{spec.id}" if self.path else spec.id
        child = Child(
            self.home, spec, self.home.handle(path), intensity=self.spec.intensity, window=self.spec.period
        )
        child.first_start = True
        self.children[spec.id] = child
        self.touch(child)
        return child

    def drop(self, child: Child, reason: str) -> None:
        """Forget the child and its spec."""
        child.wanted = False
        child.cancel_timers()
        child.publish(reason, child.by)
        self.children.pop(child.spec.id, None)
        self.home.vacated(child.handle, subtree=child.spec.is_supervisor)
        error = NotFound(child.handle.path, "dropped")
        for answer in (*child.waiting_start, *child.waiting_down):
            answer.settle_error(error)

    def answer_start(self, child: Child, failed: Exit | None = None) -> None:
        """Tell those who asked for the start."""
        child.forced = False
        answers, child.waiting_start = child.waiting_start, []
        for answer in answers:
            if failed is None:
                answer.settle(child.handle)
            else:
                answer.settle_error(StartFailed(child.handle.path, failed))

    def end(self, exit_: Exit) -> None:
        """Stop all children, then end with this exit. The first reason counts."""
        if self.phase is Phase.ENDING:
            return
        self.phase = Phase.ENDING
        self._exit = exit_
        for child in self.children.values():
            self.touch(child)
            child.wanted = False
            child.stopping = child.live
            if child.due_timer is not None:
                child.due_timer.cancel()

    def _end_now(self) -> None:
        for child in list(self.children.values()):
            for answer in (*child.waiting_start, *child.waiting_down):
                answer.settle_error(NotFound(child.handle.path, "its supervisor ended"))
            if child.spec.restart is Restart.TEMPORARY:
                self.children.pop(child.spec.id)
        for verb in self.verbs_after_boot:
            verb.answer.settle_error(NotFound(self.path or "root", "its supervisor ended"))
        self._finish(self._exit)
