"""One service for one data folder, and none while its files are moved about."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.errors import ProcessError

LOCK = "service.lock"


def take(data: Path) -> int:
    """Lock the folder, made when it is missing, for this process; the descriptor to close.

    ProcessError when another process has it, or when it cannot be used.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ProcessError(f"cannot keep data in {data}: {error.strerror}; set WAHOOK_DATA") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ProcessError(f"another wahook runs on {data}: stop it, or set WAHOOK_DATA") from None
    return descriptor


@contextmanager
def holding(data: Path) -> Iterator[None]:
    """Nobody serves this folder meanwhile; it is made when it is missing. ProcessError as above."""
    descriptor = take(data)
    try:
        yield
    finally:
        os.close(descriptor)


def refuse_strangers(data: Path) -> None:
    """ProcessError unless the folder is ours or not there yet: its owner could not use what we made in it."""
    try:
        owner = data.stat().st_uid
    except OSError:
        return
    if owner != os.geteuid():
        raise ProcessError(f"{data} belongs to uid {owner}: run this as its owner (sudo -u '#{owner}' …)")


def is_taken(data: Path) -> bool:
    """Whether a service runs on this folder now."""
    try:
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
