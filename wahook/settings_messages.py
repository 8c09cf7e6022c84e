"""The settings of messages: their files, which incoming ones count, what is remembered of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from wahook.addresses import rule_of

Positive = Annotated[float, Field(gt=0)]
Rate = Annotated[str, Field(pattern=r"^[1-9][0-9]*/(second|minute|hour|day)$")]


class MessageSettings(BaseSettings):
    """Mixed into `Settings`. Times in seconds unless their names say otherwise."""

    media_path: Path = Path()  # unset: $WAHOOK_DATA/media
    media_max_mb: int = Field(16, ge=1, le=2048)
    media_allowed_networks: Annotated[tuple[str, ...], NoDecode] = ()
    media_fetch_deadline: Positive = 60
    media_send_deadline: Positive = 120
    media_download: Literal["on-demand", "always"] = "on-demand"
    media_ttl_hours: Positive = 72
    ignore_groups: bool = False
    ignore_status: bool = True
    incoming_rate_limit: Rate = "30/minute"
    incoming_notice: str = "⚠️ Demasiados mensajes. Por favor, espera un momento."
    contacts_kept_for: Positive = 3600
    numbers_kept_for: Positive = 86400
    absent_numbers_kept_for: Positive = 900

    @field_validator("media_allowed_networks", mode="before")
    @classmethod
    def _read_media_networks(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(word.strip() for word in value.split(",") if word.strip())
        if isinstance(value, tuple | list):
            rule_of(value)
        return value
