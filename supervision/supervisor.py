"""A supervisor: what each message means for the roster of children.

Message-driven: readiness, deaths, timers and operators' verbs are control messages; nothing here waits.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from supervision import policy
from supervision.child import LastExit
from supervision.errors import is_known
from supervision.exits import Exit, ExitKind, Outcome
from supervision.masking import masked, masked_traceback
from supervision.policy import Act, Verdict
from supervision.roster import Phase, Roster
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
from supervision.verbs import Verbs
from supervision.worker import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.cell import Cell
    from supervision.child import Child
    from supervision.specs import ChildSpec

_log = logging.getLogger("supervision")


class Supervisor(Roster):
    """The logic; a SupervisorCell hosts it. Only its thread may call it, except where others only read."""

    # -- messages ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the static children, one after the other."""
        for spec in self.spec.children:
            self.add(spec)
        self.reconcile()

    def on(self, signal: object) -> None:
        """Handle one control message and take the steps that follow from it."""
        if not self._about_cell(signal):
            self._about_all(signal)
        self.reconcile()

    def _about_cell(self, signal: object) -> bool:  # noqa: PLR0911 - one line for each signal
        match signal:
            case Died(cell=cell, exit=exit_):
                self._on_died(cell, exit_)
                return True
            case Ready(cell=cell):
                return self._with_child(cell, self._on_ready)
            case Ending(cell=cell):
                return self._with_child(cell, self.ladder.ending)
            case StartLate(cell=cell):
                return self._with_child(cell, self._on_start_late)
            case StopLate(cell=cell, rung=rung):
                return self._with_child(cell, lambda child: self._on_stop_late(child, rung))
            case KillAsked(cell=cell, reason=reason):
                return self._with_child(cell, lambda child: self.ladder.kill(child, reason))
            case Healthy(cell=cell):
                return self._with_child(cell, self._on_healthy)
            case SpellOver(cell=cell, failures=failures):
                return self._with_child(cell, lambda child: self._on_spell_over(child, failures))
        return False

    def _about_all(self, signal: object) -> None:
        match signal:
            case Due(child=child):
                self.touch(child)
            case Verb():
                Verbs(self).do(signal)
            case Stop(reason=reason):
                self.end(Exit(ExitKind.SHUTDOWN, reason=reason))
            case Kill(reason=reason):
                self._on_kill(reason)
            case _:
                _log.error("supervisor.unknown_signal path=%s type=%s", self.path, type(signal).__name__)

    def _with_child(self, cell: Cell, act: Callable[[Child], object]) -> bool:
        """Only if the cell is still the incarnation of a child: everything else is stale."""
        child = self.children.get(cell.name)
        if child is not None and child.cell is cell:
            self.touch(child)
            act(child)
        return True

    def _on_ready(self, child: Child) -> None:
        if child.rung:
            return
        child.came_up()
        child.first_start = child.restarting = False
        if child.start_timer is not None:
            child.start_timer.cancel()
        child.delay = 0.0
        self._begin_spell(child, "started")
        if child.said_healthy:
            self._begin_spell(child, "healthy")
        child.publish("started", child.by)
        child.by = ""
        self.answer_start(child)

    def _on_start_late(self, child: Child) -> None:
        if not child.up:  # it may have got ready while this was on its way
            self.ladder.kill(child, "start timed out")

    def _on_healthy(self, child: Child) -> None:
        child.said_healthy = True
        self._begin_spell(child, "healthy")

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
        self.live_count -= 1
        was_up, asked = child.up, child.stopping
        kind = ExitKind.START_FAILED if exit_.abnormal and not was_up else exit_.kind
        exit_ = Exit(kind, exit_.error, masked(exit_.reason), exit_.ran_for)
        child.dropped += cell.mailbox.dropped
        child.high_water = max(child.high_water, cell.mailbox.high_water)
        child.cell = None
        child.up = child.stopping = child.overdue = False
        child.rung = 0
        child.cancel_timers()
        child.last_exit = LastExit.of(
            exit_,
            self.runtime.clock.now(),
            in_start=not was_up,
            traceback_id=f"{self.runtime.rng.getrandbits(32):08x}",
        )
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
        level, trace = logging.DEBUG, ""
        if exit_.kind in (ExitKind.CRASH, ExitKind.START_FAILED):
            level = logging.WARNING if is_known(exit_.error) else logging.ERROR
        elif exit_.kind is ExitKind.KILLED:
            level = logging.INFO
        if exit_.error is not None and level == logging.ERROR and _log.isEnabledFor(level):
            trace = masked_traceback(exit_.error)
        _log.log(
            level,
            "child.ended path=%s kind=%s ran_for=%.3f reason=%s traceback_id=%s%s",
            child.handle.path, exit_.kind.value, exit_.ran_for, exit_.reason, child.traceback_id,
            f"\n{trace}" if trace else "",
            extra={
                "event": "child.ended", "path": child.handle.path, "kind": exit_.kind.value,
                "ran_for": round(exit_.ran_for, 3), "reason": exit_.reason,
                "traceback_id": child.traceback_id,
            } | ({"exception": trace} if trace else {}),
        )  # fmt: skip

    def _went_down(self, child: Child, exit_: Exit) -> None:
        """It was asked to: no judgement. Who asked is answered last, and then sees it as it is."""
        answers, child.waiting_down = child.waiting_down, []
        if not child.wanted:
            child.first_start = False
            self.answer_start(child, exit_)
        leaves = not policy.survives_stop(child.spec.restart, dynamic=False) and not child.waiting_start
        if child.dropped_when_down or leaves:
            self.drop(child, exit_.reason)
        else:
            group = self.phase is not Phase.ENDING and child.wanted and child.waits_for
            child.publish(f"waits for {child.waits_for}" if group else exit_.reason, child.by)
        for answer in answers:
            answer.settle(None)

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
        child.wanted = child.first_start = False
        child.publish("ignored")
        self.answer_start(child)
        if not policy.survives_stop(child.spec.restart, dynamic=self.spec.dynamic):
            self.drop(child, "ignored")

    def _first_start_failed(self, child: Child, exit_: Exit) -> bool:
        """Boot, start_child and restart_child do not retry; whether this was one of them."""
        retried = child.spec.backoff is not None and child.spec.backoff.retry_first_start
        if child.forced and not child.first_start:
            child.wanted = False
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
        except BaseException:  # noqa: BLE001 - it is the user's code, on the supervisor's thread
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
        significant = (c for c in self.children.values() if c.spec.significant and c is not child)
        others = (c.live or c.waiting or c.deferred for c in significant)
        ends = policy.ends_supervisor(
            self.spec.auto_shutdown, significant=child.spec.significant, others=others
        )
        self.answer_start(child, exit_)
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
        self.heed_storm(child)
        child.publish(child.held or exit_.reason)

    def _fuse_blows(self) -> bool:
        self.recent, blows = policy.add_restart(
            self.recent, self.now(), self.spec.intensity, self.spec.period
        )
        return blows

    def booted(self) -> None:
        self.phase = Phase.RUNNING
        self._ready()
        deferred, self._deferred = self._deferred, []
        for child, exit_ in deferred:
            still_open, child.deferred = child.deferred and child.wanted, False
            if still_open:
                self.touch(child)
                self._judge(child, exit_, was_up=True)
        verbs, self.verbs_after_boot = self.verbs_after_boot, []
        for verb in verbs:
            Verbs(self).do(verb)
        if deferred or verbs:
            self.reconcile()

    def _begin_spell(self, child: Child, source: str) -> None:
        backoff = child.spec.backoff
        if backoff is None or backoff.reset_from != source or child.cell is None or not child.up:
            return
        if child.spell_timer is not None:
            return  # saying it again does not begin the spell again
        over = SpellOver(child.cell, child.failures)
        child.spell_timer = self.runtime.scheduler.after(backoff.healthy_spell, lambda: self.post(over))

    def _on_spell_over(self, child: Child, failures: int) -> None:
        if child.failures == failures and failures:
            child.failures = 0
            child.publish()
