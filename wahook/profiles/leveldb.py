"""Copying a LevelDB database while its owner writes into it, so that the copy opens as after a power cut.

What LevelDB guarantees: tables (`*.ldb`) never change once the MANIFEST names them; logs and the MANIFEST
only grow; CURRENT is replaced as a whole. So if the MANIFEST has not grown while the files that it names
were taken, they belong together, and the logs, taken newest first, are a prefix of what was written: a log
is complete once the next one exists. (github.com/google/leveldb: doc/impl.md, doc/log_format.md,
db/version_edit.cc.)

Logs are cut after their last whole record. LevelDB would skip a torn end, too, but Chromium lets it *reuse*
the last log, and what it then appends behind a torn end would be lost at the start after next.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Protocol

from wahook.profiles.errors import ProfileChanging
from wahook.profiles.manifest import DatabaseDamaged, Manifest, played, records

_CURRENT = re.compile(rb"MANIFEST-\d+\n")
_LOG = re.compile(r"(\d+)\.log")
ATTEMPTS = 20


class _Changed(Exception):
    """The owner rearranged its files during the copy; transient."""


def read_manifest(folder: Path) -> Manifest:
    """Read CURRENT and the MANIFEST it names. DatabaseDamaged if they make no sense."""
    try:
        return played(*_read(folder))
    except FileNotFoundError as error:
        raise DatabaseDamaged(f"{Path(str(error.filename)).name} is missing") from None


def _read(folder: Path) -> tuple[str, bytes]:
    current = (folder / "CURRENT").read_bytes()
    if not _CURRENT.fullmatch(current):
        raise DatabaseDamaged("CURRENT names no MANIFEST")
    name = current.decode().strip()
    return name, (folder / name).read_bytes()


def check(folder: Path, *, logs: bool = True) -> Manifest:
    """DatabaseDamaged unless every file that the MANIFEST needs is there in its full length.

    Without `logs` as LevelDB itself sees it: a missing log costs the last writes, not the database.
    """
    manifest = read_manifest(folder)
    for number, length in manifest.tables.items():
        table = _table(folder, number)
        if table is None or table.stat().st_size < length:
            raise DatabaseDamaged(f"table {number} is missing or short")
    if logs and manifest.log and not (folder / _log_name(manifest.log)).exists():
        raise DatabaseDamaged(f"log {manifest.log} is missing")
    return manifest


class Beside(Protocol):
    """Files that belong to a database, taken around the moment that its copy stands for."""

    def before(self) -> None: ...

    def after(self) -> bool:
        """False if they may not fit to that moment: the copy is tried again."""
        ...


class Nothing:
    """No files beside the database."""

    def before(self) -> None:
        """Nothing to take."""

    def after(self) -> bool:
        return True


def copy(source: Path, target: Path, *, beside: Beside | None = None) -> None:
    """Copy a database that may be in use into a folder that is not there; tables by hard link if possible.

    ProfileChanging if it was rearranged during each attempt; DatabaseDamaged if it is no database.
    """
    for _ in range(ATTEMPTS):
        target.mkdir(mode=0o700)
        try:
            _copy_once(source, target, beside or Nothing())
            check(target)
        except (_Changed, FileNotFoundError):
            shutil.rmtree(target)
        else:
            return
    raise ProfileChanging(f"{source.name} kept changing over {ATTEMPTS} attempts")


def _copy_once(source: Path, target: Path, beside: Beside) -> None:
    name, data = _read(source)
    manifest = played(name, data)
    for number in manifest.tables:
        table = _table(source, number)
        if table is None:
            raise _Changed
        link_or_copy(table, target / table.name)
    beside.before()
    _copy_logs(source, target, manifest)
    fits = beside.after()
    _write_whole_records(target / name, data)
    (target / "CURRENT").write_bytes(f"{name}\n".encode())
    if not fits or _read(source) != (name, data):
        raise _Changed


def _copy_logs(source: Path, target: Path, manifest: Manifest) -> None:
    for number in sorted(_logs(source), reverse=True):  # newest first: see the module's text
        if number >= manifest.log or number == manifest.previous_log:
            _write_whole_records(target / _log_name(number), (source / _log_name(number)).read_bytes())


def _logs(folder: Path) -> list[int]:
    return [int(match[1]) for entry in folder.iterdir() if (match := _LOG.fullmatch(entry.name))]


def _log_name(number: int) -> str:
    return f"{number:06d}.log"


def _table(folder: Path, number: int) -> Path | None:
    for suffix in ("ldb", "sst"):
        if (path := folder / f"{number:06d}.{suffix}").exists():
            return path
    return None


def _write_whole_records(path: Path, data: bytes) -> None:
    end = 0
    for _, end in records(data):  # noqa: B007
        pass
    path.write_bytes(data[:end])


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file that never changes; a copy where the disk has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
