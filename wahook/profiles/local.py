"""LocalAuth: the profiles on this disk, `SESSIONS_PATH/session-{id}`, and beside them what keeps them safe.

    session-{id}                 the profile, 0700
    session-{id}.corrupt-{time}  one that did not work, set aside for a human; at most one for a session
    .locks/session-{id}          see `locks`
    .trial/session-{id}          the profile while the page is tried without it; see `trial`
    .trash/                      what is being removed; emptied at start
    .staging/                    copies and restores in the making; emptied at start

A profile appears and disappears by one rename, so a crash at any moment leaves it whole or gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from wahook.profiles import locks, trimming
from wahook.profiles.errors import ProfileFault, ProfileInUse
from wahook.profiles.names import ASIDE, checked, folder_name, refuse_symlink

log = structlog.get_logger(__name__)

BUDGET = 50 * 1024 * 1024  # bytes; what a profile should stay under, and the limit for one that is set aside
ASIDE_TIME = "%Y%m%dT%H%M%SZ"
_PASSES = 5  # over a folder into which a dying browser still writes


class Profiles:
    """The profiles under one root. Blocking file work; any thread, one call at a time for one session.

    Methods that change a profile take its lock unless they are given it, and raise ProfileInUse if they
    cannot.
    """

    def __init__(self, root: Path, *, budget: int = BUDGET) -> None:
        """Make the root if need be (0700) and empty what an earlier life left unfinished."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root = root.resolve()
        self._budget = budget
        self.sweep()

    def path(self, session_id: str) -> Path:
        """Where the profile is or would be. BadSessionId, UnsafePath."""
        return refuse_symlink(self.root / folder_name(session_id))

    def exists(self, session_id: str) -> bool:
        return self.path(session_id).is_dir()

    def sessions(self) -> list[str]:
        """The ids that have a profile here."""
        names = (entry.name for entry in self.root.iterdir() if entry.is_dir() and not entry.is_symlink())
        return sorted(
            name.removeprefix("session-")
            for name in names
            if name.startswith("session-") and ASIDE not in name
        )

    def lock(self, session_id: str, owner: str) -> locks.ProfileLock:
        """Take the profile for one incarnation; `owner` is shown to whoever finds it taken."""
        return locks.take(self.root / ".locks" / folder_name(session_id), session_id, owner)

    def make(self, session_id: str) -> Path:
        """The profile's folder, made if need be, for its owner's eyes only."""
        path = self.path(session_id)
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        return path

    def size(self, session_id: str) -> int:
        """Bytes on disk, 0 without a profile."""
        return trimming.size(self.path(session_id)) if self.exists(session_id) else 0

    def may_have_login(self, session_id: str) -> bool:
        """False is certain: no page ever stored anything. True is not: the phone may have unlinked it."""
        return any(self.path(session_id).glob(trimming.DATABASES[0]))

    def trim(self, session_id: str, lock: locks.ProfileLock | None = None) -> int:
        """Remove the caches; the bytes freed. Only without a browser."""
        with self._held(session_id, lock, "trim"):
            freed = trimming.trim(self.path(session_id)) if self.exists(session_id) else 0
        if (left := self.size(session_id)) > self._budget:
            log.warning("profile.large", session=session_id, bytes=left, budget=self._budget)
        return freed

    def remove(self, session_id: str, lock: locks.ProfileLock | None = None) -> bool:
        """Remove the profile for good, whatever is open or read-only in it; was there one.

        Not under a living browser: it would make its folders anew. Once this returns the session
        has no profile, even if the disk refuses to give some file up: that is logged, lies in the
        trash, and is tried again at the next start.
        """
        with self._held(session_id, lock, "remove"):
            path, was_there = self.path(session_id), False
            for _ in range(_PASSES):  # a browser that is just dying may make its folders anew
                if not path.is_dir():
                    break
                was_there = True
                self._discard(path)
            return was_there

    def set_aside(
        self, session_id: str, lock: locks.ProfileLock | None = None, *, now: datetime | None = None
    ) -> Path | None:
        """Put a profile that does not work out of the way, without its caches; None if not worth keeping.

        Only the latest is kept, and only within the budget.
        """
        with self._held(session_id, lock, "set aside"):
            path = self.path(session_id)
            if not path.is_dir():
                return None
            for earlier in self.set_aside_of(session_id):
                self._discard(earlier)
            at = (now or datetime.now(UTC)).strftime(ASIDE_TIME)
            aside = path.with_name(f"{path.name}{ASIDE}{at}")
            path.rename(aside)
            trimming.trim(aside)
            if (left := trimming.size(aside)) > self._budget:
                log.warning("profile.too_large_to_keep", session=session_id, bytes=left)
                self._discard(aside)
                return None
            return aside

    def put_by(self, session_id: str, lock: locks.ProfileLock | None = None) -> None:
        """Take the profile away for a trial without it. `bring_back` or `condemn` ends that."""
        with self._held(session_id, lock, "put by"):
            self.path(session_id).rename(self._put_by(session_id))

    def bring_back(self, session_id: str, lock: locks.ProfileLock | None = None) -> bool:
        """End a trial in the profile's favour, also one that a killed service left; was there one."""
        with self._held(session_id, lock, "bring back"):
            kept, path = self._put_by(session_id), self.path(session_id)
            if not kept.is_dir():
                return False
            if path.is_dir():
                self._discard(path)
            kept.rename(path)
            _flush_entry(self.root)
            return True

    def condemn(self, session_id: str) -> None:
        """End a trial against the profile: it is set aside, and the one of the trial stays."""
        kept, at = self._put_by(session_id), datetime.now(UTC).strftime(ASIDE_TIME)
        if kept.is_dir():
            for earlier in self.set_aside_of(session_id):
                self._discard(earlier)
            kept.rename(self.root / f"{folder_name(session_id)}{ASIDE}{at}")

    def _put_by(self, session_id: str) -> Path:
        return self._hidden(".trial") / folder_name(session_id)

    def set_aside_of(self, session_id: str) -> list[Path]:
        """What was set aside of this session, oldest first."""
        return sorted(self.root.glob(f"{folder_name(session_id)}{ASIDE}*"))

    def clear_aside(self, before: datetime) -> int:
        """Remove for good what was set aside before then, of whatever session; how many."""
        old = [path for path in self.root.glob(f"session-*{ASIDE}*") if _aside_at(path) < before]
        for path in old:
            self._discard(path)
        return len(old)

    def adopt(
        self, session_id: str, fill: Callable[[Path], None], lock: locks.ProfileLock | None = None
    ) -> Path:
        """Make a profile from elsewhere: `fill` writes into an empty folder, which becomes the profile whole.

        ProfileFault if the session has one already. If `fill` raises, nothing has changed.
        """
        with self._held(session_id, lock, "adopt"), self.staging() as folder:
            path = self.path(session_id)
            if path.exists():
                raise ProfileFault(f"{session_id} has a profile already")
            fresh = folder / "profile"
            fresh.mkdir(mode=0o700)
            fill(fresh)
            _flush(fresh)
            fresh.rename(path)
            _flush_entry(self.root)
            return path

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A private folder on the profiles' disk, gone afterwards."""
        folder = self._hidden(".staging") / uuid4().hex
        folder.mkdir(mode=0o700)
        used = _hold(folder)
        try:
            yield folder
        finally:
            _remove_tree(folder)
            os.close(used)

    def sweep(self) -> None:
        """Remove from trash and staging what a killed service left; what somebody alive works on stays."""
        for name in (".trash", ".staging"):
            for left in self._hidden(name).iterdir():
                with contextlib.suppress(OSError):  # in use, or gone by itself
                    used = _hold(left)
                    _remove_tree(left)
                    os.close(used)

    def _hidden(self, name: str) -> Path:
        folder = refuse_symlink(self.root / name)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def _held(self, session_id: str, lock: locks.ProfileLock | None, purpose: str) -> Iterator[None]:
        if lock is None:
            with self.lock(checked(session_id), purpose):
                yield
        elif lock.held and lock.session_id == session_id:
            yield
        else:
            raise ProfileInUse(session_id, "somebody else: the lock given is released or of another session")

    def _discard(self, path: Path) -> None:
        grave = self._hidden(".trash") / f"{path.name}-{uuid4().hex}"
        path.rename(grave)  # from here on no crash can leave half a profile under its name
        _flush_entry(self.root)
        _remove_tree(grave)


def _aside_at(path: Path) -> datetime:
    """When it was set aside, by its name; a name that says nothing is not old."""
    try:
        return datetime.strptime(path.name.rpartition(ASIDE)[2], ASIDE_TIME).replace(tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def _hold(folder: Path) -> int:
    """Mark a folder as in use until the descriptor is closed or this process dies; OSError if it is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_tree(folder: Path) -> None:
    """Remove a folder into which somebody may still write; what resists is logged and left."""
    for _ in range(_PASSES):
        shutil.rmtree(folder, onerror=_make_writable)
        if not folder.exists():
            return
    log.warning("profile.not_removed", name=folder.name)


def _make_writable(remove: Callable[..., object], name: str, _error: object) -> None:
    path = Path(name)
    with contextlib.suppress(OSError):
        for place in (path.parent, path):
            if not place.is_symlink():
                place.chmod(stat.S_IRWXU)
        if remove in {os.unlink, os.rmdir}:
            remove(name)


def _flush(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _flush_entry(path)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
