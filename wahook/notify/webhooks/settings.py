"""Webhooks in the service's settings: receivers of every session's events, set by who runs the service."""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from actors.model import Webhook
from wahook.addresses import AddressRule, fault_of_url
from wahook.notify.webhooks import catalogue
from wahook.notify.webhooks.signing import fault_of_header

_ANYWHERE = AddressRule(anywhere=True)
_VALUE = re.compile(r"[ -~]{0,2000}")
Secret = Annotated[SecretStr, Field(min_length=8, max_length=200)]


class GlobalWebhook(BaseModel):
    """One receiver."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    events: Annotated[tuple[str, ...], Field(min_length=1)] = (catalogue.EVERYTHING,)
    headers: dict[str, SecretStr] = {}
    secret: Secret | None = None
    previous_secret: Secret | None = None

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if fault := fault_of_url(value, _ANYWHERE):
            raise ValueError(f"a webhook's URL {fault}")
        return value

    @field_validator("events")
    @classmethod
    def _events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if fault := catalogue.fault_of(name):
                raise ValueError(fault)
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            if fault := fault_of_header(name):
                raise ValueError(f"{name!r} {fault}")
            if not _VALUE.fullmatch(secret.get_secret_value()):
                raise ValueError(f"the value of {name} is not printable ASCII, or longer than 2000")
        return value

    def webhook(self) -> Webhook:
        """As the sender knows it."""
        secrets = (one.get_secret_value() for one in (self.secret, self.previous_secret) if one is not None)
        headers = ((name, value.get_secret_value()) for name, value in self.headers.items())
        return Webhook(self.url, self.events, tuple(headers), tuple(secrets))


def distinct(webhooks: tuple[GlobalWebhook, ...]) -> tuple[GlobalWebhook, ...]:
    """ValueError when two have one URL: that receiver would be told twice."""
    if len({one.url for one in webhooks}) < len(webhooks):
        raise ValueError("two of them have the same URL")
    return webhooks


def receivers_of(value: object) -> object:
    """From a variable's text: URLs separated by commas, or JSON as in the file. Anything else as it is."""
    if isinstance(value, str):
        text = value.strip()
        value = (
            json.loads(text) if text[:1] in {"[", "{"} else [one for one in text.split(",") if one.strip()]
        )
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list | tuple):
        return tuple({"url": one.strip()} if isinstance(one, str) else one for one in value)
    return value
