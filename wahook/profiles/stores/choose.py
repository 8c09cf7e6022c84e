"""The store that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from wahook.profiles.stores.base import ArchiveStore
from wahook.profiles.stores.bounded import Bounded
from wahook.profiles.stores.directory import DirectoryStore
from wahook.profiles.stores.s3 import S3Location, S3Store
from wahook.profiles.stores.supabase import SupabaseLocation, SupabaseStore


class StoreKind(StrEnum):
    DIRECTORY = "directory"
    S3 = "s3"
    SUPABASE = "supabase"


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What `wahook.settings` knows of the store. `url`: a folder, an S3 endpoint, or a Supabase project."""

    kind: StoreKind
    url: str | None
    bucket: str
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    region: str = "us-east-1"
    deadline: float = 60.0  # seconds for one transfer


def open_store(settings: StoreSettings) -> ArchiveStore:
    """The store, bounded. ValueError that names the missing setting; StoreFailed if its extra is missing."""
    return Bounded(_make(settings), settings.deadline)


def _make(settings: StoreSettings) -> ArchiveStore:
    match settings.kind:
        case StoreKind.DIRECTORY:
            return DirectoryStore(Path(_needed(settings.url, "PROFILE_STORE_URL (a folder)")))
        case StoreKind.S3:
            location = S3Location(
                settings.bucket,
                _needed(settings.key_id, "PROFILE_STORE_KEY_ID"),
                _needed(settings.secret, "PROFILE_STORE_SECRET"),
                settings.url,
                settings.region,
            )
            return S3Store(location, settings.deadline)
        case StoreKind.SUPABASE:
            url = _needed(settings.url, "SUPABASE_URL or PROFILE_STORE_URL")
            secret = _needed(settings.secret, "SUPABASE_SERVICE_KEY or PROFILE_STORE_SECRET")
            return SupabaseStore(SupabaseLocation(url, settings.bucket, secret), settings.deadline)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise ValueError(f"the store of profiles needs {name}")
    return value
