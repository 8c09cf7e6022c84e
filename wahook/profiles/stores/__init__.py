"""Where archives are kept: a folder, S3 storage, Supabase Storage. One Protocol, the same tests."""

from wahook.profiles.stores.base import ArchiveStore, Stored
from wahook.profiles.stores.bounded import Bounded
from wahook.profiles.stores.choose import open_store
from wahook.profiles.stores.directory import DirectoryStore

__all__ = ["ArchiveStore", "Bounded", "DirectoryStore", "Stored", "open_store"]
