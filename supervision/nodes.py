"""One child as a JSON-ready dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from supervision.child import URGENCY, Child, Facts, LastExit, State
from supervision.masking import masked
from supervision.specs import ChildSpec, Shutdown, SupervisorSpec

if TYPE_CHECKING:
    from supervision.cell import Cell
    from supervision.system import System


class Look:
    """One moment, at which all nodes of a dump are seen."""

    def __init__(self, system: System) -> None:
        clock = system.runtime.clock
        self.now = clock.now()
        self.monotonic = clock.monotonic()
        self.probe = system.runtime.probe
        self.samples = system.sampler.samples

    @cached_property
    def frames(self) -> Mapping[int, str]:
        """Where busy threads are; looked at only when some thread is busy."""
        return self.probe.top_frames()

    def at(self, monotonic: float) -> datetime:
        """The wall-clock time of a monotonic one."""
        return self.now + timedelta(seconds=monotonic - self.monotonic)

    def iso(self, at: datetime | None) -> str | None:
        """ISO 8601 in UTC, to the millisecond."""
        return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def since(self, at: datetime) -> float:
        """Seconds from then to now."""
        return round(max(0.0, (self.now - at).total_seconds()), 3)


def node(child: Child, look: Look) -> dict[str, Any]:
    """Everything about a child but its own children."""
    spec, facts, cell = child.spec, child.facts, child.facts.cell
    busy = cell.stamp() if cell is not None else None
    state = _state(spec, facts, busy.busy_for if busy else 0.0)
    return {
        "path": child.handle.path,
        "id": spec.id,
        "kind": "supervisor" if spec.is_supervisor else "worker",
        "role": spec.role,
        "incarnation": facts.incarnation,
        "restart_policy": spec.restart.value,
        "strategy": _strategy(spec),
        "shutdown": spec.shutdown.value if isinstance(spec.shutdown, Shutdown) else spec.shutdown,
        "significant": spec.significant,
        "state": state.value,
        "worst": URGENCY[state],
        "state_since": look.iso(facts.since),
        "reason": masked(facts.reason),
        "uptime_s": look.since(facts.ready_at) if facts.ready_at else None,
        "ready_at": look.iso(facts.ready_at),
        "desired": {"up": facts.wanted, "by": facts.wanted_by},
        "restarts": _restarts(child, facts, look),
        "last_exit": _last_exit(facts.last_exit, look),
        "backoff": _backoff(spec, facts, look),
        "mailbox": _mailbox(child, cell),
        "current": {"message_type": busy.message_type, "busy_s": round(busy.busy_for, 3)}
        if busy and busy.message_type
        else None,
        "last_handled_at": look.iso(look.at(busy.last_handled_at)) if busy and busy.last_handled_at else None,
        "heartbeat": _heartbeat(child, look),
        "thread": _thread(cell, look, busy=bool(busy and busy.message_type)),
        "abandoned": facts.abandoned,
        "os": _os(child, look),
        "app": {key: _masked(value) for key, value in child.board.app.items()},
    }


def _state(spec: ChildSpec, facts: Facts, busy_for: float) -> State:
    stuck = spec.stuck_after is not None and busy_for > spec.stuck_after
    return State.WEDGED if stuck else facts.state


def _strategy(spec: ChildSpec) -> str | None:
    if not isinstance(spec.start, SupervisorSpec):
        return None
    return "dynamic" if spec.start.dynamic else spec.start.strategy.value


def _restarts(child: Child, facts: Facts, look: Look) -> dict[str, Any]:
    backoff = child.spec.backoff
    window = child.window
    return {
        "in_window": sum(at >= look.monotonic - window for at in facts.restarts_at),
        "window_s": window,
        "max": backoff.max_consecutive if backoff else child.intensity,
        "consecutive": facts.failures,
        "total": facts.restarts,
        "at": [look.iso(look.at(at)) for at in facts.restarts_at[-10:]],
    }


def _last_exit(last: LastExit | None, look: Look) -> dict[str, Any] | None:
    if last is None:
        return None
    error = last.exit.error
    return {
        "at": look.iso(last.at),
        "class": last.exit.kind.value,
        "outcome": last.outcome,
        "exception_type": type(error).__name__ if error is not None else None,
        "message": masked(last.exit.reason),
        "traceback_id": last.traceback_id,
        "ran_for_s": round(last.exit.ran_for, 3),
        "in_start": last.in_start,
    }


def _backoff(spec: ChildSpec, facts: Facts, look: Look) -> dict[str, Any] | None:
    if not facts.due:
        return None
    return {
        "attempt": facts.failures,
        "delay_s": round(facts.delay, 3),
        "next_at": look.iso(facts.due_at),
        "remaining_s": round(max(0.0, facts.due - look.monotonic), 3),
        "cap_s": spec.backoff.max if spec.backoff else None,
        "reset_after_s": spec.backoff.healthy_spell if spec.backoff else None,
    }


def _mailbox(child: Child, cell: Cell | None) -> dict[str, Any]:
    if cell is None:
        return {"depth": 0, "oldest_age_s": 0.0, "high_water": child.high_water, "dropped_total": child.dropped}
    box = cell.mailbox
    return {
        "depth": box.depth,
        "oldest_age_s": round(box.oldest_age(), 3),
        "high_water": max(child.high_water, box.high_water),
        "dropped_total": child.dropped + box.dropped,
    }


def _heartbeat(child: Child, look: Look) -> dict[str, Any] | None:
    beat = child.board.heartbeat
    if beat is None:
        return None
    return {
        "last_ok_at": look.iso(beat.last_ok_at),
        "age_s": round(look.monotonic - beat.at, 3) if beat.at is not None else None,
        "misses": beat.misses,
        "rtt_ms": round(beat.rtt * 1000, 3) if beat.rtt is not None else None,
    }


def _thread(cell: Cell | None, look: Look, *, busy: bool) -> dict[str, Any] | None:
    thread = cell.thread if cell is not None else None
    if thread is None:
        return None
    return {
        "name": thread.name,
        "native_id": thread.native_id,
        "daemon": thread.daemon,
        "alive": thread.is_alive(),
        "top_frame": look.frames.get(thread.ident or 0) if busy else None,
    }


def _os(child: Child, look: Look) -> dict[str, Any] | None:
    pids = child.board.pids
    if not pids:
        return None
    sample = look.samples.get(child.handle.path)
    if sample is None:
        return {"pids": list(pids), "processes": None, "rss": None, "pss": None, "cpu_pct": None, "sampled_at": None}
    return {
        "pids": list(pids),
        "processes": sample.processes,
        "rss": sample.rss,
        "pss": sample.pss,
        "cpu_pct": sample.cpu_pct,
        "sampled_at": look.iso(sample.at),
    }


def _masked(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: _masked(each) for key, each in value.items()}
        case list() | tuple():
            return [_masked(each) for each in value]
        case int() if not isinstance(value, bool) and abs(value) >= 10**9:
            return masked(str(value))
        case _:
            return value
