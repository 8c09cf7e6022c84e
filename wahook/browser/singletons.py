"""The `Singleton*` links by which Chromium locks a profile, removed only when their holder is dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import structlog

from actors.errors import ProcessError

log = structlog.get_logger(__name__)

NAMES = ("SingletonLock", "SingletonCookie", "SingletonSocket")


def release_dead_singletons(profile: Path) -> bool:
    """Remove a dead browser's lock; whether there was one. ProcessError when its holder lives, on this host.

    The lock is a link to `host-pid`. Another host's lock on this volume is taken for dead, as a container's
    name changes at every start; who shares a volume between hosts needs a lease (see `wahook.profiles`).
    """
    lock = profile / NAMES[0]
    if not lock.is_symlink():
        return False
    host, _, pid = str(lock.readlink()).rpartition("-")
    if host == socket.gethostname() and pid.isdecimal() and _uses(int(pid), profile):
        raise ProcessError(f"the profile is in use by process {pid}")
    for name in NAMES:
        (profile / name).unlink(missing_ok=True)
    log.info("browser.lock_released", profile=profile.name)
    return True


def _uses(pid: int, profile: Path) -> bool:
    """Is that process a browser on this profile; a number that came to mean another process is not."""
    try:
        os.kill(pid, 0)
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except ProcessLookupError:
        return False
    except OSError:
        return True  # alive, and not ours to look at
    folders = (os.fsdecode(argument).partition("--user-data-dir=")[2] for argument in arguments)
    return any(folder and Path(folder).resolve() == profile.resolve() for folder in folders)
