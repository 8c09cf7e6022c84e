"""Who may touch a profile: one open file at a time, over all incarnations, services and nodes.

The lock is the kernel's (flock), so a dead process holds none, and there is nothing to clean up after a
crash. The file stays: removing it would let two holders lock two files of one name. Chromium does not
inherit it.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from wahook.profiles.errors import ProfileInUse


class ProfileLock:
    """A held lock. `release` is idempotent and thread-safe enough: whoever is second does nothing."""

    def __init__(self, session_id: str, descriptor: int) -> None:
        self.session_id = session_id
        self._descriptor: int | None = descriptor

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def release(self) -> None:
        """Let the next one in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def take(path: Path, session_id: str, owner: str) -> ProfileLock:
    """Lock at once or raise ProfileInUse with the holder's name; never waits."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 4096, 0)
        os.close(descriptor)
        raise ProfileInUse(session_id, _told(holder)) from None
    except OSError:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"owner": owner, "pid": os.getpid()}).encode(), 0)
    return ProfileLock(session_id, descriptor)


def _told(written: bytes) -> str:
    try:
        told = json.loads(written)
        return f"{told['owner']} (pid {told['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
