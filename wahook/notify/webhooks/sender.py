"""The sender's thread: a loop of its own, so that slow receivers delay nothing but webhooks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from actors.durable import Delivery
from actors.errors import ProcessError, WahookError
from actors.model import Webhook
from actors.ports import WebhooksView
from wahook.loop import LoopThread
from wahook.notify.webhooks.dispatcher import Dispatcher, SenderParts
from wahook.notify.webhooks.policy import Outcome
from wahook.notify.webhooks.posting import Poster, open_client

NAMES_AT_ONCE = 64  # asked of the DNS; few would let the names that nobody answers for delay all others
MARGIN = 1.0  # seconds of a stop's deadline for the end of the loop itself


@dataclass(frozen=True, slots=True)
class Tried:
    """A call outside the queue; `took` in seconds."""

    outcome: Outcome
    took: float


class Sender:
    """Implements `actors.ports.WebhookSender`. Any thread may call; only the actor starts and stops it."""

    def __init__(self, parts: SenderParts) -> None:
        self._parts = parts
        self._life: _Life | None = None

    def start(self, on_death: Callable[[BaseException], None]) -> None:
        """Begin with what is pending on disk."""
        life = _Life(self._parts)
        self._life = life  # before anything is read: what is committed from now on is heard
        life.begin(on_death)

    def stop(self, deadline: float) -> None:
        """Wait for what is in flight, then end the thread."""
        life, self._life = self._life, None
        if life is not None:
            life.end(deadline)

    def view(self) -> WebhooksView:
        """As of the last turn."""
        life = self._life
        return WebhooksView() if life is None or life.dispatcher is None else life.dispatcher.view

    def committed(self, added: Sequence[Delivery]) -> None:
        """These are on disk now. What comes while it is down is found on disk at the next start."""
        if (life := self._life) is not None:
            life.tell(lambda dispatcher: dispatcher.added(added))

    def doubted(self) -> None:
        """A commit failed, or may have."""
        if (life := self._life) is not None:
            life.tell(lambda dispatcher: dispatcher.doubted())

    def attempt(self, webhook: Webhook, delivery: Delivery) -> Future[Tried]:
        """Call a receiver now, outside the queue. Fails with ProcessError while the sender is down."""
        life = self._life
        if life is None:
            refused: Future[Tried] = Future()
            refused.set_exception(ProcessError("the sender of webhooks is down"))
            return refused
        return life.loop.submit(life.attempt(webhook, delivery))


class _Life:
    """From one start to its stop."""

    def __init__(self, parts: SenderParts) -> None:
        self._parts = parts
        self.loop = LoopThread("webhooks")
        self.dispatcher: Dispatcher | None = None
        self._poster: Poster | None = None
        self._early: list[Callable[[Dispatcher], None]] = []

    def begin(self, on_death: Callable[[BaseException], None]) -> None:
        self.loop.start()
        self.loop.submit(self._live()).add_done_callback(lambda future: _report(future, on_death))

    def end(self, deadline: float) -> None:
        if (dispatcher := self.dispatcher) is not None:
            with suppress(WahookError, TimeoutError):
                self.loop.submit(dispatcher.finish(max(0.0, deadline - MARGIN))).result(deadline)
        self.loop.stop(MARGIN)

    def tell(self, what: Callable[[Dispatcher], None]) -> None:
        self.loop.call(self._hear, what)

    async def attempt(self, webhook: Webhook, delivery: Delivery) -> Tried:
        if self._poster is None:
            raise ProcessError("the sender of webhooks is starting")
        began = time.monotonic()
        outcome = await self._poster.post(webhook, delivery, self._parts.calendar())
        return Tried(outcome, time.monotonic() - began)

    async def _live(self) -> None:
        names = ThreadPoolExecutor(NAMES_AT_ONCE, thread_name_prefix="webhooks-names")
        asyncio.get_running_loop().set_default_executor(names)
        async with open_client(self._parts.rule, self._parts.deadline) as http:
            self._poster = Poster(http, self._parts.rule, self._parts.user_agent)
            self.dispatcher = Dispatcher(self._parts, self._poster)
            early, self._early = self._early, []
            for what in early:
                what(self.dispatcher)
            await self.dispatcher.run()

    def _hear(self, what: Callable[[Dispatcher], None]) -> None:
        if self.dispatcher is None:
            self._early.append(what)
        else:
            what(self.dispatcher)


def _report(future: Future[None], on_death: Callable[[BaseException], None]) -> None:
    """A loop that ended because it was asked to is no death."""
    if future.cancelled():
        return
    error = future.exception()
    if error is not None and not isinstance(error, ProcessError):
        on_death(error)
