"""Profiles on a small disk of their own, which can be filled or made read-only. Needs root and mount."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = 400  # MB
STEP = 4 * 1024 * 1024


class SmallDisk:
    """A tmpfs at `place`. `usable` is False where nothing may be mounted; the actions are then left out."""

    def __init__(self, place: Path) -> None:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._place = place
        self._filler = place / ".filler"
        self.usable = os.geteuid() == 0 and _mount(
            "-t", "tmpfs", "-o", f"size={SIZE}m,mode=700", "tmpfs", place
        )

    def fill(self) -> None:
        """Until nothing more goes in."""
        with suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while filler.write(b"\0" * STEP) == STEP:
                pass
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while filler.write(b"\0" * 512):
                pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def lock(self, profile: Path) -> bool:
        """Make one profile read-only, for whoever opens it from now on."""
        return _mount("--bind", profile, profile) and _mount("-o", "remount,bind,ro", profile)

    def unlock(self, profile: Path) -> None:
        subprocess.run(["umount", "-l", profile], check=False, capture_output=True)

    def remove(self) -> None:
        """At the end; lazily, whoever is still on it."""
        if self.usable:
            subprocess.run(["umount", "-l", self._place], check=False, capture_output=True)


def _mount(*words: object) -> bool:
    with suppress(OSError):
        return subprocess.run(["mount", *map(str, words)], check=False, capture_output=True).returncode == 0
    return False
