"""A backup put back into an empty folder, so that a service can start on it."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import sqlite3
import tarfile
import zlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from wahook import data_lock
from wahook.journal import migrate
from wahook.journal.schema import NEEDS_WORK
from wahook.moving.backup import DATABASE, FORMAT, KEY, MANIFEST, MEDIA, SESSIONS, BackupError
from wahook.profiles import Profiles, archive, snapshot
from wahook.profiles.errors import ArchiveDamaged
from wahook.profiles.manifest import DatabaseDamaged
from wahook.settings import Settings

MOST_BYTES = 64 * 1024**3
MOST_FILES = 2_000_000


def restore(settings: Settings, source: Path) -> tuple[str, ...]:
    """Put a backup back; the sessions in it. BackupError, and then nothing has changed.

    The folder must have no journal and none of the sessions; no service may run on it. Everything is checked
    before anything is put in place. Messages that were queued are marked as perhaps sent: since the backup
    they may have been, so the chat is looked at before they go.
    """
    with data_lock.holding(settings.data):
        profiles = Profiles(settings.sessions_path)
        with profiles.staging() as folder:
            _unpack(source, folder)
            about = _about(folder)
            sessions = _checked(settings, profiles, folder, about)
            _put_in_place(settings, profiles, folder, sessions)
    return sessions


def _unpack(source: Path, folder: Path) -> None:
    try:
        with source.open("rb") as file, gzip.GzipFile(fileobj=file) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                archive.extract(tar, folder, most_bytes=MOST_BYTES, most_files=MOST_FILES)
            while plain.read(1 << 20):  # to the end, where gzip has its checksum
                pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ArchiveDamaged) as error:
        raise BackupError(f"{source} is damaged, or no backup: {error}") from error
    except OSError as error:
        raise BackupError(f"cannot read {source}: {error.strerror}") from error


def _about(folder: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if about["format"] > FORMAT:
            raise BackupError(
                f"this backup was made by wahook {about['wahook']}: restore it with that version"
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"this is no backup of wahook: {MANIFEST} is missing or unreadable") from error
    return about


def _checked(settings: Settings, profiles: Profiles, folder: Path, about: dict[str, Any]) -> tuple[str, ...]:
    sessions = tuple(str(each) for each in about["sessions"])
    if taken := [each for each in sessions if profiles.exists(each)]:
        raise BackupError(
            f"{settings.sessions_path} has {taken[0]} already: restore into an empty WAHOOK_DATA"
        )
    for each in sessions:
        try:
            snapshot.check(_profile(folder, each))
        except DatabaseDamaged as error:
            raise BackupError(f"the profile of {each} is damaged in this backup: {error}") from error
    if about["database"]:
        if _journal_file(settings).exists():
            raise BackupError(
                f"{_journal_file(settings)} is there already: restore into an empty WAHOOK_DATA"
            )
        _check_journal(folder / DATABASE)
    return sessions


def _journal_file(settings: Settings) -> Path:
    url = sa.make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupError(
            "the backup has a journal in SQLite: restore it without DATABASE_URL, then `wahook move-journal`"
        )
    return Path(url.database)


def _check_journal(file: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            sound = connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            (schema,) = connection.execute("SELECT version_num FROM wahook_schema").fetchone()
            connection.execute(f"UPDATE messages_out SET may_be_on_wire = 1 WHERE {NEEDS_WORK}")  # noqa: S608
            connection.commit()
    except (sqlite3.Error, TypeError) as error:
        raise BackupError(f"the journal in this backup is damaged: {error}") from error
    if not sound:
        raise BackupError("the journal in this backup is damaged")
    if schema > migrate.HEAD:
        raise BackupError(
            f"the journal has schema {schema}, this version knows {migrate.HEAD}: use a newer wahook"
        )


def _put_in_place(settings: Settings, profiles: Profiles, folder: Path, sessions: tuple[str, ...]) -> None:
    """Profiles first: without a journal nobody uses them, and a second try says what is in its way."""
    for each in sessions:
        profiles.adopt(each, lambda fresh, name=each: _fill(_profile(folder, name), fresh))  # type: ignore[misc]
    for path in sorted((folder / MEDIA).glob("*")):
        settings.media_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (settings.media_path / path.name).exists():
            _copy(path, settings.media_path / path.name)
    if (folder / KEY).exists() and not (settings.data / KEY).exists():
        _copy(folder / KEY, settings.data / KEY)
    if (folder / DATABASE).exists():
        _copy(folder / DATABASE, _journal_file(settings))


def _profile(folder: Path, session_id: str) -> Path:
    return folder / SESSIONS / f"session-{session_id}"


def _fill(source: Path, fresh: Path) -> None:
    shutil.copytree(source, fresh, dirs_exist_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all, also when the target is on another disk than the profiles."""
    draft = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    draft.rename(target)
