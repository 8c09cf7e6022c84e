"""Webhooks' place in the tree: owns the sender, and has what happens to sessions journaled for it.

What happens to messages, and calls, are journaled for webhooks in their own commits; see docs/webhooks.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog

from actors.durable import AddDeliveries, Delivery
from actors.errors import DomainError, ProcessError
from actors.events import Event
from actors.messages import Journaled
from actors.ports import WebhookSender
from actors.post import Post
from supervision import Actor, Context, Exit, ExitKind

log = structlog.get_logger(__name__)

TICK = 5.0  # seconds: how often unanswered writes are told again, and the view is renewed


@dataclass(frozen=True, slots=True)
class EventHappened:
    """Somebody outside wants to hear of it. `at`: when it was announced."""

    event: Event
    at: datetime


@dataclass(frozen=True, slots=True)
class _SenderDied:
    reason: str


@dataclass(frozen=True, slots=True)
class _Tick:
    """Tell again, show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """`deliveries_of` makes an event's deliveries; pure. `stop_deadline` in seconds."""

    sender: WebhookSender
    deliveries_of: Callable[[Event, datetime], tuple[Delivery, ...]]
    writer_path: str
    stop_deadline: float = 2.0


class WebhooksActor(Actor):
    """Crashes when the sender's loop has died; its supervisor starts both anew, from what is on disk."""

    def __init__(self, context: Context, parts: WebhookParts) -> None:
        super().__init__(context)
        self._parts = parts
        writer = context.lookup(parts.writer_path)
        prefix = f"{context.path}.{context.incarnation}"
        self._post = Post(context.path, prefix, writer.tell)

    def started(self) -> None:
        """The sender begins with what is pending; nothing is waited for."""
        self._parts.sender.start(self._on_death)
        self.context.every(TICK, _Tick())

    def handle(self, message: object) -> object:
        match message:
            case EventHappened(event=event, at=at):
                if deliveries := self._parts.deliveries_of(event, at):
                    self._post.write(AddDeliveries(deliveries), self.context.clock.monotonic())
            case Journaled(correlation=correlation, result=result):
                self._journaled(correlation, result)
            case _Tick():
                self._post.tell_again(self.context.clock.monotonic(), after=TICK)
                self.context.report(**asdict(self._parts.sender.view()))
            case _SenderDied(reason=reason):
                raise ProcessError(f"the sender's loop ended: {reason}")
            case _:
                return super().handle(message)
        return None

    def stopping(self, exit: Exit) -> None:  # noqa: A002
        """What is in flight may end, unless there is no time left; the rest waits on disk."""
        self._parts.sender.stop(0.0 if exit.kind is ExitKind.KILLED else self._parts.stop_deadline)

    def _journaled(self, correlation: str, result: object) -> None:
        """A session that is gone has nobody left to tell."""
        operation = self._post.settle(correlation)
        if operation is not None and isinstance(result, DomainError):
            log.info("webhooks.not_journaled", operation=type(operation).__name__)

    def _on_death(self, error: BaseException) -> None:
        """On the sender's thread."""
        if self.context.current:
            self.context.handle.tell(_SenderDied(type(error).__name__))
