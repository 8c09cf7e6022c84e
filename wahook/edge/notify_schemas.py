"""What may be set for a session's e-mails and AI replies, as clients write it and as it is shown."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from wahook.edge.schemas import Body, View


def known_zone(name: str) -> str:
    """The name itself; ValueError when the time-zone database has no such zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # also for a folder of zones, or a path that leads out
        raise ValueError("is not the name of a time zone, like Europe/Madrid") from None
    return name


EmailAddress = Annotated[str, Field(pattern=r"^[^\s@<>()\[\],;:\"\\\x00]+@[A-Za-z0-9.-]+$", max_length=254)]
Language: TypeAlias = Literal["es", "en"]
TimeZone = Annotated[
    str, Field(pattern="^[A-Za-z][A-Za-z0-9_+/-]{0,63}$", examples=["UTC"]), AfterValidator(known_zone)
]


class AiInput(Body):
    """How AI answers for one session; null: as the service's settings say."""

    system_prompt: Annotated[str, Field(max_length=8000, pattern=r"^[^\x00]*$")] | None = None
    model: Annotated[str, Field(pattern="^[!-~]{1,200}$")] | None = None
    context_messages: Annotated[int, Field(ge=1, le=100)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    pause: Annotated[float, Field(ge=0, le=172800, allow_inf_nan=False, description="Seconds.")] | None = None
    groups: Annotated[bool, Field(strict=True)] | None = None


class AiView(View):
    """How AI answers for one session."""

    system_prompt: str | None
    model: str | None
    context_messages: int | None
    max_tokens: int | None
    pause: float | None
    groups: bool | None
