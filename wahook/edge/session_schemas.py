"""Sessions and their settings, as clients write them and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from wahook.edge.notify_schemas import AiInput, AiView, EmailAddress, Language, TimeZone
from wahook.edge.schemas import Body, Identifier, View
from wahook.notify.webhooks import catalogue
from wahook.notify.webhooks.signing import fault_of_header


def _event(name: str) -> str:
    if fault := catalogue.fault_of(name):
        raise ValueError(fault)
    return name


def _header(name: str) -> str:
    if fault := fault_of_header(name):
        raise ValueError(fault)
    return name


HttpUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=2000)]
ProxyUrl = Annotated[str, Field(pattern=r"^(https?|socks[45])://[!-~]+$", max_length=500)]
EventName = Annotated[str, Field(max_length=50), AfterValidator(_event)]
HeaderName = Annotated[str, AfterValidator(_header)]
HeaderValue = Annotated[str, Field(pattern=r"^[ -~]{0,2000}$")]
Secret = Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[^\x00]+$")]


class WebhookInput(Body):
    """A receiver of events. What is left out stays as it was for this URL; null takes it away."""

    url: HttpUrl
    events: Annotated[tuple[EventName, ...], Field(min_length=1, max_length=50)] | None = None
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=20)] | None = None
    secret: Annotated[
        Secret | None,
        Field(description="Signs what is sent. A new one leaves the last one valid as previousSecret."),
    ] = None
    previous_secret: Annotated[
        Secret | None, Field(description="Signs as well while a secret is being changed; null ends that.")
    ] = None


def _distinct(webhooks: tuple[HttpUrl | WebhookInput, ...]) -> tuple[HttpUrl | WebhookInput, ...]:
    urls = [one if isinstance(one, str) else one.url for one in webhooks]
    if len(set(urls)) < len(urls):
        raise ValueError("two of them have the same URL")
    return webhooks


class SessionConfigInput(Body):
    """What may be set for one session."""

    proxy: ProxyUrl | None = None
    webhooks: Annotated[
        tuple[HttpUrl | WebhookInput, ...], Field(max_length=10), AfterValidator(_distinct)
    ] = ()
    take_over: Annotated[bool, Field(description="On CONFLICT take the connection back.", strict=True)] = (
        False
    )
    notify_email: Annotated[
        EmailAddress | None, Field(description="Who is written to when this session connects or is lost.")
    ] = None
    language: Language | None = None
    timezone: TimeZone | None = None
    ai_enabled: Annotated[bool, Field(description="Messages are answered by AI.", strict=True)] = False
    ai: AiInput = AiInput()


class NewSession(Body):
    """Who links which account."""

    user_id: Identifier
    account_id: Identifier
    config: SessionConfigInput = SessionConfigInput()


class SessionPatch(Body):
    """What is to change; what is left out stays. A list is replaced as a whole."""

    config: SessionConfigInput


class WebhookView(View):
    """A receiver. Of headers only the names are shown, of secrets how many sign."""

    url: str
    events: list[str]
    headers: list[str]
    secrets: int


class ConfigView(View):
    """A session's settings; credentials are left out."""

    proxy: str | None
    webhooks: list[WebhookView]
    take_over: bool
    notify_email: str | None
    language: str | None
    timezone: str | None
    ai_enabled: bool
    ai: AiView


class SessionBody(View):
    """A session."""

    session_id: str
    user_id: str
    account_id: str
    status: str
    since: datetime | None
    phone_number: str | None
    profile_name: str | None
    connected_at: datetime | None
    last_seen: datetime | None
    last_error: str | None
    restarts: int
    desired: bool
    created_at: datetime | None
    config: ConfigView


class SessionList(View):
    """All sessions."""

    sessions: list[SessionBody]
