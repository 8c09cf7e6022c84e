"""Between rows and the values of actors.model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import RowMapping

from actors.model import (
    JSON,
    Account,
    Ack,
    AiConfig,
    IncomingMessage,
    MessageStatus,
    OutgoingMessage,
    Priority,
    SessionConfig,
    Webhook,
)
from wahook.journal.stored import Received

Columns: TypeAlias = RowMapping | Mapping[str, Any]


def account_values(account: Account, now: datetime) -> dict[str, Any]:
    """The columns of a new session."""
    values = {field.name: getattr(account, field.name) for field in fields(account)}
    return values | {"config": config_json(account.config), "created_at": account.created_at or now}


def account(row: Columns) -> Account:
    """A session from its columns."""
    values = _changeable(row)
    return Account(**values | {"config": config(values["config"])})


def config_json(value: SessionConfig) -> dict[str, JSON]:
    """A config as it is stored."""
    return {
        "proxy": value.proxy,
        "webhooks": [webhook_json(one) for one in value.webhooks],
        "take_over": value.take_over,
        "notify_email": value.notify_email,
        "language": value.language,
        "timezone": value.timezone,
        "ai_enabled": value.ai_enabled,
        "ai": asdict(value.ai),
    }


def config(stored: dict[str, Any]) -> SessionConfig:
    """A config from what is stored: what another version knew is ignored, what it did not know is default."""
    return SessionConfig(
        proxy=stored.get("proxy"),
        webhooks=tuple(webhook(one) for one in stored.get("webhooks", ())),
        take_over=bool(stored.get("take_over", False)),
        notify_email=stored.get("notify_email"),
        language=stored.get("language"),
        timezone=stored.get("timezone"),
        ai_enabled=bool(stored.get("ai_enabled", False)),
        ai=_ai(stored.get("ai", {})),
    )


def _ai(stored: dict[str, Any]) -> AiConfig:
    known = {field.name for field in fields(AiConfig)}
    return AiConfig(**{name: value for name, value in stored.items() if name in known})


def webhook_json(value: Webhook) -> dict[str, JSON]:
    """A receiver as it is stored."""
    return {
        "url": value.url,
        "events": list(value.events),
        "headers": dict(value.headers),
        "secrets": list(value.secrets),
    }


def webhook(stored: str | dict[str, Any]) -> Webhook:
    """A receiver from what is stored; earlier versions stored its URL alone."""
    if isinstance(stored, str):
        return Webhook(stored)
    return Webhook(
        stored["url"],
        tuple(stored.get("events", ("*",))),
        tuple(stored.get("headers", {}).items()),
        tuple(stored.get("secrets", ())),
    )


def outgoing_values(message: OutgoingMessage) -> dict[str, Any]:
    """All columns of an outgoing message but `seq`."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    values["recipient"] = values.pop("to")
    values["ack"] = int(message.ack)
    return values


def outgoing(row: Columns) -> OutgoingMessage:
    """An outgoing message from its row."""
    values = _changeable(row)
    del values["seq"]
    values["to"] = values.pop("recipient")
    values["priority"] = Priority(values["priority"])
    values["status"] = MessageStatus(values["status"])
    values["ack"] = Ack(values["ack"])
    return OutgoingMessage(**values)


def incoming_values(session_id: str, message: IncomingMessage, now: datetime) -> dict[str, Any]:
    """All columns of an incoming message but `seq`."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    return values | {"session_id": session_id, "received_at": now}


def incoming(row: Columns) -> Received:
    """An incoming message from its row."""
    values = _changeable(row)
    del values["seq"]
    session_id, received_at = values.pop("session_id"), values.pop("received_at")
    return Received(IncomingMessage(**values), session_id, received_at)


def _changeable(row: Columns) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
