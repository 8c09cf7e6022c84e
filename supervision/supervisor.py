"""A supervisor: children in order, brought down and up by one rule, `_reconcile`.

Message-driven: readiness, deaths, timers and operators' verbs are control messages; nothing here waits.
Each child says whether it is `wanted` and whether it must go down (`stopping`); after every message the
rule takes the next steps that the order allows. So a crash in the midst of anything needs no special case.
"""

from __future__ import annotations

import enum
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from supervision import policy
from supervision.child import Child, LastExit
from supervision.errors import NotFound, StartFailed
from supervision.exits import Exit, ExitKind, Outcome
from supervision.ladder import Ladder
from supervision.masking import masked, masked_traceback
from supervision.policy import Act, Verdict
from supervision.signals import (
    Died,
    Due,
    Ending,
    Healthy,
    Kill,
    KillAsked,
    Ready,
    SpellOver,
    StartLate,
    Stop,
    StopLate,
    Verb,
)
from supervision.specs import Restart, Strategy, SupervisorSpec
from supervision.storm import StormGuard
from supervision.verbs import Verbs
from supervision.worker import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.cell import Cell
    from supervision.home import Home
    from supervision.specs import ChildSpec

_log = logging.getLogger("supervision")


class Phase(enum.Enum):
    """The life of a supervisor."""

    BOOTING = "booting"
    RUNNING = "running"
    ENDING = "ending"


class Supervisor:
    """The logic; a SupervisorCell hosts it. Only its thread may call it, except where others only read."""

    def __init__(
        self,
        home: Home,
        spec: SupervisorSpec,
        path: str,
        *,
        guards: tuple[StormGuard, ...],
        post: Callable[[object], object],
        make_cell: Callable[[Supervisor, Child], Cell],
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
        self._verbs = Verbs(self)
        self.post = post
        self._make_cell = make_cell
        self._ready = ready
        self._finish = finish
        self._exit = Exit(ExitKind.SHUTDOWN, reason="shutdown")
        self._deferred: list[tuple[Child, Exit]] = []
        self._live = 0
        self._touched: set[Child] = set()

    # -- messages ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the static children, one after the other."""
        for spec in self.spec.children:
            self.add(spec)
        self._reconcile()

    def on(self, signal: object) -> None:
        """Handle one control message and take the steps that follow from it."""
        match signal:
            case Ready(cell=cell):
                self._on_ready(cell)
            case Died(cell=cell, exit=exit_):
                self._on_died(cell, exit_)
            case Ending(cell=cell):
                self._with_child(cell, self.ladder.ending)
            case StartLate(cell=cell):
                self._with_child(cell, lambda child: self.ladder.kill(child, "start timed out"))
            case StopLate(cell=cell, rung=rung):
                self._with_child(cell, lambda child: self._on_stop_late(child, rung))
            case KillAsked(cell=cell, reason=reason):
                self._with_child(cell, lambda child: self.ladder.kill(child, reason))
            case Healthy(cell=cell):
                self._with_child(cell, lambda child: self._begin_spell(child, "healthy"))
            case SpellOver(cell=cell, failures=failures):
                self._with_child(cell, lambda child: self._on_spell_over(child, failures))
            case Due(child=child):
                self.touch(child)
            case Verb():
                self._verbs.do(signal)
            case Stop(reason=reason):
                self.end(Exit(ExitKind.SHUTDOWN, reason=reason))
            case Kill(reason=reason):
                self._on_kill(reason)
            case _:
                _log.error("supervisor.unknown_signal path=%s type=%s", self.path, type(signal).__name__)
        self._reconcile()

    def _with_child(self, cell: Cell, act: Callable[[Child], object]) -> None:
        """Only if the cell is still the incarnation of a child: everything else is stale."""
        child = self.children.get(cell.name)
        if child is not None and child.cell is cell:
            self.touch(child)
            act(child)

    def _on_ready(self, cell: Cell) -> None:
        child = self.children.get(cell.name)
        if child is None or child.cell is not cell or child.rung:
            return
        child.came_up()
        child.first_start = child.restarting = child.forced = False
        if child.start_timer is not None:
            child.start_timer.cancel()
        child.delay = 0.0
        self._begin_spell(child, "started")
        child.publish("started", child.by)
        child.by = ""
        self.answer_start(child)

    def _on_stop_late(self, child: Child, rung: int) -> None:
        if child.rung != rung or not self.ladder.late(child) or child.cell is None:
            return
        cell = child.cell
        child.abandoned.add(cell)
        _log.error("child.abandoned path=%s incarnation=%s", cell.path, cell.incarnation)
        self._on_died(cell, cell.abandon("wedged: did not end when killed"))

    def _on_kill(self, reason: str) -> None:
        self.end(Exit(ExitKind.KILLED, reason=reason))
        for child in self.children.values():
            self.ladder.kill(child, reason)

    # -- deaths -----------------------------------------------------------------------------------------

    def _on_died(self, cell: Cell, exit_: Exit) -> None:
        child = self.children.get(cell.name)
        if child is None or child.cell is not cell:
            self._surfaced(cell)
            return
        self.touch(child)
        self._live -= 1
        was_up, asked = child.up, child.stopping
        kind = ExitKind.START_FAILED if exit_.abnormal and not was_up else exit_.kind
        exit_ = Exit(kind, exit_.error, masked(exit_.reason), exit_.ran_for)
        child.dropped += cell.mailbox.dropped
        child.high_water = max(child.high_water, cell.mailbox.high_water)
        child.cell = None
        child.up = child.stopping = child.overdue = False
        child.rung = 0
        child.cancel_timers()
        child.last_exit = LastExit(exit_, self.runtime.clock.now(), not was_up, f"{self.runtime.rng.getrandbits(32):08x}")
        self._log_exit(child, exit_)
        if asked or self.phase is Phase.ENDING:
            self._went_down(child, exit_)
        elif self.phase is Phase.BOOTING and was_up:
            child.deferred = True
            self._deferred.append((child, exit_))
        else:
            self._judge(child, exit_, was_up=was_up)

    def _surfaced(self, cell: Cell) -> None:
        """A thread that had been given up has ended after all."""
        for child in self.children.values():
            if cell in child.abandoned:
                child.abandoned.discard(cell)
                child.publish(by="")

    def _log_exit(self, child: Child, exit_: Exit) -> None:
        level = logging.ERROR if exit_.kind in (ExitKind.CRASH, ExitKind.START_FAILED) else logging.INFO
        trace = ""
        if exit_.error is not None and level == logging.ERROR and _log.isEnabledFor(level):
            trace = f"\n{masked_traceback(exit_.error)}"
        _log.log(
            level,
            "child.ended path=%s kind=%s ran_for=%.3f traceback_id=%s%s",
            child.handle.path, exit_.kind.value, exit_.ran_for, child.traceback_id, trace,
            extra={"event": "child.ended", "path": child.handle.path},
        )  # fmt: skip

    def _went_down(self, child: Child, exit_: Exit) -> None:
        """It was asked to: no judgement."""
        for answer in child.waiting_down:
            answer.settle(None)
        child.waiting_down.clear()
        if not child.wanted:
            self.answer_start(child, exit_)
        leaves = not policy.survives_stop(child.spec.restart, dynamic=False) and not child.waiting_start
        if child.dropped_when_down or leaves:
            self.drop(child, exit_.reason)
        else:
            child.publish(exit_.reason, child.by)

    def _judge(self, child: Child, exit_: Exit, *, was_up: bool) -> None:
        """The child ended by itself."""
        if exit_.kind is ExitKind.NORMAL and exit_.reason == IGNORED and not was_up:
            self._ignored(child)
        elif exit_.kind is ExitKind.START_FAILED and self._first_start_failed(child, exit_):
            return
        else:
            if exit_.abnormal:
                for guard in self.guards:
                    guard.note(child.handle.path, self.now())
            self._apply(child, exit_, self._verdict(child, exit_))

    def _ignored(self, child: Child) -> None:
        child.wanted = False
        child.publish("ignored")
        self.answer_start(child)
        if not policy.survives_stop(child.spec.restart, dynamic=self.spec.dynamic):
            self.drop(child, "ignored")

    def _first_start_failed(self, child: Child, exit_: Exit) -> bool:
        """Boot, start_child and restart_child do not retry; whether this was one of them."""
        retried = child.spec.backoff is not None and child.spec.backoff.retry_first_start
        if child.forced and not child.first_start:
            child.forced = child.wanted = False
            child.publish(exit_.reason, child.by)
            self.answer_start(child, exit_)
            return True
        if retried:
            self.answer_start(child)
        if not child.first_start or retried:
            return False
        if self.phase is Phase.BOOTING:
            child.wanted = False
            reason = f"failed to start child {child.spec.id}: {exit_.reason}"
            child.publish(exit_.reason)
            self.end(Exit(ExitKind.START_FAILED, exit_.error, reason))
            return True
        self.answer_start(child, exit_)
        self.drop(child, exit_.reason)
        return True

    def _verdict(self, child: Child, exit_: Exit) -> Verdict:
        spec = child.spec
        return policy.verdict(
            spec.restart,
            spec.backoff,
            exit_,
            self._classified(spec, exit_),
            failures=child.failures,
            uniform=self.runtime.rng.random(),
            now=self.runtime.clock.now(),
            dynamic=self.spec.dynamic,
        )

    def _classified(self, spec: ChildSpec, exit_: Exit) -> Outcome | None:
        if spec.classify is None:
            return None
        try:
            return spec.classify(exit_)
        except Exception:
            _log.exception("child.classify_failed path=%s child=%s", self.path, spec.id)
            return None

    def _apply(self, child: Child, exit_: Exit, verdict: Verdict) -> None:
        child.failures = verdict.failures
        if child.last_exit is not None:
            child.last_exit = replace(child.last_exit, outcome=verdict.act.value)
        match verdict.act:
            case Act.KEEP | Act.DROP:
                self._gone_for_good(child, exit_, drop=verdict.act is Act.DROP)
            case Act.FAIL:
                child.failed = verdict.reason
                self.take_group_down(child)
                child.publish(verdict.reason)
                self.answer_start(child, exit_)
            case Act.HOLD | Act.RESTART:
                self._restart(child, exit_, verdict)

    def _gone_for_good(self, child: Child, exit_: Exit, *, drop: bool) -> None:
        child.wanted = False
        others = (c.live or c.waiting for c in self.children.values() if c.spec.significant and c is not child)
        ends = policy.ends_supervisor(self.spec.auto_shutdown, significant=child.spec.significant, others=others)
        if drop:
            self.drop(child, exit_.reason)
        else:
            child.publish(exit_.reason)
        if ends:
            self.end(Exit(ExitKind.SHUTDOWN, reason="shutdown: significant child ended"))

    def _restart(self, child: Child, exit_: Exit, verdict: Verdict) -> None:
        if verdict.act is Act.RESTART:
            child.restarts += 1
            child.restarts_at.append(self.now())
            if child.spec.backoff is None and self._fuse_blows():
                child.publish(exit_.reason)
                self.end(Exit(ExitKind.SHUTDOWN, exit_.error, "shutdown: restart intensity reached"))
                return
        child.restarting = True
        child.held = verdict.reason
        child.delay = verdict.delay
        child.due = self.now() + verdict.delay
        self.take_group_down(child)
        self._heed_storm(child)
        child.publish(child.held or exit_.reason)

    def _fuse_blows(self) -> bool:
        self.recent, blows = policy.add_restart(self.recent, self.now(), self.spec.intensity, self.spec.period)
        return blows

    def take_group_down(self, failed: Child) -> None:
        """Bystanders stop at once; kept specs that were down come up again with the group (OTP)."""
        for child_id in policy.group(self.spec.strategy, list(self.children), failed.spec.id):
            child = self.children[child_id]
            if child is not failed:
                child.wanted = True
                child.stopping = child.live

    # -- the rule ---------------------------------------------------------------------------------------

    def touch(self, child: Child) -> None:
        """Have the next `_reconcile` look at this child."""
        self._touched.add(child)

    def _reconcile(self) -> None:
        independent = not self._ordered and (self.spec.dynamic or self.phase is Phase.RUNNING)
        # Where children do not depend on each other only those touched can have a next step: this keeps a
        # message's cost the same with ten children and with ten thousand.
        looked_at = list(self._touched) if independent else list(self.children.values())
        self._touched.clear()
        going = [child for child in looked_at if child.stopping and child.live]
        for child in self._may_stop(going):
            self.ladder.stop(child, self._exit.reason if self.phase is Phase.ENDING else "shutdown")
        if self.phase is Phase.ENDING:
            if not self._live:
                self._end_now()
        elif not going or not self._ordered:
            self._start_what_may(looked_at)

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
        if self.spec.strategy is Strategy.ONE_FOR_ALL:
            if any(c.failed for c in children) or not all(self._is_due(c) for c in children if c.waiting):
                return
        for child in children:
            if child.failed:
                return
            if child.live and not child.up:
                return
            if child.waiting and self._is_due(child):
                self._start(child)
                return
            if child.waiting and self._ordered:
                return
        if self.phase is Phase.BOOTING:
            self._booted()

    def _booted(self) -> None:
        self.phase = Phase.RUNNING
        self._ready()
        deferred, self._deferred = self._deferred, []
        for child, exit_ in deferred:
            self.touch(child)
            child.deferred = False
            if child.waiting:
                self._judge(child, exit_, was_up=True)
        if deferred:
            self._reconcile()

    def _is_due(self, child: Child) -> bool:
        self._heed_storm(child)
        wait = child.due - self.now()
        if wait <= 0:
            return True
        if child.due_timer is None or child.due_timer.cancelled:
            child.due_timer = self.runtime.scheduler.after(wait, lambda: self.post(Due(child)))
        return False

    def _heed_storm(self, child: Child) -> None:
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
        child.held = ""
        child.due = 0.0
        if child.due_timer is not None:
            child.due_timer.cancel()
            child.due_timer = None
        cell = self._make_cell(self, child)
        child.cell = cell
        self._live += 1
        if child.spec.start_timeout is not None:
            late = StartLate(cell)
            child.start_timer = self.runtime.scheduler.after(
                child.spec.start_timeout, lambda: self.post(late)
            )
        child.publish("starting", child.by)
        cell.launch()

    def _begin_spell(self, child: Child, source: str) -> None:
        backoff = child.spec.backoff
        if backoff is None or backoff.reset_from != source or child.cell is None or not child.up:
            return
        over = SpellOver(child.cell, child.failures)
        if child.spell_timer is not None:
            child.spell_timer.cancel()
        child.spell_timer = self.runtime.scheduler.after(backoff.healthy_spell, lambda: self.post(over))

    def _on_spell_over(self, child: Child, failures: int) -> None:
        if child.failures == failures and failures:
            child.failures = 0
            child.publish()

    # -- for the verbs ----------------------------------------------------------------------------------

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
        error = NotFound(child.handle.path, "dropped")
        for answer in (*child.waiting_start, *child.waiting_down):
            answer.settle_error(error)

    def answer_start(self, child: Child, failed: Exit | None = None) -> None:
        """Tell those who asked for the start."""
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
        self._finish(self._exit)
