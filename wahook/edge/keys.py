"""The API key: given, or made once and kept where only its owner reads it; and how it is compared."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`path` is the file it is kept in, None when it was given; `made`: just now, so tell where it is."""

    text: str = field(repr=False)
    path: Path | None = None
    made: bool = False


class KeyFileError(Exception):
    """The key's file cannot be used; the text says what to do."""


def find_or_make(given: str | None, data: Path) -> ApiKey:
    """The key to ask for. Raises KeyFileError. Two services that start at once get the same one."""
    if given:
        return ApiKey(given)
    try:
        made = not (data / "api-key").exists() and _make(data)
        return ApiKey(_read(data / "api-key"), data / "api-key", made)
    except OSError as error:
        raise KeyFileError(f"cannot keep the API key in {data}: {error.strerror}") from error


def read_existing(given: str | None, data: Path) -> ApiKey:
    """For programs beside the service: the key it uses. Raises KeyFileError when none is known."""
    if given:
        return ApiKey(given)
    path = data / "api-key"
    try:
        return ApiKey(_read(path), path)
    except FileNotFoundError:
        raise KeyFileError(
            f"no API key: set WAHOOK_API_KEY, or WAHOOK_DATA to the service's (tried {path})"
        ) from None
    except OSError as error:
        raise KeyFileError(f"cannot read the API key in {path}: {error.strerror}") from error


def _make(data: Path) -> bool:
    data.mkdir(parents=True, exist_ok=True)
    draft = data / f".api-key-{secrets.token_hex(6)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"wahook_{secrets.token_urlsafe(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # a link, not a rename: the first of two services wins and nobody reads half a key
        (data / "api-key").hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        _log.warning("edge.key_was_readable_by_others", path=str(path))
        path.chmod(0o600)
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise KeyFileError(f"{path} is empty: remove it, and a new key will be made")
    return text


class KeyCheck:
    """Compares in constant time, whatever the lengths."""

    def __init__(self, key: str) -> None:
        self._digest = _digest(key)

    def accepts(self, offered: str) -> bool:
        """Whether that is the key."""
        return hmac.compare_digest(_digest(offered), self._digest)

    def accepts_headers(self, api_key: str | None, authorization: str | None) -> bool:
        """Whether X-Api-Key, or else Authorization: Bearer, carries the key."""
        if api_key is not None:
            return self.accepts(api_key)
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self.accepts(token.strip())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
