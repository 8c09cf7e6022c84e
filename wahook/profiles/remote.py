"""RemoteAuth: the profiles' archives in a store, two generations of each, and back onto a disk without one.

An archive is named `{session}/{generation}.profile`, twelve digits, counted up. A save stores the new
generation before it deletes the one before the last, so at any moment at least one whole archive is there.
A restore takes the newest that is whole. One node owns a session at a time; two that save one session at
once would still leave whole archives, but in no known order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import structlog

from wahook.profiles import archive, snapshot
from wahook.profiles.errors import ArchiveDamaged, ArchiveMissing
from wahook.profiles.keys import ProfileKey
from wahook.profiles.local import Profiles
from wahook.profiles.locks import ProfileLock
from wahook.profiles.manifest import DatabaseDamaged
from wahook.profiles.names import checked
from wahook.profiles.stores.base import ArchiveStore, Stored

log = structlog.get_logger(__name__)

KEPT = 2
_NAME = re.compile(r"[^/]+/(\d{12})\.profile")


@dataclass(frozen=True, slots=True)
class Saved:
    """A generation that is in the store. `size` of the archive in bytes; `fingerprint` of what it holds."""

    generation: int
    size: int
    fingerprint: str


class RemoteProfiles:
    """Saves and restores profiles. Blocking; any thread, one call at a time for one session."""

    def __init__(self, profiles: Profiles, store: ArchiveStore, key: ProfileKey) -> None:
        self._profiles = profiles
        self._store = store
        self._key = key

    def fingerprint(self, session_id: str) -> str:
        """Equal as long as there is nothing new to save."""
        return snapshot.fingerprint(self._profiles.path(session_id))

    def save(self, session_id: str) -> Saved:
        """Archive the profile as it is now, with or without a browser on it.

        NothingToSave, ProfileChanging, StoreFailed; what was stored before is untouched by a failure.
        """
        profile = self._profiles.path(session_id)
        with self._profiles.staging() as folder:
            copy, packed = folder / "copy", folder / "packed"
            copy.mkdir(mode=0o700)
            state = snapshot.fingerprint(
                profile
            )  # before the copy: what changes meanwhile is saved next time
            snapshot.take(profile, copy)
            size = archive.pack(copy, packed, self._key, session_id)
            earlier = self._generations(session_id)
            generation = max(earlier, default=0) + 1
            self._store.put(_name(session_id, generation), packed)
        self._retire(session_id, [number for number in earlier if number <= generation - KEPT])
        log.info("profile.saved", session=session_id, generation=generation, bytes=size)
        return Saved(generation, size, state)

    def restore(self, session_id: str, lock: ProfileLock | None = None) -> Saved | None:
        """Make the profile from the newest whole archive; None if the store has none of this session.

        ProfileFault if there is a profile already, WrongKey, StoreFailed, ProfileInUse; ArchiveDamaged only
        if every generation is. After an error there is no profile, not half of one.
        """
        failure: ArchiveDamaged | None = None
        for generation in sorted(self._generations(session_id), reverse=True):
            try:
                return self._restore(session_id, generation, lock)
            except ArchiveMissing:
                continue  # retired by another node meanwhile
            except ArchiveDamaged as error:
                failure = error
                log.warning(
                    "profile.archive_damaged", session=session_id, generation=generation, why=str(error)
                )
        if failure is not None:
            raise failure
        return None

    def forget(self, session_id: str) -> None:
        """Delete all archives of a session: it was logged out or deleted. StoreFailed."""
        self._retire(session_id, self._generations(session_id))

    def _restore(self, session_id: str, generation: int, lock: ProfileLock | None) -> Saved:
        with self._profiles.staging() as folder:
            packed = folder / "packed"
            self._store.get(_name(session_id, generation), packed)

            def fill(profile: Path) -> None:
                archive.unpack(packed, profile, self._key, session_id)
                try:
                    snapshot.check(profile)
                except DatabaseDamaged as error:
                    raise ArchiveDamaged(str(error)) from None

            profile = self._profiles.adopt(session_id, fill, lock)
            size = packed.stat().st_size
        log.info("profile.restored", session=session_id, generation=generation, bytes=size)
        return Saved(generation, size, snapshot.fingerprint(profile))

    def _generations(self, session_id: str) -> list[int]:
        return [number for stored in self._store.list(checked(session_id)) if (number := _generation(stored))]

    def _retire(self, session_id: str, generations: list[int]) -> None:
        for generation in generations:
            self._store.delete(_name(session_id, generation))


def _name(session_id: str, generation: int) -> str:
    return f"{checked(session_id)}/{generation:012d}.profile"


def _generation(stored: Stored) -> int:
    match = _NAME.fullmatch(stored.name)
    return int(match[1]) if match else 0
