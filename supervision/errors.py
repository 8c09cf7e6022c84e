"""Every error the library raises.

SupervisionError
├── SpecError (ValueError)          a specification is wrong; names the field and the value
├── AskError                        an ask could not be answered
│   ├── AskTimeout (TimeoutError)   no answer within the deadline; the actor may still handle the message
│   ├── ActorDown                   no incarnation, or it ended before it answered
│   ├── MailboxFull                 the work lane is at its limit
│   ├── AskRefused                  a blocking ask from an actor's own thread would deadlock
│   └── RemoteError                 the handler crashed; `__cause__` is what it raised
├── AdminError                      an operator verb was refused; `code` is OTP's reason
│   ├── NotFound · AlreadyStarted · AlreadyPresent · Running · Restarting · MaxChildren · NotSupported
│   └── StartFailed                 the child did not come up; `exit` says why
├── ResourceBusy                    another incarnation still holds the named resource
└── SystemDown                      the system is not running

DomainError                         raised by *your* handlers: an answer, not a crash
KnownFailure                        raised by *your* actors: a crash, but no defect: logged in one line
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from supervision.exits import Exit
    from supervision.handle import Handle


class DomainError(Exception):
    """Derive from this for errors that are part of an actor's protocol: the asker gets it, none crashes."""


class KnownFailure(Exception):
    """Derive from this for what may befall an actor without a defect in it, such as a lost connection.

    It ends the incarnation like any other error, and the same policy decides. Only the log differs: a warning
    of one line instead of an error with a traceback, unless it was raised from an error that is not one.
    """


class SupervisionError(Exception):
    """The root of the library's own errors."""


class SpecError(SupervisionError, ValueError):
    """A specification field has a value it must not have. Raised when made, not at the first crash."""

    def __init__(self, field: str, value: object, must: str) -> None:
        super().__init__(f"{field}={value!r}: {must}")
        self.field = field
        self.value = value


class AskError(SupervisionError):
    """An ask that got no answer."""


class AskTimeout(AskError, TimeoutError):
    """No answer in time. The message may still be handled later; its answer is discarded."""


class ActorDown(AskError):
    """There is no live incarnation, or it ended before it answered."""


class MailboxFull(AskError):
    """The work lane of the mailbox is at its limit; the message was dropped and counted."""


class AskRefused(AskError):
    """A blocking ask on an actor's own thread (tell, with a correlation id), or an ask of a supervisor."""


class RemoteError(AskError):
    """The handler crashed while answering. `__cause__` is the original exception."""


class AdminError(SupervisionError):
    """An operator verb was refused."""

    code: ClassVar[str] = "error"

    def __init__(self, path: str, detail: str = "") -> None:
        super().__init__(f"{path}: {self.code}" + (f" ({detail})" if detail else ""))
        self.path = path


class NotFound(AdminError):
    """No child has that path."""

    code = "not_found"


class AlreadyStarted(AdminError):
    """A child with that id is running; `handle` is it."""

    code = "already_started"

    def __init__(self, path: str, handle: Handle) -> None:
        super().__init__(path)
        self.handle = handle


class AlreadyPresent(AdminError):
    """A child with that id is specified but not running: restart or delete it."""

    code = "already_present"


class Running(AdminError):
    """The verb needs a child that is down; this one runs."""

    code = "running"


class Restarting(AdminError):
    """The verb needs a settled child; this one waits for its restart."""

    code = "restarting"


class MaxChildren(AdminError):
    """The dynamic supervisor is at `max_children`."""

    code = "max_children"


class NotSupported(AdminError):
    """This kind of supervisor has no such verb."""

    code = "not_supported"


class StartFailed(AdminError):
    """A child did not come up. `exit` says why."""

    code = "start_failed"

    def __init__(self, path: str, exit_: Exit) -> None:
        super().__init__(path, exit_.reason)
        self.exit = exit_


class ResourceBusy(SupervisionError):
    """`Context.claim` of a resource that another incarnation has not released."""


class SystemDown(SupervisionError):
    """The system has not started, is stopping, or has ended."""


def text_of(error: BaseException) -> str:
    """Type and message; for an error that cannot even be printed, the type."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - __str__ is the user's code too
        return f"{type(error).__name__}: unprintable"


def is_known(error: BaseException | None) -> bool:
    """Whether there is nothing in it for a programmer: a known failure that no other error stands behind."""
    while isinstance(error, KnownFailure):
        error = error.__cause__
        if error is None:
            return True
    return False
