"""Which message a client means: by our id, by WhatsApp's, or by the full key that WhatsApp's programs use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.errors import RuleBroken
from actors.model import JSON, MessageStatus, OutgoingMessage
from wahook.journal.reader import JournalReader
from wahook.journal.stored import Received

_FULL = re.compile(r"(true|false)_([^_\s]+)_([^_\s]+)(?:_[^_\s]+)?")
_NEVER_SENT = frozenset({MessageStatus.FAILED, MessageStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Reference:
    """A message: in which chat, its bare WhatsApp id, whether it is ours."""

    chat: str  # digits, or a group's or LID chat's address
    wa_message_id: str
    from_me: bool

    def as_json(self) -> dict[str, JSON]:
        """As the bridge takes it."""
        return {"chat": self.chat, "id": self.wa_message_id, "fromMe": self.from_me}


def find(reader: JournalReader, session_id: str, named: str) -> Reference:
    """Blocking. RuleBroken: "unknown_message", or "wrong_state" for one of ours that was never sent."""
    if full := _FULL.fullmatch(named):
        return Reference(chat_of(full[2]), full[3], full[1] == "true")
    found = look_up(reader, session_id, named)
    if isinstance(found, OutgoingMessage):
        if found.status in _NEVER_SENT:
            raise RuleBroken("wrong_state", f"that message is {found.status}, so WhatsApp does not know it")
        return Reference(found.to, found.wa_message_id, from_me=True)
    message = found.message
    return Reference(chat_of(message.chat_id), message.wa_message_id, message.from_me)


def look_up(reader: JournalReader, session_id: str, named: str) -> OutgoingMessage | Received:
    """The journal's row of a message of either direction. Blocking. RuleBroken: "unknown_message"."""
    full = _FULL.fullmatch(named)
    bare = full[3] if full else named
    row = reader.message(named) if named.startswith("msg_") else reader.message_by_wa(session_id, bare)
    if row is not None and row.session_id == session_id:
        return row
    if (received := reader.received(session_id, bare)) is None:
        raise RuleBroken("unknown_message", "this session has no such message")
    return received


def chat_of(address: str) -> str:
    """A chat as `OutgoingMessage.to` names it."""
    return address if address.endswith(("@g.us", "@lid")) else address.partition("@")[0]
