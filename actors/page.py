"""What a page can be asked beside sending, and what it tells that is no message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from actors.model import JSON, IncomingMessage


class Noticed(StrEnum):
    """What others do that is no message of its own; the names are the bridge's."""

    EDITED = "edited"
    REVOKED = "revoked"
    REACTION = "reaction"
    VOTE = "vote"
    CALL = "call"


CHANGES = frozenset({Noticed.EDITED, Noticed.REVOKED})  # of the message itself


@dataclass(frozen=True, slots=True)
class NoticeArrived:
    """Something happened to a message, or somebody calls.

    `wa_id` is the message's bare id, or the call's; `sender` who did it, digits only; `body` the new text or
    the emoji, `options` those voted for; `timestamp` Unix seconds. `peer`: digits of the person whose chat it
    is, empty in groups. `mark` tells two acts of one kind on one message apart. `found`: nobody saw it
    happen, the page's store shows it.
    """

    what: Noticed
    wa_id: str
    chat_id: str
    sender: str
    timestamp: int
    body: str = ""
    options: tuple[str, ...] = ()
    from_me: bool = False
    is_video: bool = False
    is_group: bool = False
    peer: str = ""
    mark: str = ""
    found: bool = False


Arrival: TypeAlias = IncomingMessage | NoticeArrived


class PageCall(StrEnum):
    """What the page can be asked; the names are the bridge's. Arguments and answers: docs/messages.md."""

    CHATS = "chats"
    HISTORY = "history"
    CONTACTS = "contacts"
    PICTURE = "picture"
    ABOUT = "about"
    SET_ABOUT = "setAbout"
    GROUPS = "groups"
    GROUP = "group"
    GROUP_CREATE = "groupCreate"
    GROUP_SUBJECT = "groupSubject"
    GROUP_MEMBERS = "groupMembers"
    GROUP_INVITE = "groupInvite"
    GROUP_LEAVE = "groupLeave"
    LABELS = "labels"
    BLOCK = "block"
    SEEN = "seen"
    CHAT_STATE = "chatState"
    AVAILABLE = "available"
    MEDIA_OPEN = "mediaOpen"
    MEDIA_READ = "mediaRead"
    MEDIA_CLOSE = "mediaClose"


@dataclass(frozen=True, slots=True)
class AskPage:
    """Answered with the page's answer, plain JSON. SendRefused when it will never do that."""

    call: PageCall
    arguments: dict[str, JSON] = field(default_factory=dict, hash=False)
    deadline: float | None = None  # seconds; None: as any call of the session
