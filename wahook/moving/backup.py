"""The volume as one file, taken beside a running service, and put back elsewhere.

    manifest.json                     what it is, by which version, when
    wahook.db                         the journal, by SQLite's own online copy
    api-key
    whatsapp-sessions/session-{id}/   of each profile what a login needs, whole databases
    media/                            the files that messages name

Redis is left out: what it holds are pointers, which the journal gives back.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa
import structlog

from actors.errors import WahookError
from wahook.profiles import Profiles, archive, snapshot
from wahook.profiles.errors import ProfileChanging
from wahook.profiles.manifest import DatabaseDamaged
from wahook.settings import Settings

log = structlog.get_logger(__name__)

FORMAT = 1
SESSIONS = "whatsapp-sessions"
DATABASE = "wahook.db"
KEY = "api-key"
MEDIA = "media"
MANIFEST = "manifest.json"
ATTEMPTS = 5  # at a profile that a browser changes


class BackupError(WahookError):
    """A backup cannot be made or put back; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds. `skipped`: sessions without a login yet. `database`: False with PostgreSQL."""

    sessions: tuple[str, ...]
    skipped: tuple[str, ...]
    database: bool
    bytes: int


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def back_up(settings: Settings, target: Path, now: Callable[[], datetime] = utc_now) -> BackedUp:
    """Write a backup (0600); the file appears whole or not at all. BackupError.

    The service may run: nothing is stopped, locked or changed. Blocks for some seconds.
    """
    if target.exists():
        raise BackupError(f"{target} is there already: choose another name")
    draft = target.with_name(f"{target.name}.part")
    profiles = Profiles(settings.sessions_path)
    try:
        with profiles.staging() as folder:
            sessions, skipped = _take_profiles(profiles, folder)
            database = _take_database(settings, folder / DATABASE)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(settings.data / KEY, folder / KEY)
            about = {
                "format": FORMAT,
                "wahook": version("wahook"),
                "made_at": now().isoformat(timespec="seconds"),
                "sessions": sessions,
                "database": database,
            }
            (folder / MANIFEST).write_text(json.dumps(about, indent=1), encoding="utf-8")
            _pack(folder, settings.media_path, draft)
        draft.rename(target)
    except OSError as error:
        raise BackupError(f"cannot write {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return BackedUp(tuple(sessions), tuple(skipped), database, target.stat().st_size)


def _take_profiles(profiles: Profiles, folder: Path) -> tuple[list[str], list[str]]:
    taken, skipped = [], []
    for session_id in profiles.sessions():
        copy = folder / SESSIONS / f"session-{session_id}"
        if _take_profile(profiles.path(session_id), copy):
            taken.append(session_id)
        else:
            skipped.append(session_id)
    return taken, skipped


def _take_profile(source: Path, copy: Path) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700, parents=True)
        try:
            snapshot.take(source, copy)
        except snapshot.NothingToSave:
            break
        except (ProfileChanging, DatabaseDamaged) as error:
            log.info("backup.again", session=source.name, attempt=attempt, reason=type(error).__name__)
            if attempt == ATTEMPTS:
                raise BackupError(
                    f"{source.name} cannot be copied: {error}; stop its session and try again"
                ) from error
        else:
            return True
    shutil.rmtree(copy, ignore_errors=True)
    return False


def _take_database(settings: Settings, copy: Path) -> bool:
    """Whether there was one to take: with PostgreSQL its own tools do that."""
    url = sa.make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        return False
    if not Path(url.database).exists():
        raise BackupError(f"there is no journal at {url.database}: has a service ever run on this folder?")
    closing = contextlib.closing
    try:
        with (
            closing(sqlite3.connect(url.database, timeout=10)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.execute("PRAGMA query_only=ON")
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            if target.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
                raise BackupError("the journal is damaged: see `wahook doctor`")
    except sqlite3.Error as error:
        raise BackupError(f"the journal cannot be copied: {error}") from error
    return True


def _pack(folder: Path, media: Path, draft: Path) -> None:
    with draft.open("xb") as file:
        draft.chmod(0o600)
        with (
            gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            archive.add(tar, folder / MANIFEST, MANIFEST)
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path != folder / MANIFEST:
                    archive.add(tar, path, str(path.relative_to(folder)))
            for path in sorted(media.glob(f"{MEDIA}_*")):  # whole as soon as they have their name
                with contextlib.suppress(FileNotFoundError):  # its time was over meanwhile
                    archive.add(tar, path, f"{MEDIA}/{path.name}")
        file.flush()
        os.fsync(file.fileno())
