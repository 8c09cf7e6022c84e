"""What a disconnect means: each of WhatsApp's words, and what follows from it. Pure; no clock, no I/O.

| words | verdict | why |
|---|---|---|
| the mission's eight of a lost login | ASK, login gone | a human must scan again |
| CONFLICT, REPLACED | ASK, or RESTART with take_over | another page uses the account |
| TOS_BLOCK, SMB_TOS_BLOCK | ASK | WhatsApp blocks the account; a ban with an end is held until then |
| DEPRECATED_VERSION | RESTART | a new browser loads the newest page |
| PROXYBLOCK | RESTART | the network refuses us; it may change |
| any other word of a logout | ASK, login gone | unknown is permanent for credentials |
| any other state | RESTART | unknown is transient for processes |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What follows from a disconnect."""

    RESTART = "restart"  # with back-off
    ASK = "ask"  # only a human can bring it back


@dataclass(frozen=True, slots=True)
class Loss:
    """A judged disconnect. `login_gone`: the profile's login is void, so only a new QR code helps."""

    reason: str
    verdict: Verdict
    login_gone: bool = False


LOGIN_GONE = frozenset(
    {
        "LOGOUT",
        "LOGGED_OUT",
        "AUTH_FAILURE",
        "AUTHENTICATION_FAILURE",
        "REVOKED",
        "SESSION_EXPIRED",
        "UNPAIRED",
        "PHONE_REMOVED",
    }
)
TAKEN_BY_ANOTHER = frozenset({"CONFLICT", "REPLACED"})
PERMANENT = LOGIN_GONE | TAKEN_BY_ANOTHER
BLOCKED = frozenset({"TOS_BLOCK", "SMB_TOS_BLOCK"})

# States in which the page will not come back by itself, so that waiting for it is time lost.
FINAL_STATES = PERMANENT | BLOCKED | {"DEPRECATED_VERSION", "PROXYBLOCK"}

# The page's words for a logout (wa-js: enum LogoutReason) where the mission has one of its own.
_LOGOUT_WORDS = {
    "USER_INITIATED": "LOGOUT",
    "UNKNOWN_COMPANION": "LOGGED_OUT",
    "MD_OPT_OUT": "REVOKED",
    "PRIMARY_IDENTITY_KEY_CHANGE": "REVOKED",
    "INVALID_ADV_STATUS": "AUTH_FAILURE",
    "ACCOUNT_SYNC_ERROR": "AUTH_FAILURE",
}


def judge_logout(reason: str, *, take_over: bool = False) -> Loss:
    """What to do when the page says that it was logged out, for `reason`."""
    word = _word(reason) or "LOGOUT"
    word = _LOGOUT_WORDS.get(word, word)
    if word in TAKEN_BY_ANOTHER:
        return judge_state(word, take_over=take_over)
    return Loss(word, Verdict.ASK, login_gone=True)


def judge_state(state: str, *, take_over: bool = False) -> Loss:
    """What to do when the page's stream or socket stays in `state`.

    With `take_over` a conflict is answered by connecting again, which pushes the other page out.
    """
    word = _word(state)
    if word in TAKEN_BY_ANOTHER:
        return Loss(word, Verdict.RESTART if take_over else Verdict.ASK)
    if word in LOGIN_GONE:
        return Loss(word, Verdict.ASK, login_gone=True)
    return Loss(word, Verdict.ASK if word in BLOCKED else Verdict.RESTART)


def waits_for_human(last_error: str | None, *, take_over: bool = False) -> bool:
    """Whether only a human may start a session that ended so: starting it would be an answer by itself.

    A lost login may be: it comes up with a code, which harms nobody.
    """
    if last_error is None:
        return False
    loss = judge_state(last_error, take_over=take_over)
    return loss.verdict is Verdict.ASK and not loss.login_gone


def _word(text: str) -> str:
    return text.strip().upper().replace(" ", "_").replace("-", "_")
