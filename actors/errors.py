"""The one tree of errors, by what follows from each.

    WahookError
    ├─ DomainError                 the request is at fault; nobody crashes, the caller is told
    │  ├─ SessionNotReady          try again when it is ready
    │  ├─ SendRefused              this message will never go: say why, do not retry
    │  └─ RuleBroken               a rule of the journal (unknown session, wrong state, reused key)
    └─ Fault                       something outside failed
       ├─ SessionError             a session's browser or page
       │  ├─ TransientLoss         restart with back-off
       │  ├─ PermanentLoss         a human must act
       │  ├─ LoginLost             start anew with an empty profile and a new code to scan
       │  └─ Banned                not before a time
       ├─ SendFailed               this attempt failed; it may have reached WhatsApp
       ├─ DeadlinePassed           no answer in time
       ├─ MemoryShort              no further session may be started now
       ├─ ProcessError             a helper process did not start or died
       └─ JournalError             the database; nothing was written
          └─ CommitUncertain       it failed in the commit: written or not, nobody knows

Permanent or transient is the type. What nobody knows is permanent for credentials, transient for processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervision import DomainError as SupervisionDomainError
from supervision import KnownFailure

if TYPE_CHECKING:
    from datetime import datetime


class WahookError(Exception):
    """Base of all of ours."""


class DomainError(WahookError, SupervisionDomainError):
    """The request is at fault. Supervision answers it to whoever asked and does not crash the actor."""


class SessionNotReady(DomainError):
    """The session cannot do this now; its status says why."""


class SendRefused(DomainError):
    """WhatsApp or the page refuses this message for good. `code` is a fixed word, the text is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class RuleBroken(DomainError):
    """The journal's rules forbid it. `code` is a fixed word: unknown_session, key_reused, …"""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Fault(WahookError, KnownFailure):
    """Something outside failed. Supervision logs it in one line."""


class SessionError(Fault):
    """A session's browser or page failed."""


class TransientLoss(SessionError):
    """Restarting is worth it. `reason` is a fixed word for the tree and the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class PermanentLoss(SessionError):
    """Only a human can bring it back: scan again, unlock, update. `login_gone`: the profile is void."""

    def __init__(self, reason: str, *, login_gone: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.login_gone = login_gone


class LoginLost(SessionError):
    """The stored login is no longer accepted, and a fresh code may be shown without asking anybody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Banned(SessionError):
    """WhatsApp closed the account for a time."""

    def __init__(self, until: datetime) -> None:
        super().__init__("temporary ban")
        self.until = until


class SendFailed(Fault):
    """An attempt to send failed in a way that says nothing of the next one."""


class DeadlinePassed(Fault):
    """No answer in time."""


class MemoryShort(Fault):
    """The service is past its memory limit; what runs goes on, nothing more is started."""


class ProcessError(Fault):
    """A helper process did not start, did not answer, or died."""


class JournalError(Fault):
    """The database refused; nothing of the batch was written."""


class CommitUncertain(JournalError):
    """The database failed while it committed, or did not answer in time: all is on disk, or nothing."""
