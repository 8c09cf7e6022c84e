"""Webhooks in the service's settings: receivers of every session's events, set by who runs the service."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from actors.model import Webhook
from wahook.addresses import AddressRule, fault_of_url
from wahook.notify.webhooks import catalogue

_ANYWHERE = AddressRule(anywhere=True)


class GlobalWebhook(BaseModel):
    """One receiver."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    events: Annotated[tuple[str, ...], Field(min_length=1)] = (catalogue.EVERYTHING,)
    headers: dict[str, SecretStr] = {}
    secret: SecretStr | None = None
    previous_secret: SecretStr | None = None

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

    def webhook(self) -> Webhook:
        """As the sender knows it."""
        secrets = (one.get_secret_value() for one in (self.secret, self.previous_secret) if one is not None)
        headers = ((name, value.get_secret_value()) for name, value in self.headers.items())
        return Webhook(self.url, self.events, tuple(headers), tuple(secrets))


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
