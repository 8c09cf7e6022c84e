"""The settings of e-mails, the test message and AI replies; all of it is off by default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

Positive = Annotated[float, Field(gt=0)]
Address = Annotated[
    str, Field(pattern=r"^[^\s@<>()\[\],;:\"\\]+@[A-Za-z0-9.-]+$", description="an address like a@b.org")
]
Url = Annotated[str, Field(pattern=r"^https?://[!-~]+$", description="an http or https URL")]
SYSTEM_PROMPT = (
    "You answer WhatsApp messages for the owner of this account. Be brief and friendly, answer in the "
    "language of the person who writes, and say that a person will come back to them when you do not know."
)


class NotifySettings(BaseSettings):
    """Mixed into `Settings`. Times in seconds."""

    notify_email: Address | None = None  # who is written to where a session names nobody
    notify_language: Literal["es", "en"] = "es"
    notify_timezone: str = "UTC"
    notify_away_after: Positive = 120
    notify_interval: Positive = 600
    notify_link: Url | None = None
    notify_qr_image: bool = False
    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: Address | None = None
    smtp_ca_file: Path | None = None
    mail_endpoint: Url | None = None
    mail_endpoint_secret: SecretStr | None = None
    mail_deadline: Positive = 30
    test_message_each_time: bool = False
    ai_base_url: Url | None = None
    ai_key: SecretStr | None = None
    ai_model: str | None = None
    ai_system_prompt: str = SYSTEM_PROMPT
    ai_context_messages: int = Field(10, ge=1, le=100)
    ai_max_tokens: int = Field(500, ge=1, le=4096)
    ai_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    ai_stream: bool = True
    ai_deadline: Positive = 60
    ai_silence: Positive = 20
    ai_gather: float = Field(2, ge=0)
    ai_pause: float = Field(1800, ge=0, le=172800)
    ai_max_age: Positive = 600
    ai_groups: bool = False
    ai_replies_per_hour: int = Field(20, ge=1)
    ai_replies_per_day: int = Field(500, ge=1)
    ai_typing_speed: float = Field(0, ge=0)
    ai_at_once: int = Field(4, ge=1, le=64)

    @field_validator("notify_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError("is not the name of a time zone, like Europe/Madrid") from None
        return name
