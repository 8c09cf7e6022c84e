"""An event as receivers get it: `{id, event, sessionId, timestamp, payload}`. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from actors.durable import Delivery
from actors.events import Event
from actors.model import JSON, Webhook
from wahook.edge.wire import packet_of


def deliveries(
    event: Event,
    receivers: Iterable[Webhook],
    chat: str | None,
    now: datetime,
    patience: timedelta,
    *,
    mark: str = "",
) -> tuple[Delivery, ...]:
    """One for each receiver. Within one `chat` they go in order; None is a chat of its own.

    Events of one `mark` are one and the same: their deliveries have the same ids.
    """
    wanted = tuple(receivers)
    if not wanted:
        return ()
    news = News(event.name, event.session_id, packet_of(event).payload, now, mark)
    return tuple(news.to(one.url, chat, now + patience) for one in wanted)


@dataclass(frozen=True, slots=True)
class News:
    """What happened, before it is addressed to anybody."""

    name: str
    session_id: str
    payload: dict[str, JSON]
    at: datetime
    mark: str = ""

    def to(self, url: str, chat: str | None, give_up_at: datetime) -> Delivery:
        """With an id of its own, which stays the same however often it is sent."""
        delivery_id = f"evt_{self._marked(url) if self.mark else uuid4().hex}"
        body = {
            "id": delivery_id,
            "event": self.name,
            "sessionId": self.session_id,
            "timestamp": int(self.at.timestamp() * 1000),
            "payload": self.payload,
        }
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return Delivery(delivery_id, self.session_id, url, self.name, raw, chat=chat, give_up_at=give_up_at)

    def _marked(self, url: str) -> str:
        said = json.dumps([self.session_id, url, self.name, self.mark])
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]
