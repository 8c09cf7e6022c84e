"""From what a client wrote, checked, to the draft that the service accepts."""

from __future__ import annotations

from actors.model import JSON, Priority
from wahook.edge.message_schemas import NewContact, NewMedia, NewMessage
from wahook.edge.ports import Draft, MediaDraft


def draft_of(message: NewMessage) -> Draft:
    """The draft of a message of any type."""
    kind, body, content = _content(message)
    if message.mentions:
        content["mentions"] = list(message.mentions)
    return Draft(
        to=message.to,
        body=body,
        type=kind,
        priority=Priority(message.priority),
        send_at=message.send_at,
        content=content,
        typing=message.typing,
        reply_to=message.reply_to,
        media=None if message.media is None else _media(message.media),
    )


def _content(message: NewMessage) -> tuple[str, str, dict[str, JSON]]:
    """Type, the words people see, and what else the type needs."""
    if message.text is not None:
        shown: JSON = None if message.preview is None else message.preview.model_dump(exclude_none=True)
        return "text", message.text, {"preview": shown} if shown else {}
    if message.location is not None:
        place: dict[str, JSON] = message.location.model_dump(exclude_none=True)
        return "location", message.location.name or "", {"location": place}
    if message.contact is not None:
        card: JSON = {"name": message.contact.name, "vcard": _vcard(message.contact)}
        return "contact", message.contact.name, {"contact": card}
    if message.poll is not None:
        return "poll", message.poll.question, {"poll": message.poll.model_dump()}
    return "media", message.caption or "", {}


def _media(media: NewMedia) -> MediaDraft:
    return MediaDraft(
        kind=media.kind,
        url=media.url,
        data=media.data,
        media_id=media.id,
        mimetype=media.mimetype,
        filename=media.filename,
    )


def _vcard(contact: NewContact) -> str:
    if contact.vcard is not None:
        return contact.vcard
    name = contact.name.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,")
    number = contact.number
    return (
        f"BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\n"
        f"TEL;type=CELL;type=VOICE;waid={number}:+{number}\nEND:VCARD"
    )
