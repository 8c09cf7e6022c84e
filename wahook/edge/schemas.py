"""What clients send and get: pydantic models, checked at run time, and the source of the OpenAPI document."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

_PART = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_NUMBER = r"^\+?(?:[ ()./-]{0,3}[0-9]){5,20}(?:@c\.us|@s\.whatsapp\.net)?$"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Body(BaseModel):
    """A JSON body. Unknown fields are refused, so that a misspelt one is not silently lost."""

    most_bytes: ClassVar[int | None] = None  # of the body; None: as any

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, frozen=True, hide_input_in_errors=True
    )


class Query(BaseModel):
    """The query string; likewise strict."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, frozen=True, hide_input_in_errors=True
    )


class Headers(BaseModel):
    """Request headers that mean something to a route."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class View(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, serialize_by_alias=True
    )


def _as_text(value: object) -> object:
    """Ids are often numbers in the caller's database."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # 5.0 is an integer in JSON; beyond 2**53 it may be another's id
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return str(value)
    return value


def _digits(value: str) -> str:
    return re.sub(r"[^0-9]", "", value.partition("@")[0])


def _rfc3339(value: object) -> object:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 date and time with its offset, like 2026-11-22T18:30:00Z")
    return value.upper()


def _utc(value: datetime) -> datetime:
    """Up to a day before the end of what can be reckoned with: whoever adds a moment to it needs the room."""
    try:
        (value + timedelta(days=1)).astimezone(UTC)
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


def _parts(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    return [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]


Identifier = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(pattern=f"^{_PART}$"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_PART}$"},
                {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
            ]
        }
    ),
]
SessionPath = Annotated[str, Field(pattern=f"^user_{_PART}_wa_{_PART}$", examples=["user_1_wa_2"])]
MessagePath = Annotated[str, Field(pattern="^msg_[A-Za-z0-9_-]{8,64}$")]
Number = Annotated[str, Field(pattern=_NUMBER, examples=["491700000001"]), AfterValidator(_digits)]
Text = Annotated[str, Field(min_length=1, max_length=65536, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
SendAt = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
NodePath = Annotated[
    str, Field(pattern="^[!-~]{1,300}$", examples=["sessions/user_1_wa_2"], description="A path of the tree.")
]
TreeState = Literal["wedged", "failed", "backoff", "hold", "starting", "stopping", "stopped", "running"]


class PairingRequest(Body):
    """The phone that will type the code."""

    phone_number: Number


class NodeRequest(Body):
    """Which node of the tree."""

    path: NodePath


class WaitQuery(Query):
    """Whether to wait for the outcome."""

    wait: Annotated[
        float, Field(ge=0, le=86400, allow_inf_nan=False, description="Seconds, at most 120 are waited.")
    ] = 0


class PageQuery(Query):
    """Which messages."""

    direction: Literal["in", "out"] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    cursor: Annotated[str, Field(pattern="^[!-~]{1,512}$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _given(cls, values: dict[str, object]) -> dict[str, object]:
        """Programs that fill in a template leave empty what they have not got."""
        return {name: value for name, value in values.items() if value != ""}


class QrQuery(Query):
    """The form, for clients that cannot choose their Accept header."""

    format: Literal["png", "svg", "json", "text"] | None = None
    wait: Annotated[
        float, Field(ge=0, le=60, allow_inf_nan=False, description="Seconds for a code that is to come.")
    ] = 0


class TreeQuery(Query):
    """What of the tree, and how."""

    format: Literal["json", "text", "html"] | None = None
    depth: Annotated[int, Field(ge=0, le=100, description="Levels below the root.")] | None = None
    state: Annotated[
        tuple[TreeState, ...],
        BeforeValidator(_parts),
        Field(description="Only these, and what leads to them."),
    ] = ()
    order: Literal["urgency", "start"] = "urgency"


class NoQuery(Query):
    """Nothing may be asked."""


class MessageHeaders(Headers):
    """A repeated request with the same key is answered as the first one was."""

    idempotency_key: Annotated[str | None, Field(alias="Idempotency-Key", pattern="^[!-~]{1,255}$")] = None


class OperatorHeaders(Headers):
    """Who says so, for the record; without it the client's address stands there."""

    operator: Annotated[str | None, Field(alias="X-Operator", pattern="^[!-~]{1,64}$")] = None


class QrBody(View):
    """The code to scan now."""

    qr: str
    code: str
    expires_at: datetime | None


class PairingBody(View):
    """What to type on the phone."""

    code: str


class NumberBody(View):
    """What WhatsApp knows of a number."""

    exists: bool
    id: str | None
    name: str | None
    is_blocked: bool
    is_business: bool


class MessageBody(View):
    """A message that was accepted for sending."""

    message_id: str
    session_id: str
    direction: Literal["out"]
    to: str
    type: str
    body: str
    status: str
    priority: str
    attempts: int
    wa_message_id: str
    ack: int
    error: str | None
    created_at: datetime | None
    send_at: datetime | None
    sent_at: datetime | None
    not_before: Annotated[
        datetime | None,
        Field(description="Until then the rate limits hold it back, as far as is known; not told in lists."),
    ]
    content: dict[str, Any]
    typing: float
    batch_id: str | None


class ReceivedBody(View):
    """A message that reached the account; its id is WhatsApp's."""

    message_id: str
    session_id: str
    direction: Literal["in"]
    sender: Annotated[str, Field(alias="from")]
    sender_name: str | None
    chat_id: str
    is_group: bool
    from_me: bool
    type: str
    body: str
    has_media: bool
    media_url: str | None
    status: Literal["received"]
    wa_message_id: str
    timestamp: int
    created_at: datetime | None


class AnyMessageBody(RootModel[MessageBody | ReceivedBody]):
    """A message of either direction."""


class MessageList(View):
    """A page of messages, newest first; `next` is the cursor of the page after it."""

    messages: list[MessageBody | ReceivedBody]
    next: str | None


class TransitionList(View):
    """The last 200 changes of state, oldest first."""

    transitions: list[dict[str, Any]]


class ObjectBody(BaseModel):
    """Any JSON object."""

    model_config = ConfigDict(extra="allow")


class TreeBody(BaseModel):
    """The dump; its schema is described in docs/supervision.md."""

    schema_version: int
    version: int
    name: str
    generated_at: str
    complete: bool
    totals: dict[str, int]
    tree: dict[str, Any] | None

    model_config = ConfigDict(extra="allow")


class ActBody(View):
    """What was done, and how the node stands now."""

    path: str
    verb: str
    by: str
    state: str | None


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None

    model_config = ConfigDict(extra="allow")


class LiveBody(View):
    """The service's event loop turns."""

    status: Literal["alive"]


class HealthBody(BaseModel):
    """How the service is; no more than this without a key."""

    status: str
    uptime: float
    memory: dict[str, Any]
    whatsapp: dict[str, Any]
    redis: dict[str, Any]
    supabase: dict[str, Any]

    model_config = ConfigDict(extra="allow")
