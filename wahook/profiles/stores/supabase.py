"""Supabase Storage through storage3, the storage part of the `supabase` package: extra `supabase`.

storage3 hands a download over as one piece, so restoring takes as much memory as the archive has bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wahook.profiles.errors import ArchiveMissing, StoreFailed
from wahook.profiles.stores.base import Stored

if TYPE_CHECKING:
    from storage3 import SyncStorageClient
    from storage3.types import FileOptions, ListBucketFilesOptions

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class SupabaseLocation:
    """`url` of the project, as SUPABASE_URL; `key`: the service (secret) one; archives are nobody else's."""

    url: str
    bucket: str
    key: str = field(repr=False)


class SupabaseStore:
    """Archives as objects of one private bucket, made at the first `put` if it is missing."""

    def __init__(self, location: SupabaseLocation, deadline: float) -> None:
        """No request is made yet. StoreFailed when the extra is not installed."""
        try:
            import httpx  # noqa: PLC0415 # both come with an optional extra
            from storage3 import SyncStorageClient  # noqa: PLC0415
            from storage3.exceptions import StorageApiError  # noqa: PLC0415

            from wahook.supabase.project import Project  # noqa: PLC0415 # shared with the mirror
        except ImportError:
            raise StoreFailed("PROFILE_STORE=supabase needs the extra `supabase`") from None
        self.location = location
        self._refusal = StorageApiError
        self._failures = (StorageApiError, httpx.HTTPError, OSError)
        self._name = location.bucket
        project = Project(location.url, location.key)
        self._client: SyncStorageClient = SyncStorageClient(
            project.storage,
            project.headers,
            http_client=httpx.Client(timeout=deadline, follow_redirects=False),
        )

    def put(self, name: str, source: Path) -> None:
        with self._told():
            try:
                self._upload(name, source)
            except self._refusal as error:
                if not _is_missing(error):
                    raise
                self._client.create_bucket(self._name, options={"public": False})
                self._upload(name, source)

    def _upload(self, name: str, source: Path) -> None:
        options: FileOptions = {"upsert": "true", "content-type": "application/octet-stream"}
        self._client.from_(self._name).upload(name, source, options)

    def get(self, name: str, target: Path) -> None:
        with self._told(missing=name), target.open("xb") as file:
            file.write(self._client.from_(self._name).download(name))

    def list(self, folder: str) -> list[Stored]:
        options: ListBucketFilesOptions = {
            "limit": _PAGE,
            "offset": 0,
            "sortBy": {"column": "name", "order": "asc"},
        }
        try:
            with self._told(missing=folder):
                found = self._client.from_(self._name).list(f"{folder}/", options)
        except ArchiveMissing:
            return []
        objects = [entry for entry in found if entry["id"]]  # those without are folders
        return [
            Stored(f"{folder}/{_last(o['name'])}", int((o["metadata"] or {}).get("size", 0))) for o in objects
        ]

    def delete(self, name: str) -> None:
        with contextlib.suppress(ArchiveMissing), self._told(missing=name):
            self._client.from_(self._name).remove([name])

    @contextlib.contextmanager
    def _told(self, missing: str | None = None) -> Iterator[None]:
        """Turn what storage3 raises into our errors; a 404 means ArchiveMissing if there may be nothing."""
        try:
            yield
        except self._failures as error:
            if missing is not None and _is_missing(error):
                raise ArchiveMissing(missing) from None
            raise StoreFailed(f"Supabase: {_short(error)}") from None


def _is_missing(error: Exception) -> bool:
    """Supabase says 400 for a missing object or bucket and puts the 404 into the body; older ones say 404."""
    return str(getattr(error, "status", "")) == "404"


def _last(name: str) -> str:
    """A name without its folder: Supabase tells it so, other servers of the protocol the whole path."""
    return name.rpartition("/")[2]


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:200]
