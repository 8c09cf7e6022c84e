"""What you write: a plain class with three hooks. The library hosts it in a pykka actor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervision.context import Context
    from supervision.exits import Exit


class Actor:
    """One incarnation of a supervised worker. Everything here runs on the actor's own thread.

    The constructor and `started` are the start: when `started` returns, the actor is ready; when either
    raises or takes longer than `start_timeout`, the start failed.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    def started(self) -> None:
        """Get ready. Messages are handled only after it returns."""

    def handle(self, message: object) -> object:
        """Handle one message; the return value answers an ask.

        Raising crashes the actor, on an ask too (the asker gets RemoteError), unless it is a DomainError.
        """
        raise NotImplementedError(f"{type(self).__name__} does not handle {type(message).__name__}")

    def stopping(self, exit: Exit) -> None:  # noqa: A002
        """Clean up. Called once on every way to end after a constructor that returned.

        It has the shutdown deadline of the child; then what it waits for is killed. What it raises is logged.
        """
