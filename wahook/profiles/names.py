"""From a session's id to names on disk, and the check that an id may become one."""

from __future__ import annotations

import re
from pathlib import Path

from wahook.profiles.errors import BadSessionId, UnsafePath

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,127}")
ASIDE = ".corrupt-"


def checked(session_id: str) -> str:
    """The id itself. BadSessionId unless it is safe as part of a file name and of an object's name."""
    if not _ID.fullmatch(session_id) or ASIDE in session_id:
        raise BadSessionId
    return session_id


def folder_name(session_id: str) -> str:
    return f"session-{checked(session_id)}"


def refuse_symlink(path: Path) -> Path:
    """The path itself. UnsafePath if it is anything but a real folder or nothing at all."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UnsafePath(f"{path.name} is not a folder of its own")
    return path
