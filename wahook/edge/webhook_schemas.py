"""Deliveries to webhooks, as clients ask for them and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from wahook.edge.schemas import Body, Query, View
from wahook.edge.session_schemas import HttpUrl

DeliveryPath = Annotated[str, Field(pattern="^evt_[0-9a-f]{32}$")]
State = Literal["pending", "done", "dead"]


class DeliveryQuery(Query):
    """Which deliveries."""

    state: State | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    cursor: Annotated[int, Field(ge=1, le=2**63 - 1, description="`next` of the page before.")] | None = None


class WebhookTest(Body):
    """Whom to try."""

    url: Annotated[HttpUrl | None, Field(description="One of the session's; none: all of them.")] = None


class DeliveryBody(View):
    """One event for one receiver. `lastError` says what the last attempt, or giving up, was due to."""

    id: str
    event: str
    url: str
    state: State
    attempts: int
    created_at: datetime | None
    next_at: datetime | None
    give_up_at: datetime | None
    last_status: int | None
    last_error: str | None


class DeliveryWithBody(DeliveryBody):
    """With what is sent."""

    body: dict[str, Any] | None


class DeliveryList(View):
    """A page of deliveries, newest first; `next` is the cursor of the page after it."""

    deliveries: list[DeliveryBody]
    next: int | None


class ReplayBody(View):
    """How many dead letters are pending again."""

    replayed: int


class TrialBody(View):
    """How a receiver answered the test event; `took` in milliseconds."""

    url: str
    delivered: bool
    status: int | None
    error: str | None
    took: int


class TrialList(View):
    """One for each receiver that was tried."""

    results: list[TrialBody]
