"""What pages know, as clients see it; the page's answers are checked against these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wahook.edge.message_schemas import Line
from wahook.edge.schemas import Body, Number, Query, View

GroupPath = Annotated[str, Field(pattern=r"^[0-9]{5,25}(?:-[0-9]{5,20})?@g\.us$")]
_KEY = r"^(?:true|false)_[!-~]{5,200}$"


class ListQuery(Query):
    """A part of a list."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class HistoryQuery(Query):
    """A part of a chat's history, newest first; `cursor` is the `next` of the part before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(pattern=_KEY)] | None = None


class ContactQuery(ListQuery):
    """Some contacts: whose names or numbers contain `q`."""

    q: Annotated[str, Field(max_length=100)] = ""


class TypingRequest(Body):
    """What the other side is to see. WhatsApp ends it by itself after half a minute."""

    state: Literal["composing", "recording", "paused"] = "composing"


class PresenceRequest(Body):
    """Whether the account is seen online."""

    available: Annotated[bool, Field(strict=True)]


class AboutRequest(Body):
    """The words beside the account's name."""

    about: Annotated[str, Field(max_length=139, pattern=r"^[^\x00]*$")]


class NewGroup(Body):
    """A group and whom to invite."""

    subject: Annotated[Line, Field(max_length=100)]
    participants: Annotated[tuple[Number, ...], Field(min_length=1, max_length=1000)]


class SubjectRequest(Body):
    """A group's new name."""

    subject: Annotated[Line, Field(max_length=100)]


class MembersRequest(Body):
    """Who is added, removed, made admin or no longer admin."""

    action: Literal["add", "remove", "promote", "demote"]
    participants: Annotated[tuple[Number, ...], Field(min_length=1, max_length=256)]


class InviteRequest(Body):
    """`renew`: make a new code and void the old one."""

    renew: Annotated[bool, Field(strict=True)] = False


class HistoryMessage(View):
    """A message as the page has it, of either direction. `key` is WhatsApp's full key."""

    message_id: str
    key: str
    chat_id: str
    sender: Annotated[str, Field(alias="from")]
    from_me: bool
    type: str
    body: str
    has_media: bool
    timestamp: int
    ack: int
    quoted_id: str | None


class ChatBody(View):
    """A chat. `unread` is -1 when it was marked unread by hand."""

    id: str
    number: str | None
    name: str | None
    is_group: bool
    unread: int
    timestamp: int
    archived: bool
    pinned: bool
    muted: bool
    last_message: HistoryMessage | None


class ChatList(View):
    """Chats, the newest first."""

    chats: list[ChatBody]
    total: int


class History(View):
    """Messages, newest first; `next` is the cursor of the part after it."""

    messages: list[HistoryMessage]
    next: str | None


class SeenBody(View):
    """How many messages had not been seen."""

    unread: int


class ContactBody(View):
    """A contact."""

    id: str
    number: str
    name: str | None
    push_name: str | None
    verified_name: str | None
    is_my_contact: bool
    is_business: bool
    is_blocked: bool
    is_me: bool


class ContactList(View):
    """Contacts by name."""

    contacts: list[ContactBody]
    total: int


class PictureBody(View):
    """Where the profile picture is; null when there is none, or none for us."""

    url: str | None


class AboutBody(View):
    """The words beside a name."""

    about: str | None


class BlockBody(View):
    """How it stands now."""

    blocked: bool


class LabelBody(View):
    """A label of a business account."""

    id: str
    name: str
    color: str | None
    count: int


class LabelList(View):
    """All labels."""

    labels: list[LabelBody]


class GroupBody(View):
    """A group. `isAdmin`: are we."""

    id: str
    subject: str
    description: str | None
    owner: str | None
    created_at: int
    is_admin: bool
    size: int


class GroupList(View):
    """All groups of the account."""

    groups: list[GroupBody]


class MemberBody(View):
    """Somebody in a group."""

    number: str
    id: str
    is_admin: bool
    is_owner: bool


class FullGroup(GroupBody):
    """A group with everybody in it."""

    participants: list[MemberBody]


class Invited(View):
    """Somebody who was to be in a group; with `added` false, `inviteCode` may invite by message."""

    number: str
    added: bool
    invite_code: str | None


class ChangedGroup(FullGroup):
    """A group as it is now; `refused` are those who could not be added."""

    refused: list[Invited]


class MadeGroup(View):
    """A new group."""

    id: str
    subject: str
    participants: list[Invited]


class InviteBody(View):
    """How to join."""

    code: str
    link: str
