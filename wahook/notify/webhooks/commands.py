"""What clients may do with webhooks: look at deliveries, send dead letters again, try a receiver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from actors.durable import Delivery, ReplayDelivery, TaskState
from actors.errors import RuleBroken
from actors.model import JSON, Webhook
from actors.ports import Calendar
from supervision import Handle
from wahook.asking import JOURNAL_DEADLINE, write
from wahook.edge.ports import WebhookTrial
from wahook.journal.opening import OpenedJournal
from wahook.notify.webhooks import catalogue
from wahook.notify.webhooks.envelope import News
from wahook.notify.webhooks.receivers import Receivers
from wahook.notify.webhooks.sender import Sender, Tried
from wahook.replaying import MOST_AT_ONCE, replay_all


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsParts:
    """`writer` is found when it is needed. `patience`: how long a replayed delivery is tried."""

    journal: OpenedJournal
    writer: Callable[[], Handle]
    receivers: Receivers
    sender: Sender
    calendar: Calendar
    patience: timedelta


class WebhookCommands:
    """Implements `edge.ports.Webhooks`. Coroutines for any loop."""

    def __init__(self, parts: CommandsParts) -> None:
        self._parts = parts

    async def deliveries(
        self, session_id: str, *, state: TaskState | None, limit: int, before: int | None
    ) -> Sequence[Delivery]:
        """Newest first."""
        await self._known(session_id)
        read = self._parts.journal.queues.deliveries
        return await asyncio.to_thread(read, session_id, state, limit, before)

    async def delivery(self, session_id: str, delivery_id: str) -> Delivery:
        """One of this session's."""
        found = await asyncio.to_thread(self._parts.journal.queues.delivery, delivery_id)
        if found is None or found.session_id != session_id:
            raise _unknown()
        return found

    async def replay(self, session_id: str, delivery_id: str) -> Delivery:
        """Send a dead letter again, now; with its own id."""
        await self.delivery(session_id, delivery_id)
        again = await self._again(delivery_id)
        if not isinstance(again, Delivery):
            raise _unknown()
        return again

    async def replay_dead(self, session_id: str) -> int:
        """Send the oldest dead letters again, in their order; how many."""
        await self._known(session_id)
        read = self._parts.journal.queues.oldest_dead
        dead = await asyncio.to_thread(read, session_id, MOST_AT_ONCE)
        return await replay_all(dead, self._again)

    async def test(self, session_id: str, url: str | None) -> list[WebhookTrial]:
        """Call the session's receivers (or one of them) now with a test event, which is not journaled."""
        await self._known(session_id)
        receivers = self._parts.receivers.of(session_id)
        chosen = [one for one in receivers if url in {None, one.url}]
        if not chosen:
            raise RuleBroken("unknown_webhook", "this session has no such webhook")
        return list(await asyncio.gather(*(self._try(session_id, one) for one in chosen)))

    async def _try(self, session_id: str, webhook: Webhook) -> WebhookTrial:
        now = self._parts.calendar()
        payload: dict[str, JSON] = {"sessionId": session_id}
        news = News(catalogue.TEST, session_id, payload, now)
        delivery = news.to(webhook.url, None, now + self._parts.patience)
        tried: Tried = await asyncio.wrap_future(self._parts.sender.attempt(webhook, delivery))
        outcome = tried.outcome
        return WebhookTrial(
            webhook.url, outcome.delivered, outcome.status, outcome.words, round(tried.took * 1000)
        )

    async def _known(self, session_id: str) -> None:
        if await asyncio.to_thread(self._parts.journal.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")

    async def _again(self, delivery_id: str) -> object:
        give_up_at = self._parts.calendar() + self._parts.patience
        return await self._write(ReplayDelivery(delivery_id, give_up_at))

    async def _write(self, operation: ReplayDelivery) -> object:
        return await write(self._parts.writer(), operation, JOURNAL_DEADLINE)


def _unknown() -> RuleBroken:
    return RuleBroken("unknown_delivery", "this session has no such delivery")
