"""The settings of webhooks; see docs/webhooks.md."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from wahook.addresses import rule_of
from wahook.notify.webhooks.settings import GlobalWebhook, distinct, receivers_of

Positive = Annotated[float, Field(gt=0)]


class WebhookSettings(BaseSettings):
    """Mixed into `Settings`. Times in seconds."""

    webhooks: Annotated[
        tuple[GlobalWebhook, ...], NoDecode, AfterValidator(distinct)
    ] = ()  # for every session
    webhook_allowed_networks: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_in_flight: int = Field(10, ge=1, le=100)
    webhook_deadline: Positive = 15
    webhook_patience: Positive = 86400

    @field_validator("webhooks", mode="before")
    @classmethod
    def _read_receivers(cls, value: object) -> object:
        return receivers_of(value)

    @field_validator("webhook_allowed_networks", mode="before")
    @classmethod
    def _read_networks(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(word.strip() for word in value.split(",") if word.strip())
        if isinstance(value, tuple | list):
            rule_of(value)
        return value
