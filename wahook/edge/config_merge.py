"""How a change that a client wrote meets a session's settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actors.model import SessionConfig, Webhook
from wahook.edge.session_schemas import SessionConfigInput, WebhookInput


def merged(now: SessionConfig, change: SessionConfigInput) -> SessionConfig:
    """The settings after a change. What the client did not name stays."""
    named: dict[str, Any] = {name: getattr(change, name) for name in change.model_fields_set}
    if "webhooks" in named:
        named["webhooks"] = _webhooks(now.webhooks, change.webhooks)
    if "ai" in named:
        named["ai"] = replace(
            now.ai, **{name: getattr(change.ai, name) for name in change.ai.model_fields_set}
        )
    return replace(now, **named)


def _webhooks(now: Sequence[Webhook], wanted: Sequence[str | WebhookInput]) -> tuple[Webhook, ...]:
    known = {one.url: one for one in now}
    inputs = [WebhookInput(url=one) if isinstance(one, str) else one for one in wanted]
    return tuple(_webhook(known.get(one.url, Webhook(one.url)), one) for one in inputs)


def _webhook(now: Webhook, change: WebhookInput) -> Webhook:
    named = change.model_fields_set
    return Webhook(
        now.url,
        (change.events or Webhook(now.url).events) if "events" in named else now.events,
        tuple((change.headers or {}).items()) if "headers" in named else now.headers,
        _secrets(now.secrets, change),
    )


def _secrets(now: tuple[str, ...], change: WebhookInput) -> tuple[str, ...]:
    """A new secret makes the last one the previous, unless the client says what the previous one is."""
    named = change.model_fields_set
    current, previous = (*now, None, None)[:2]
    if "secret" in named and change.secret != current:
        previous = current if change.secret is not None else None
        current = change.secret
    if "previous_secret" in named:
        previous = change.previous_secret
    return tuple(dict.fromkeys(one for one in (current, previous) if one is not None))
