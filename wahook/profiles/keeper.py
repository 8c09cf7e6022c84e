"""When a profile is archived, and the doing of it. The policy is pure; `Keeper` holds what it decides by.

Saved soon after a login (a crash in the first minutes must not cost it), then every interval if something
has changed, and once more when the browser has closed. A failure is tried again after 30 s, doubling to the
interval.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

import structlog

from actors.ports import ProfileSaved
from wahook.profiles.errors import ProfileChanging, ProfileFault
from wahook.profiles.local import Profiles
from wahook.profiles.locks import ProfileLock
from wahook.profiles.remote import RemoteProfiles
from wahook.profiles.snapshot import NothingToSave
from wahook.profiles.stores.bounded import in_thread

log = structlog.get_logger(__name__)

SETTLE = 10.0  # seconds; Chromium writes localStorage to disk within 5
FIRST_RETRY = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Watched:
    """What the policy knows of one running session. Times in seconds of one monotonic clock."""

    ready_at: float
    saved_at: float | None = None
    fingerprint: str | None = None
    failed_at: float | None = None
    failures: int = 0


def due_at(watched: Watched, interval: float) -> float:
    """When this session is looked at next."""
    if watched.failed_at is not None:
        return watched.failed_at + min(interval, FIRST_RETRY * float(2 ** min(watched.failures - 1, 16)))
    if watched.saved_at is None:
        return watched.ready_at + min(SETTLE, interval)
    return watched.saved_at + interval


class Keeper:
    """Implements `actors.ports.ProfileArchive`. Its calls come from one actor's thread, but for `restore`."""

    def __init__(self, profiles: Profiles, remote: RemoteProfiles, *, interval: float = 300.0) -> None:
        self._profiles = profiles
        self._remote = remote
        self._interval = interval
        self._watched: dict[str, Watched] = {}

    def ready(self, session_id: str, now: float) -> None:
        """The session is logged in: from now on its profile is worth saving. Idempotent."""
        self._watched.setdefault(session_id, Watched(now))

    def due(self, now: float) -> list[str]:
        """The sessions whose turn has come, those that waited longest first."""
        times = {session: due_at(watched, self._interval) for session, watched in self._watched.items()}
        return sorted((session for session, at in times.items() if at <= now), key=times.__getitem__)

    def unsaved(self) -> list[str]:
        """The sessions that may hold something that is not in the store: all that are watched."""
        return list(self._watched)

    def save(self, session_id: str, now: float) -> ProfileSaved:
        """Save unless nothing has changed; never raises a ProfileFault, but tells it. Blocking."""
        watched = self._watched.get(session_id, Watched(now))
        try:
            if self._remote.fingerprint(session_id) == watched.fingerprint:
                self._note(session_id, replace(watched, saved_at=now, failed_at=None, failures=0))
                return ProfileSaved(session_id, changed=False)
            saved = self._remote.save(session_id)
        except NothingToSave:
            self._note(session_id, replace(watched, saved_at=now, failed_at=None, failures=0))
            return ProfileSaved(session_id, changed=False)
        except (ProfileFault, OSError) as error:
            level = log.info if isinstance(error, ProfileChanging) else log.warning
            level("profile.save_failed", session=session_id, why=type(error).__name__)
            self._note(session_id, replace(watched, failed_at=now, failures=watched.failures + 1))
            return ProfileSaved(session_id, changed=False, error=f"{type(error).__name__}: {error}")
        self._note(
            session_id,
            replace(watched, saved_at=now, fingerprint=saved.fingerprint, failed_at=None, failures=0),
        )
        return ProfileSaved(session_id, changed=True, size=saved.size)

    def closed(self, session_id: str, now: float) -> ProfileSaved:
        """The browser has closed: save a last time. After a failure it stays watched and is retried."""
        if session_id not in self._watched:
            return ProfileSaved(session_id, changed=False)  # never was logged in
        outcome = self.save(session_id, now)
        if outcome.error is None:
            del self._watched[session_id]
        return outcome

    def forget(self, session_id: str) -> None:
        """Logged out or deleted: its archives would bring back a dead login. StoreFailed, then try again."""
        self._watched.pop(session_id, None)
        self._remote.forget(session_id)

    def restore(self, session_id: str, lock: ProfileLock | None = None) -> Future[bool]:
        """Bring the profile back if this disk has none; settles with whether it did. Any thread; no waiting.

        Ends by the store's own deadlines. Fails with WrongKey, ArchiveDamaged, StoreFailed, ProfileInUse.
        """
        return in_thread(lambda: self.bring(session_id, lock), "profile-restore")

    def bring(self, session_id: str, lock: ProfileLock | None = None) -> bool:
        """What `restore` does, blocking."""
        if self._profiles.exists(session_id) and self._profiles.may_have_login(session_id):
            return False
        with contextlib.ExitStack() as stack:
            held = lock or stack.enter_context(self._profiles.lock(session_id, "restore"))
            try:
                if self._profiles.exists(session_id):
                    if self._profiles.may_have_login(session_id):
                        return False
                    self._profiles.remove(session_id, held)  # an empty folder that a first start left
                return self._remote.restore(session_id, held) is not None
            except OSError as error:
                raise ProfileFault(f"the profile cannot be restored: {error.strerror}") from error

    def _note(self, session_id: str, watched: Watched) -> None:
        if session_id in self._watched:
            self._watched[session_id] = watched


class VoidProfiles:
    """Implements `actors.ports.Profiles`: a void login leaves this disk at once, the store soon after."""

    def __init__(self, profiles: Profiles, forget: Callable[[str], object] = lambda _: None) -> None:
        """`forget` must not block: it tells the archiver, whose saves it must not overtake."""
        self._profiles = profiles
        self._forget = forget

    def discard(self, session_id: str) -> None:
        """Blocking file work, any thread. ProfileInUse if a browser's owner still holds the profile."""
        self._forget(session_id)
        self._profiles.remove(session_id)
