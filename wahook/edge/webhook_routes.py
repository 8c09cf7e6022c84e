"""Webhooks: what became of deliveries, dead letters, and a try."""

from __future__ import annotations

import json

from aiohttp import web

from actors.durable import Delivery, TaskState
from wahook.edge.ports import Webhooks
from wahook.edge.represent import json_answer, utc
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import SessionPath
from wahook.edge.webhook_schemas import (
    DeliveryBody,
    DeliveryList,
    DeliveryPath,
    DeliveryQuery,
    DeliveryWithBody,
    ReplayBody,
    TrialBody,
    TrialList,
    WebhookTest,
)

BASE = "/api/whatsapp/sessions/{id}/webhooks"
ALL = f"{BASE}/deliveries"
ONE = f"{ALL}/{{deliveryId}}"


class WebhookRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    @route("GET", ALL, "webhooks", {200: Answer("A page, newest first.", DeliveryList)}, (404, 503))
    async def list_deliveries(self, id: SessionPath, query: DeliveryQuery) -> web.StreamResponse:  # noqa: A002
        """List a session's deliveries; with `state=dead` its dead letters."""
        state = None if query.state is None else TaskState(query.state)
        found = await self._webhooks.deliveries(id, state=state, limit=query.limit + 1, before=query.cursor)
        page = found[: query.limit]
        after = page[-1].seq if len(found) > query.limit else None
        return json_answer(DeliveryList(deliveries=[_shown(one) for one in page], next=after))

    @route("GET", ONE, "webhooks", {200: Answer("The delivery.", DeliveryWithBody)}, (404, 503))
    async def get_delivery(self, id: SessionPath, deliveryId: DeliveryPath) -> web.StreamResponse:  # noqa: A002, N803
        """Get a delivery with what is sent."""
        found = await self._webhooks.delivery(id, deliveryId)
        shown = DeliveryWithBody(**_shown(found).model_dump(by_alias=False), body=json.loads(found.body))
        return json_answer(shown)

    @route(
        "POST", f"{ONE}/replay", "webhooks",
        {202: Answer("It is pending again.", DeliveryBody)}, (404, 409, 503),
    )  # fmt: skip
    async def replay_delivery(self, id: SessionPath, deliveryId: DeliveryPath) -> web.StreamResponse:  # noqa: A002, N803
        """Send a dead letter again, with the id that it had."""
        return json_answer(_shown(await self._webhooks.replay(id, deliveryId)), 202)

    @route(
        "POST", f"{ALL}/replay", "webhooks",
        {202: Answer("They are pending again.", ReplayBody)}, (404, 503),
    )  # fmt: skip
    async def replay_dead_deliveries(self, id: SessionPath) -> web.StreamResponse:  # noqa: A002
        """Send a session's dead letters again, oldest first, at most 1000 in one call."""
        return json_answer(ReplayBody(replayed=await self._webhooks.replay_dead(id)), 202)

    @route(
        "POST", f"{BASE}/test", "webhooks",
        {200: Answer("How each receiver answered.", TrialList)}, (404, 503),
    )  # fmt: skip
    async def test_webhooks(self, id: SessionPath, body: WebhookTest) -> web.StreamResponse:  # noqa: A002
        """Call a session's webhooks now with the event `webhook:test`, and see what they say."""
        trials = await self._webhooks.test(id, body.url)
        results = [
            TrialBody(url=one.url, delivered=one.delivered, status=one.status, error=one.error, took=one.took)
            for one in trials
        ]
        return json_answer(TrialList(results=results))


def _shown(delivery: Delivery) -> DeliveryBody:
    pending = delivery.state is TaskState.PENDING
    return DeliveryBody(
        id=delivery.id,
        event=delivery.event,
        url=delivery.receiver,
        state=delivery.state.value,
        attempts=delivery.attempts,
        created_at=utc(delivery.created_at),
        next_at=utc(delivery.next_at) if pending else None,
        give_up_at=utc(delivery.give_up_at),
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )
