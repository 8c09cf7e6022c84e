"""Text that a database takes: PostgreSQL refuses NUL, and no database stores half a surrogate pair."""

from __future__ import annotations

from actors.errors import RuleBroken

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    """The text with what cannot be stored replaced: what others wrote must not be lost for one character."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if _encodable(text):
        return text
    return "".join(one if _encodable(one) else REPLACEMENT for one in text)


def require_storable(*texts: str) -> None:
    """Raise RuleBroken("bad_text") for what cannot be stored: what our users write is never altered."""
    for text in texts:
        if "\0" in text or not _encodable(text):
            raise RuleBroken("bad_text", "the text has characters that are not valid Unicode, or NUL")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
