"""The operator's verbs, with OTP's answers (supervisor:start_child/2 and its kin)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervision import policy
from supervision.errors import (
    AdminError,
    AlreadyPresent,
    AlreadyStarted,
    MaxChildren,
    NotFound,
    NotSupported,
    Restarting,
    Running,
    SpecError,
)
from supervision.exits import Exit, ExitKind
from supervision.signals import Verb, VerbKind
from supervision.specs import ChildType

if TYPE_CHECKING:
    from supervision.child import Child
    from supervision.handle import Handle
    from supervision.roster import Roster


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One row of which_children. `handle` is None unless the child is up; `state` says what it is instead."""

    id: str
    handle: Handle | None
    state: str
    type: ChildType


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """count_children: specs, those that are up, and specs by type (dead ones too, as in OTP)."""

    specs: int
    active: int
    supervisors: int
    workers: int


class Verbs:
    """Carries the verbs out on the supervisor's thread; a refusal settles the answer with an AdminError."""

    def __init__(self, supervisor: Roster) -> None:
        self._sup = supervisor

    def do(self, verb: Verb) -> None:
        """Begin it. The answer comes when it is done, which may be messages later."""
        try:
            self._do(verb)
        except (AdminError, SpecError) as error:
            verb.answer.settle_error(error)

    def _do(self, verb: Verb) -> None:
        match verb.kind:
            case VerbKind.WHICH:
                verb.answer.settle(self._which())
            case VerbKind.COUNT:
                verb.answer.settle(self._count())
            case VerbKind.START:
                self._start(verb)
            case _:
                self._about_child(verb, self._child(verb))

    def _about_child(self, verb: Verb, child: Child) -> None:
        match verb.kind:
            case VerbKind.SPEC:
                verb.answer.settle(child.spec)
            case VerbKind.TERMINATE:
                self._terminate(verb, child)
            case VerbKind.RESTART_CHILD:
                self._restart_child(verb, child)
            case VerbKind.DELETE:
                self._delete(verb, child)
            case VerbKind.RETRY:
                self._retry(verb, child)
            case VerbKind.RESTART:
                self._restart(verb, child)
            case VerbKind.KILL:
                self._kill(verb, child)

    def _path(self, child_id: str) -> str:
        return f"{self._sup.path}/{child_id}" if self._sup.path else child_id

    def _child(self, verb: Verb) -> Child:
        child = self._sup.children.get(verb.id)
        if child is None:
            raise NotFound(self._path(verb.id))
        self._sup.touch(child)
        return child

    def _which(self) -> list[ChildInfo]:
        """Last started first."""
        return [
            ChildInfo(c.spec.id, c.handle if c.up else None, c.state().value, c.spec.type or ChildType.WORKER)
            for c in reversed(self._sup.children.values())
        ]

    def _count(self) -> ChildCounts:
        children = list(self._sup.children.values())
        supervisors = sum(child.spec.is_supervisor for child in children)
        active = sum(child.up for child in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    def _start(self, verb: Verb) -> None:
        spec = verb.spec
        assert spec is not None  # noqa: S101 - System.start_child always gives one
        sup = self._sup
        if sup.ending:
            raise NotFound(sup.path or "root", "is ending")
        if sup.booting:
            sup.verbs_after_boot.append(verb)  # so that it cannot fail the boot, nor get in between
            return
        sup.spec.check_child(spec)
        present = sup.children.get(spec.id)
        if present is not None:
            if present.up and not present.stopping:
                raise AlreadyStarted(present.handle.path, present.handle)
            raise AlreadyPresent(present.handle.path)
        limit = sup.spec.max_children
        if limit is not None and len(sup.children) >= limit:
            raise MaxChildren(self._path(spec.id), str(limit))
        child = sup.add(spec)
        self._want(child, verb)

    def _want(self, child: Child, verb: Verb) -> None:
        child.wanted, child.wanted_by, child.by = True, verb.by, verb.by
        child.waiting_start.append(verb.answer)

    def _want_all(self, child: Child, verb: Verb) -> None:
        """It, and those that went down because of it."""
        self._want(child, verb)
        for waiter in self._sup.waiters(child):
            waiter.wanted = True

    def _terminate(self, verb: Verb, child: Child) -> None:
        if not child.up:
            for waiter in self._sup.waiters(child):
                waiter.wanted = False
                self._sup.answer_start(waiter, Exit(ExitKind.SHUTDOWN, reason=f"waits for {verb.id}"))
        child.waits_for = ""
        child.wanted, child.wanted_by, child.by = False, verb.by, verb.by
        child.failed = child.held = ""
        child.due, child.restarting = 0.0, False
        child.deferred = False
        keeps = policy.survives_stop(child.spec.restart, dynamic=self._sup.spec.dynamic)
        if child.live:
            child.stopping = True
            child.dropped_when_down = not keeps
            child.waiting_down.append(verb.answer)
            return
        child.cancel_timers()
        self._sup.answer_start(child, Exit(ExitKind.SHUTDOWN, reason="terminated"))
        if keeps:
            child.publish("terminated", verb.by)
        else:
            self._sup.drop(child, "terminated")
        verb.answer.settle(None)

    def _settled_down(self, child: Child) -> None:
        """Raise unless the child is down and nothing is pending."""
        if self._sup.spec.dynamic:
            raise NotSupported(child.handle.path, "its supervisor is dynamic")
        if child.live and not child.stopping:
            raise Running(child.handle.path) if child.up else Restarting(child.handle.path)
        if child.live or child.waiting or child.deferred:
            raise Restarting(child.handle.path)

    def _restart_child(self, verb: Verb, child: Child) -> None:
        self._settled_down(child)
        child.failed, child.failures, child.due = "", 0, 0.0
        child.forced, child.first_start = True, False
        self._want_all(child, verb)

    def _delete(self, verb: Verb, child: Child) -> None:
        self._settled_down(child)
        child.by = verb.by
        self._sup.drop(child, "deleted")
        verb.answer.settle(None)

    def _retry(self, verb: Verb, child: Child) -> None:
        """Start a failed, held or backing-off child now, with a clean count."""
        if child.live:
            raise Running(child.handle.path)
        child.failed, child.failures, child.due, child.held = "", 0, 0.0, ""
        child.restarting = child.deferred = False
        child.cancel_timers()
        self._want_all(child, verb)

    def _restart(self, verb: Verb, child: Child) -> None:
        """Stop the child, with its group, and start it again: no waiting, no counting."""
        child.failed, child.failures, child.due, child.held = "", 0, 0.0, ""
        child.restarting = child.deferred = False
        child.stopping, child.dropped_when_down = child.live, False
        self._sup.take_group_down(child)
        self._want(child, verb)

    def _kill(self, verb: Verb, child: Child) -> None:
        if child.live:
            child.by = verb.by
            self._sup.ladder.kill(child, str(verb.reason) if verb.reason else "killed by operator")
        verb.answer.settle(None)
