"""What a phone writes: the content of a message as the control API gives it."""

import base64
from collections.abc import Mapping
from typing import Any

from wahook.simulator.accounts import Record
from wahook.simulator.errors import SimulatorError
from wahook.simulator.media import MediaStore
from wahook.simulator.numbers import text_field

_FAMILIES = frozenset({"image", "video", "audio"})
_SHAPE = "'media' must be an object {data (base64), mimetype, filename?, caption?, type?}"


def content_of(body: Mapping[str, Any], media: MediaStore) -> Record:
    """Text, or a file that is kept in `media`; raises SimulatorError when it is neither or both."""
    text = text_field(body, "text", required=False)
    if (text is None) == (body.get("media") is None):
        raise SimulatorError("give either 'text' or 'media'")
    if text is not None:
        return {"type": "chat", "body": text}
    return _media(body["media"], media)


def decoded(text: str, name: str) -> bytes:
    """Base64; SimulatorError for anything else."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error, or what is not ASCII
        raise SimulatorError(f"'{name}' is not base64") from None


def _media(given: object, media: MediaStore) -> Record:
    if not isinstance(given, dict):
        raise SimulatorError(_SHAPE)
    mimetype = str(text_field(given, "mimetype"))
    data = decoded(str(text_field(given, "data")), "media.data")
    family = mimetype.partition("/")[0]
    kind = text_field(given, "type", required=False) or (family if family in _FAMILIES else "document")
    named = {name: str(given[name]) for name in ("filename", "caption") if given.get(name)}
    filehash = media.put(data, mimetype)
    return {"type": kind, "mimetype": mimetype, "filehash": filehash, "size": len(data), **named}
