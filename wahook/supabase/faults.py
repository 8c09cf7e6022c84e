"""What Supabase's answers mean for the mirror. Pure.

| answer | verdict | what follows |
|---|---|---|
| none, 408, 429, 5xx | AWAY | everything waits and is tried again |
| 3xx, 401, 403, 404, 405, 406, 415; SQLSTATE 21…, 42…, PGRST… | SETUP | the same; a human must mend it |
| other 4xx: SQLSTATE 22…, 23…, 413, … | ROWS | the rows are parted; the one at fault is set aside |

A 5xx with a code that is not of the database's own state may be a row's fault (a trigger that fails, say). It
is, if others are taken meanwhile. PGRST102 (a body that cannot be parsed) is the rows' fault: we send no
other bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from actors.errors import Fault

_TRY_AGAIN = frozenset({408, 425, 429})
_SETUP = frozenset({401, 403, 404, 405, 406, 415})
_SETUP_CODES = ("21", "42", "PGRST")
_STATE_CODES = ("08", "25", "40", "53", "55", "57", "58", "PGRST")  # of the database, whatever the rows
LONGEST_PAUSE = 300.0  # seconds that a server may ask for


class Verdict(Enum):
    """Whose fault it is."""

    AWAY = "away"
    SETUP = "setup"
    ROWS = "rows"
    PERHAPS_ROWS = "perhaps rows"


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal as it came: never with PostgreSQL's details, in which the row's content stands."""

    status: int
    code: str = ""
    text: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        """For logs and people."""
        return " ".join(part for part in (f"HTTP {self.status}", self.code, self.text) if part)


class MirrorAway(Fault):
    """Supabase did not take it now. `setup`: nor will it, until somebody mends the project or the key."""

    def __init__(self, reason: str, *, setup: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.setup = setup
        self.retry_after = retry_after


class RowsRefused(Fault):
    """Supabase does not take one of these rows. Unless `sure`, others may fare no better."""

    def __init__(self, answer: Answer, *, sure: bool = True) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.sure = sure


def judge(status: int, code: str) -> Verdict:
    """Whose fault an answer is that is no success."""
    if status >= 500 and code and not code.startswith(_STATE_CODES):
        return Verdict.PERHAPS_ROWS
    if status in _TRY_AGAIN or status >= 500:
        return Verdict.AWAY
    if status < 400 or status in _SETUP:
        return Verdict.SETUP
    if code.startswith(_SETUP_CODES) and code != "PGRST102":
        return Verdict.SETUP
    return Verdict.ROWS


def answer(status: int, body: Any, retry_after: str | None = None) -> Answer:
    """An answer from its parsed body, whatever that is."""
    found = body if isinstance(body, dict) else {}
    code = found.get("code")
    code = code if isinstance(code, str) and len(code) <= 10 and code.isalnum() else ""
    text = found.get("message")
    # Only these texts name tables, columns and rules and never a value.
    telling = isinstance(text, str) and code.startswith((*_SETUP_CODES, "23"))
    return Answer(status, code, str(text)[:200] if telling else "", _seconds(retry_after))


def fault(refused: Answer) -> Fault:
    """The error to raise for it."""
    match judge(refused.status, refused.code):
        case Verdict.ROWS | Verdict.PERHAPS_ROWS as verdict:
            return RowsRefused(refused, sure=verdict is Verdict.ROWS)
        case verdict:
            return MirrorAway(str(refused), setup=verdict is Verdict.SETUP, retry_after=refused.retry_after)


def _seconds(text: str | None) -> float | None:
    """Retry-After as seconds; its dates are not worth a clock that may differ."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return min(float(text[:9]), LONGEST_PAUSE)
