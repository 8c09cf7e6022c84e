"""Profiles: where a login lives. On this disk (LocalAuth), and sealed in a store elsewhere (RemoteAuth)."""

from wahook.profiles.errors import (
    ArchiveDamaged,
    ArchiveMissing,
    BadSessionId,
    ProfileChanging,
    ProfileFault,
    ProfileInUse,
    StoreFailed,
    UnsafePath,
    WrongKey,
)
from wahook.profiles.importing import found_in, import_profile
from wahook.profiles.keeper import Keeper, VoidProfiles
from wahook.profiles.keys import ProfileKey
from wahook.profiles.local import Profiles
from wahook.profiles.locks import ProfileLock
from wahook.profiles.remote import RemoteProfiles
from wahook.profiles.tenancy import Tenant

__all__ = [
    "ArchiveDamaged",
    "ArchiveMissing",
    "BadSessionId",
    "Keeper",
    "ProfileChanging",
    "ProfileFault",
    "ProfileInUse",
    "ProfileKey",
    "ProfileLock",
    "Profiles",
    "RemoteProfiles",
    "StoreFailed",
    "Tenant",
    "UnsafePath",
    "VoidProfiles",
    "WrongKey",
    "found_in",
    "import_profile",
]
