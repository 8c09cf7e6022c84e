"""Accounts: a number with its linked devices, its chats and what waits for a device that is not there."""

import secrets
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wahook.simulator.numbers import lid

if TYPE_CHECKING:
    from wahook.simulator.wire import Page

Record = dict[
    str, Any
]  # a message as its account's pages see it: {id, chat, fromMe, from, to, t, ack, type, …}
MEDIA_TYPES = frozenset({"image", "video", "audio", "ptt", "document", "sticker"})


@dataclass(slots=True)
class Device:
    """One linked device. pending: messages it has not confirmed yet, oldest first."""

    number: str
    id: int
    secret: str
    page: "Page | None" = None
    pending: dict[str, Record] = field(default_factory=dict)

    def credentials(self) -> dict[str, Any]:
        """What the page keeps in its profile."""
        return {"number": self.number, "id": self.id, "secret": self.secret, "lid": lid(self.number)}


@dataclass(slots=True)
class Chat:
    """One conversation of one account, messages oldest first. unseen: incoming ones that nobody has read."""

    id: str
    messages: list[Record] = field(default_factory=list)
    unseen: dict[str, Record] = field(default_factory=dict)
    marked_unread: bool = False

    def add(self, record: Record) -> None:
        """Append a message."""
        self.messages.append(record)
        if not record["fromMe"]:
            self.unseen[record["id"]] = record

    def drop(self, record: Record) -> None:
        """Forget one message, if it is here."""
        self.messages = [known for known in self.messages if known is not record]
        self.unseen.pop(record["id"], None)

    def clear(self) -> None:
        """Forget all messages."""
        self.messages.clear()
        self.unseen.clear()

    def unread(self, leaving_out: Container[str]) -> int:
        """How many incoming messages nobody has read; -1 when marked so by hand."""
        if self.marked_unread:
            return -1
        return sum(message_id not in leaving_out for message_id in self.unseen)

    def around(self, anchor: str, direction: str, count: int | None, media: str | None) -> list[Record]:
        """Up to count messages before or after the anchor id, oldest first, the anchor left out."""
        position = next((i for i, m in enumerate(self.messages) if m["id"] == anchor), None)
        if position is None:
            return []
        found = self.messages[:position] if direction == "before" else self.messages[position + 1 :]
        found = [m for m in found if matches_media(m, media)]
        if count is None:
            return found
        if count <= 0:
            return []
        return found[-count:] if direction == "before" else found[:count]


def matches_media(record: Record, media: str | None) -> bool:
    """Whether a message belongs to the wanted media kind; None wants every message."""
    match media:
        case None:
            return True
        case "allDocs":
            return str(record["type"]) == "document"
        case "allLinks":
            return "http" in str(record.get("body", ""))
        case _:
            return record["type"] in MEDIA_TYPES


@dataclass(slots=True)
class Account:
    """A simulated WhatsApp account."""

    number: str
    profile_name: str
    about: str = "Hey there! I am using WhatsApp."
    picture: str | None = None
    business: bool = False
    labels: list[dict[str, Any]] = field(default_factory=list)  # of a business: {id, name, colorIndex}
    blocked: set[str] = field(default_factory=set)  # numbers whose messages do not arrive
    devices: dict[int, Device] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # number -> push name, as seen in messages
    index: dict[str, Record] = field(default_factory=dict)
    available: bool = False  # as its page told last
    chatstates: dict[str, str] = field(
        default_factory=dict
    )  # by chat: composing, recording, available (paused)
    unacknowledged: set[str] = field(default_factory=set)  # own messages whose sender had no answer
    last_device: int = 0

    def link(self) -> Device:
        """A new device with fresh credentials."""
        self.last_device += 1
        device = Device(self.number, self.last_device, secrets.token_hex(16))
        self.devices[device.id] = device
        return device

    def pages(self) -> list["Page"]:
        """The connected pages."""
        return [device.page for device in self.devices.values() if device.page is not None]

    def chat(self, chat_id: str) -> Chat:
        """The chat, made when it is new."""
        return self.chats.setdefault(chat_id, Chat(chat_id))

    def keep(self, record: Record) -> bool:
        """Add to the history; False when the id is known."""
        if record["id"] in self.index:
            return False
        self.index[record["id"]] = record
        self.chat(record["chat"]).add(record)
        return True
