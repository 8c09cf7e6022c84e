"""What a check found, and how it is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class State(StrEnum):
    """How grave it is."""

    OK = "ok"
    WARNING = "warning"  # it runs, and will hurt some day
    FAILED = "failed"  # the service does not start, or cannot do its job


MARKS = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `advice` says what to do; nothing in it is secret."""

    name: str
    state: State
    found: str
    advice: str | None = None


def fine(name: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(name, State.OK, found)


def doubtful(name: str, found: str, advice: str) -> Finding:
    """Something to do before it hurts."""
    return Finding(name, State.WARNING, found, advice)


def broken(name: str, found: str, advice: str) -> Finding:
    """Something to do first."""
    return Finding(name, State.FAILED, found, advice)


def exit_code(findings: Sequence[Finding]) -> int:
    """1 when something failed."""
    return int(any(each.state is State.FAILED for each in findings))


def as_text(findings: Sequence[Finding]) -> str:
    """A line for each, and under it what to do."""
    width = max((len(each.name) for each in findings), default=0)
    lines = []
    for each in findings:
        lines.append(f"{MARKS[each.state]} {each.name:<{width}}  {each.found}")
        if each.advice:
            lines.append(f"  {'':<{width}}  → {each.advice}")
    failed = sum(each.state is State.FAILED for each in findings)
    doubts = sum(each.state is State.WARNING for each in findings)
    end = f"{failed} failed, {doubts} to look at" if failed or doubts else "all is well"
    return "\n".join([*lines, "", end])


def as_json(findings: Sequence[Finding]) -> str:
    """For programs."""
    ok = exit_code(findings) == 0
    return json.dumps({"ok": ok, "checks": [asdict(each) for each in findings]}, ensure_ascii=False, indent=1)


def place_of(url: str) -> str:
    """A URL as it may be shown: without user, password and query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable URL"
    if not parts.scheme:
        return "an unreadable URL"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
