"""Sends the test message: once when a session has been linked, to the number that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from actors.errors import DomainError
from actors.events import Qr, QrUpdated, Ready, Reconnected
from actors.heard import Heard
from supervision import Actor, Context

log = structlog.get_logger(__name__)

NEWS = Qr | QrUpdated | Ready | Reconnected
TRIES = 5
AGAIN_AFTER = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Greeting:
    """One test message; the same `key` is never accepted twice."""

    session_id: str
    phone_number: str
    key: str
    tries: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GreeterParts:
    """`send` hands a message to the outbox; its future settles within a deadline. `stamp`: a new text.

    `scanning` outlives the incarnations: the sessions that have shown a code since they were last up.
    """

    send: Callable[[Greeting], Future[object]]
    stamp: Callable[[], str]
    at_each_connection: bool = False
    scanning: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Accepted:
    greeting: Greeting
    future: Future[object]


class Greeter(Actor):
    """Thin: the outbox sees to the rest. Gives a message up after five tries, and says so in the log."""

    def __init__(self, context: Context, parts: GreeterParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._sent = 0

    def handle(self, message: object) -> None:
        match message:
            case Heard(event=Qr() | QrUpdated() as event):
                self._parts.scanning.add(event.session_id)
            case Heard(event=Ready() | Reconnected() as event):
                self._connected(event)
            case Greeting():
                self._send(message)
            case _Accepted(greeting=greeting, future=future):
                self._accepted(greeting, future.exception())
            case _:
                super().handle(message)

    def _connected(self, event: Ready | Reconnected) -> None:
        linked_now = event.session_id in self._parts.scanning
        self._parts.scanning.discard(event.session_id)
        if linked_now or self._parts.at_each_connection:
            key = f"test:{self._parts.stamp()}"
            self._send(Greeting(event.session_id, event.phone_number, key))

    def _send(self, greeting: Greeting) -> None:
        sending = self._parts.send(greeting)
        sending.add_done_callback(lambda future: self.context.handle.tell(_Accepted(greeting, future)))

    def _accepted(self, greeting: Greeting, error: BaseException | None) -> None:
        if error is None:
            self._sent += 1
            self.context.report(accepted=self._sent)
        elif isinstance(error, DomainError) or greeting.tries >= TRIES:
            log.warning("greeter.refused", session=greeting.session_id, error=type(error).__name__)
        else:
            again = Greeting(greeting.session_id, greeting.phone_number, greeting.key, greeting.tries + 1)
            self.context.after(AGAIN_AFTER, again)
