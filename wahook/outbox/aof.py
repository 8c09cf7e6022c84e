"""The embedded server's files on disk, and what to do when they are damaged."""

from __future__ import annotations

import shutil
import stat
import subprocess
import time
from os import getuid
from pathlib import Path

import structlog

from actors.errors import ProcessError

log = structlog.get_logger(__name__)

CHECK_DEADLINE = 60.0


def make_private(folder: Path) -> None:
    """Make a directory that only we may enter. ProcessError if somebody else's stands there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != getuid():
        raise ProcessError(f"{folder} is not a directory of ours: remove it")
    folder.chmod(0o700)


class AppendOnlyFile:
    """The append-only files below `folder`. Blocking; only while the server is down."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self._folder = folder / "appendonlydir"
        self._binary = binary

    def mend(self) -> bool:
        """Repair or set aside what the server cannot load; False if nothing is wrong with it."""
        manifest = next(iter(sorted(self._folder.glob("*.manifest"))), None)
        if not self._folder.exists() or (manifest is not None and self._check(manifest)):
            return False
        if manifest is not None and self._check(manifest, "--fix") and self._check(manifest):
            log.warning("redis.repaired", file=manifest.name)
            return True
        self._set_aside()
        return True

    def _check(self, manifest: Path, *options: str) -> bool:
        """The server's binary is its own checker when it is called by that name."""
        name = "redis-check-aof" if "redis" in self._binary.name else "valkey-check-aof"
        try:
            done = subprocess.run(
                [name, *options, str(manifest)],
                executable=self._binary,
                input=b"y\ny\n",
                capture_output=True,
                timeout=CHECK_DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log.warning("redis.check_failed", error=type(error).__name__)
            return False
        return done.returncode == 0

    def _set_aside(self) -> None:
        for earlier in self._folder.parent.glob("appendonlydir.damaged-*"):
            shutil.rmtree(earlier, ignore_errors=True)
        aside = self._folder.with_name(f"appendonlydir.damaged-{int(time.time())}")
        self._folder.rename(aside)
        log.error("redis.set_aside", folder=aside.name, consequence="the queues are rebuilt from the journal")
