"""What clients send to have something sent: one message of any type, many, and what is done to messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from wahook.edge.schemas import Body, Number, SendAt, Text, View

MEDIA_KINDS = ("image", "video", "audio", "voice", "document", "sticker")
INLINE_BYTES = 8 * 1024 * 1024  # of a file in JSON; what is larger comes by URL or as an upload
MOST_IN_BULK = 1000
_ADDRESS = (
    r"^(?:\+?(?:[ ()./-]{0,3}[0-9]){5,20}(?:@c\.us|@s\.whatsapp\.net)?"
    r"|[0-9]{5,25}(?:-[0-9]{5,20})?@g\.us|[0-9]{5,25}@lid)$"
)
_REFERENCE = (
    r"^(?:msg_[A-Za-z0-9_-]{8,64}|(?:(?:true|false)_[^_\s]{5,60}_)?[A-Za-z0-9]{3,64}(?:_[^_\s]{5,60})?)$"
)
_MIME = r"^[a-z]+/[A-Za-z0-9.+_-]{1,100}$"


_PRIORITIES: dict[object, str] = {1: "high", 0: "default", -1: "low", "normal": "default"}


def _priority(value: object) -> object:
    """Programs of the original give numbers."""
    return value if isinstance(value, bool | float | list | dict) else _PRIORITIES.get(value, value)


def address(value: str) -> str:
    """A person's number as digits; a group's or LID chat's address as it is."""
    if value.endswith(("@g.us", "@lid")):
        return value
    return re.sub(r"[^0-9]", "", value.partition("@")[0])


Chat = Annotated[str, Field(pattern=_ADDRESS, examples=["491700000001"]), AfterValidator(address)]
MessageRef = Annotated[
    str,
    Field(pattern=_REFERENCE, description="A messageId, or WhatsApp's id of a message in either direction."),
]
Line = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00\r\n]*[^\s\x00][^\x00\r\n]*$")]
Caption = Annotated[str, Field(max_length=65536, pattern=r"^[^\x00]*$")]


class NewLocation(Body):
    """A place."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    name: Line | None = None
    address: Line | None = None
    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,2000}$")] | None = None


class NewContact(Body):
    """A contact card: of a number, or a vCard as it is."""

    name: Line
    number: Number | None = None
    vcard: Annotated[str, Field(max_length=65536, pattern=r"^BEGIN:VCARD[^\x00]*END:VCARD\s*$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> NewContact:
        if (self.number is None) == (self.vcard is None):
            raise ValueError("give either number or vcard")
        return self


class NewPoll(Body):
    """A question with answers to choose from."""

    question: Line
    options: Annotated[list[Line], Field(min_length=2, max_length=12)]
    selectable: Annotated[
        int, Field(ge=0, le=12, description="Most answers of one voter; 0: any number.")
    ] = 1

    @model_validator(mode="after")
    def _sensible(self) -> NewPoll:
        if len(set(self.options)) != len(self.options):
            raise ValueError("no two options may be the same")
        if self.selectable > len(self.options):
            raise ValueError("selectable is more than there are options")
        return self


class NewMedia(Body):
    """A file: from a URL, in base64, or uploaded before. Its kind follows from its type unless given."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,4000}$")] | None = None
    data: Annotated[str, Field(min_length=4, max_length=INLINE_BYTES * 4 // 3 + 4)] | None = None
    id: Annotated[str, Field(pattern="^media_[0-9a-f]{64}$")] | None = None
    kind: Literal["image", "video", "audio", "voice", "document", "sticker"] | None = None
    mimetype: Annotated[str, Field(pattern=_MIME)] | None = None
    filename: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> NewMedia:
        if sum(one is not None for one in (self.url, self.data, self.id)) != 1:
            raise ValueError("give one of url, data and id")
        return self


class NewPreview(Body):
    """What is shown of a link beside the text: nothing is fetched, all of it is said here."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,2000}$", description="As it stands in the text.")]
    title: Annotated[Line, Field(max_length=300)]
    description: Annotated[Line, Field(max_length=1000)] | None = None
    thumbnail: (
        Annotated[
            str,
            Field(
                pattern=r"^/9j/(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                max_length=16384,
                description="A small JPEG in base64; WhatsApp's own have 140 pixels a side.",
            ),
        ]
        | None
    ) = None


class NewMessage(Body):
    """A message to send: exactly one of text, media, location, contact and poll."""

    most_bytes: ClassVar[int | None] = INLINE_BYTES * 4 // 3 + 2**20

    to: Annotated[Chat, Field(description="The recipient's number with its country code, or a chat's id.")]
    text: Text | None = None
    media: NewMedia | None = None
    location: NewLocation | None = None
    contact: NewContact | None = None
    poll: NewPoll | None = None
    caption: Annotated[Caption | None, Field(description="Of media.")] = None
    preview: Annotated[NewPreview | None, Field(description="Of a link in text.")] = None
    reply_to: MessageRef | None = None
    mentions: Annotated[
        tuple[Number, ...], Field(max_length=256, description="Whom the text names as @number.")
    ] = ()
    priority: Annotated[
        Literal["high", "default", "low"],
        BeforeValidator(_priority),
        WithJsonSchema({"enum": ["high", "default", "low", 1, 0, -1]}),
    ] = "default"
    send_at: Annotated[SendAt | None, Field(description="Not before this time (RFC 3339).")] = None
    typing: Annotated[
        float, Field(ge=0, le=30, allow_inf_nan=False, description="Seconds of typing (recording) before it.")
    ] = 0
    allow_duplicate: Annotated[
        bool, Field(description="Send although the same went there a moment ago.", strict=True)
    ] = False

    @model_validator(mode="after")
    def _one_content(self) -> NewMessage:
        given = [
            one for one in (self.text, self.media, self.location, self.contact, self.poll) if one is not None
        ]
        if len(given) != 1:
            raise ValueError("give exactly one of text, media, location, contact and poll")
        if self.caption is not None and self.media is None:
            raise ValueError("only media has a caption")
        if self.preview is not None and self.preview.url not in (self.text or ""):
            raise ValueError("a preview is of a link that is in the text")
        return self


@dataclass(frozen=True, slots=True)
class Unfit:
    """An entry of a bulk send that is no message, and why not."""

    error: ValidationError


def _message(value: object) -> NewMessage | Unfit:
    """One that does not fit is no reason to refuse the others."""
    try:
        return NewMessage.model_validate(value)
    except ValidationError as error:
        return Unfit(error)


class NewBulk(Body):
    """Many messages in one call; each is accepted or refused by itself."""

    most_bytes: ClassVar[int | None] = INLINE_BYTES

    messages: Annotated[
        list[Annotated[NewMessage | Unfit, PlainValidator(_message, json_schema_input_type=NewMessage)]],
        Field(min_length=1, max_length=MOST_IN_BULK),
    ]


class NewReaction(Body):
    """An emoji, or an empty text to take the reaction back."""

    emoji: Annotated[str, Field(max_length=32, pattern=r"^[^\x00]*$")]


class NewText(Body):
    """What the message is to say instead."""

    text: Text


class NewForward(Body):
    """To whom."""

    to: Chat
    allow_duplicate: Annotated[bool, Field(strict=True)] = False


class BulkItem(View):
    """What became of one message of a bulk send. `code` and `detail` say why it was not accepted."""

    index: int
    accepted: bool
    message_id: str | None = None
    wa_message_id: str | None = None
    status: str | None = None
    code: str | None = None
    detail: str | None = None
    earlier_message_id: str | None = None


class BulkAccepted(View):
    """The answer to a bulk send, in the order of the request."""

    batch_id: str
    accepted: int
    refused: int
    messages: list[BulkItem]


class BulkEntry(View):
    """One accepted message of a bulk send."""

    message_id: str
    to: str
    status: str
    error: str | None


class BulkProgress(View):
    """How far a bulk send is: counts by status, and each message in the order of acceptance."""

    batch_id: str
    total: int
    done: int
    counts: dict[str, int]
    messages: list[BulkEntry]
