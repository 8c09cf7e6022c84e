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

    def repair(self) -> bool:
        """Cut off what cannot be loaded; False if the files are sound (or there are none)."""
        manifest = next(iter(sorted(self._folder.glob("*.manifest"))), None)
        if manifest is None or not self._runs() or self._check(manifest):
            return False
        repaired = self._check(manifest, "--fix")
        log.warning("redis.files_damaged", file=manifest.name, repaired=repaired)
        return True

    def set_aside(self) -> bool:
        """Move them out of the way, so that the server starts empty. Keeps the last such folder only."""
        for earlier in self._folder.parent.glob("appendonlydir.damaged-*"):
            shutil.rmtree(earlier, ignore_errors=True)
        aside = self._folder.with_name(f"appendonlydir.damaged-{int(time.time())}")
        self._folder.rename(aside)
        log.error("redis.set_aside", folder=aside.name, consequence="the queues are rebuilt from the journal")
        return True

    def _runs(self) -> bool:
        """A binary that cannot even tell its version is no judge of files."""
        return self._run([str(self._binary), "--version"])

    def _check(self, manifest: Path, *options: str) -> bool:
        """The server's binary is its own checker when it is called by that name."""
        name = "redis-check-aof" if "redis" in self._binary.name else "valkey-check-aof"
        return self._run([name, *options, str(manifest)])

    def _run(self, command: list[str]) -> bool:
        try:
            done = subprocess.run(
                command,
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
