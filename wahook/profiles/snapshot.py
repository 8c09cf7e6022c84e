"""What of a profile goes into an archive, copied so that it fits together, with or without a browser on it.

Databases are copied as `leveldb` does. IndexedDB keeps large values as files beside its database: they are
taken before and after it, because one that the database names was written earlier and may be deleted later.
Cookies (SQLite) hold no part of a login; a copy that does not pass SQLite's own check is left out.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

import structlog

from wahook.profiles import leveldb, trimming
from wahook.profiles.blobs import Blobs
from wahook.profiles.errors import ProfileFault
from wahook.profiles.manifest import DatabaseDamaged

log = structlog.get_logger(__name__)

_COOKIE_ATTEMPTS = 5


class NothingToSave(ProfileFault):
    """The profile holds no database: no page ever stored anything in it."""


def take(profile: Path, target: Path) -> None:
    """Copy what a login needs into an existing, empty folder on the same disk. Blocking; milliseconds mostly.

    NothingToSave, ProfileChanging, `DatabaseDamaged`.
    """
    databases = _found(profile, trimming.DATABASES)
    if not databases:
        raise NothingToSave("the profile has no database yet")
    for database in databases:
        copy = _made(target / database.relative_to(profile))
        leveldb.copy(database, copy, beside=Blobs(database.with_suffix(".blob"), copy.with_suffix(".blob")))
    for file in _found(profile, trimming.FILES):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(file, _made(target / file.relative_to(profile)), follow_symlinks=False)
    for cookies in _found(profile, trimming.COOKIES):
        _take_cookies(cookies, _made(target / cookies.relative_to(profile)))


def check(folder: Path) -> None:
    """DatabaseDamaged unless a copy or an unpacked archive holds whole databases."""
    databases = _found(folder, trimming.DATABASES)
    if not databases:
        raise DatabaseDamaged("there is no database in it")
    for database in databases:
        leveldb.check(database)


def is_broken(profile: Path) -> bool:
    """Whether Chromium would find a database unusable, and silently begin an empty one, without the login."""
    try:
        for database in _found(profile, trimming.DATABASES):
            leveldb.check(database, logs=False)
    except DatabaseDamaged:
        return True
    return False


def fingerprint(profile: Path) -> str:
    """Changes whenever something that `take` would take has changed; costs one stat per file."""
    state = sha256()
    for folder in (*_found(profile, trimming.DATABASES), *_found(profile, trimming.BLOBS)):
        for path in sorted(folder.rglob("*")):
            if path.name in {"LOG", "LOG.old", "LOCK"}:
                continue  # written at every start of the browser, holds nothing
            with contextlib.suppress(FileNotFoundError):
                found = path.lstat()
                state.update(f"{path.relative_to(profile)}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return state.hexdigest()


def _found(profile: Path, patterns: tuple[str, ...]) -> list[Path]:
    paths = (path for pattern in patterns for path in sorted(profile.glob(pattern)))
    return [path for path in paths if not path.is_symlink()]


def _made(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _take_cookies(source: Path, target: Path) -> None:
    journals = (source.with_name(f"{source.name}-journal"), target.with_name(f"{target.name}-journal"))
    for _ in range(_COOKIE_ATTEMPTS):
        for original, copy in ((source, target), journals):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(original, copy, follow_symlinks=False)
        if _is_whole(target):
            journals[1].unlink(missing_ok=True)
            return
    log.warning("profile.cookies_left_out", profile=source.parent.parent.name)
    for copy in (target, journals[1]):
        copy.unlink(missing_ok=True)


def _is_whole(database: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=1)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.Error:
        return False
