"""Keeps what looks like a phone number out of logs and dumps."""

from __future__ import annotations

import re
import traceback

_PHONE = re.compile(r"(?<![0-9A-Za-z.])\+?\d[\d ()\-]{5,17}\d(?![0-9A-Za-z])")
_LIMIT = 200


def _mask(found: re.Match[str]) -> str:
    text = found.group()
    digits = sum(char.isdigit() for char in text)
    return f"…{text[-2:]}" if digits >= 8 else text


def masked(text: str, limit: int = _LIMIT) -> str:
    """The text with phone-like numbers (8 to 15 digits) cut to their last two, and at most `limit` long."""
    if not text.isascii():  # half a surrogate, as in names of files, could not be sent as UTF-8
        text = text.encode("utf-8", "replace").decode("utf-8")
    text = _PHONE.sub(_mask, text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def masked_traceback(error: BaseException) -> str:
    """The traceback as text, masked line by line."""
    try:
        lines = "".join(traceback.format_exception(error)).splitlines()
    except BaseException as trouble:  # noqa: BLE001 - it looks into the user's objects
        lines = [f"{type(error).__name__}: its traceback cannot be drawn ({type(trouble).__name__})"]
    return "\n".join(masked(line, 500) for line in lines)
