"""What can go wrong with profiles and their archives.

Fault
└─ ProfileFault
   ├─ ProfileInUse        somebody holds the profile's lock
   ├─ UnsafePath          a symbolic link or another kind of file where a folder should be
   ├─ ProfileChanging     no consistent copy within the attempts; the next one may succeed
   ├─ ArchiveMissing      the store has nothing under that name
   ├─ ArchiveDamaged      truncated, altered, or not an archive of ours
   ├─ WrongKey            whole and unaltered, but the key does not open it
   └─ StoreFailed         the store did not answer, or refused
RuleBroken
└─ BadSessionId           not a name that may become a folder
"""

from __future__ import annotations

from actors.errors import Fault, RuleBroken


class ProfileFault(Fault):
    """Base of the faults of profiles."""


class ProfileInUse(ProfileFault):
    """Somebody holds the profile's lock. `holder` says who, as far as the lock file tells."""

    def __init__(self, session_id: str, holder: str) -> None:
        super().__init__(f"the profile of {session_id} is in use by {holder}")
        self.holder = holder


class UnsafePath(ProfileFault):
    """Something else than a plain folder or file stands where the profile should be."""


class ProfileChanging(ProfileFault):
    """The browser changed the profile during every attempt to copy it."""


class ArchiveMissing(ProfileFault):
    """The store has no such archive."""


class ArchiveDamaged(ProfileFault):
    """The archive is truncated, altered, or none of ours."""


class WrongKey(ProfileFault):
    """The archive is whole, but was sealed with another key."""


class StoreFailed(ProfileFault):
    """The store did not answer in time, or refused. Worth another try."""


class BadSessionId(RuleBroken):
    """The id cannot name a folder."""

    def __init__(self) -> None:
        super().__init__("bad_session_id", "a session id is up to 128 letters, digits, and _ . @ + -")
