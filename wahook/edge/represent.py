"""The service's values as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web
from pydantic import BaseModel
from yarl import URL

from actors.model import IncomingMessage, OutgoingMessage, SessionConfig, Webhook
from wahook.edge.notify_schemas import AiView
from wahook.edge.ports import ASKED, SessionResource
from wahook.edge.schemas import MessageBody, ReceivedBody
from wahook.edge.session_schemas import ConfigView, SessionBody, WebhookView
from wahook.journal.stored import Received


def json_answer(body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A model as JSON, with its names in camelCase."""
    text = body.model_dump_json(by_alias=True)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def utc(moment: datetime | None) -> datetime | None:
    """In UTC; a time without a zone is taken to be in UTC, as databases give it."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _newest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in map(utc, moments) if moment is not None), default=None)


def session_body(found: SessionResource) -> SessionBody:
    """The live side where there is one, the durable row elsewhere."""
    account, view = found.account, found.view
    return SessionBody(
        session_id=account.session_id,
        user_id=account.user_id,
        account_id=account.account_id,
        status=found.status.value,
        since=utc(view.since) if view else None,
        phone_number=(view and view.phone_number) or account.phone_number,
        profile_name=(view and view.profile_name) or account.profile_name,
        connected_at=utc((view and view.connected_at) or account.connected_at),
        last_seen=_newest(view.last_seen if view else None, account.last_seen),
        last_error=(view and view.last_error) or account.last_error,
        restarts=found.restarts,
        desired=account.desired,
        created_at=utc(account.created_at),
        config=_config(account.config),
    )


def _config(config: SessionConfig) -> ConfigView:
    return ConfigView(
        proxy=_without_credentials(config.proxy),
        webhooks=[_webhook(one) for one in config.webhooks],
        take_over=config.take_over,
        notify_email=config.notify_email,
        language=config.language,
        timezone=config.timezone,
        ai_enabled=config.ai_enabled,
        ai=AiView.model_validate(asdict(config.ai)),
    )


def _webhook(webhook: Webhook) -> WebhookView:
    return WebhookView(
        url=webhook.url,
        events=list(webhook.events),
        headers=[name for name, _ in webhook.headers],
        secrets=len(webhook.secrets),
    )


def _without_credentials(proxy: str | None) -> str | None:
    if proxy is None:
        return None
    try:
        return str(URL(proxy).with_user(None))
    except ValueError:
        return "set"


def any_message(found: OutgoingMessage | Received) -> MessageBody | ReceivedBody:
    """Either direction."""
    return message_body(found) if isinstance(found, OutgoingMessage) else _received_body(found)


def message_body(message: OutgoingMessage, not_before: datetime | None = None) -> MessageBody:
    """As stored; `not_before` is what the rate limits make of it."""
    return MessageBody(
        message_id=message.message_id,
        session_id=message.session_id,
        direction="out",
        type=message.type,
        body=message.body,
        status=message.status.value,
        wa_message_id=message.wa_message_id,
        created_at=utc(message.created_at),
        to=message.to,
        priority=message.priority.value,
        attempts=message.attempts,
        ack=int(message.ack),
        error=message.error,
        send_at=utc(message.send_at),
        sent_at=utc(message.sent_at),
        not_before=utc(not_before),
        content={name: value for name, value in message.content.items() if name != ASKED},
        typing=message.typing,
        batch_id=message.batch_id,
    )


def _media_url(session_id: str, message: IncomingMessage) -> str:
    return f"/api/whatsapp/sessions/{session_id}/messages/{message.wa_message_id}/media"


def _received_body(received: Received) -> ReceivedBody:
    message = received.message
    return ReceivedBody(
        message_id=message.wa_message_id,
        session_id=received.session_id,
        direction="in",
        type=message.type,
        body=message.body,
        status="received",
        wa_message_id=message.wa_message_id,
        created_at=utc(received.received_at),
        sender=message.sender,
        sender_name=message.sender_name,
        chat_id=message.chat_id,
        is_group=message.is_group,
        from_me=message.from_me,
        has_media=message.has_media,
        media_url=_media_url(received.session_id, message) if message.has_media else None,
        timestamp=message.timestamp,
    )
