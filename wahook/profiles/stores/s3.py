"""S3-compatible storage through obstore (the Rust crate object_store): extra `s3`.

Why it: one wheel without dependencies, 5 MB of memory at import (measured beside minio's 12), transfers
without the interpreter's lock, retries with back-off inside, and the same code would speak to Azure and
Google.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from wahook.profiles.errors import ArchiveMissing, StoreFailed
from wahook.profiles.stores.base import Stored

if TYPE_CHECKING:
    from obstore.store import S3Store as ObstoreS3

_CONNECT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where the bucket is and who we are there. `endpoint` None: Amazon's own of the region."""

    bucket: str
    key_id: str
    secret: str = field(repr=False)
    endpoint: str | None = None
    region: str = "us-east-1"


class S3Store:
    """Archives as objects of one bucket, which must exist. A call has `deadline` seconds with retries."""

    def __init__(self, location: S3Location, deadline: float) -> None:
        """No request is made yet. StoreFailed when the extra is missing or the location makes no sense."""
        try:
            import obstore  # noqa: PLC0415 # an optional extra
            from obstore.exceptions import BaseError  # noqa: PLC0415
            from obstore.store import S3Store as Bucket  # noqa: PLC0415
        except ImportError:
            raise StoreFailed("PROFILE_STORE=s3 needs the extra `s3`: pip install 'wahook[s3]'") from None
        self.location = location
        self._api = obstore
        self._failures = BaseError
        limit = timedelta(seconds=deadline)
        try:
            self._bucket: ObstoreS3 = Bucket(
                location.bucket,
                access_key_id=location.key_id,
                secret_access_key=location.secret,
                region=location.region,
                endpoint=location.endpoint or f"https://s3.{location.region}.amazonaws.com",
                client_options={
                    "allow_http": (location.endpoint or "").startswith("http://"),
                    "timeout": limit,
                    "connect_timeout": min(limit, _CONNECT),
                },
                retry_config={"max_retries": 3, "retry_timeout": limit},
            )
        except BaseError as error:
            raise StoreFailed(f"S3: {_short(error)}") from None

    def put(self, name: str, source: Path) -> None:
        with self._told():
            self._api.put(self._bucket, name, source)

    def get(self, name: str, target: Path) -> None:
        with self._told(missing=name), target.open("xb") as file:
            for data in self._api.get(self._bucket, name).stream(min_chunk_size=1 << 20):
                file.write(data)

    def list(self, folder: str) -> list[Stored]:
        with self._told():
            found = self._api.list_with_delimiter(self._bucket, folder)["objects"]
        # some servers show an emptied folder as an object of its own
        objects = [Stored(o["path"], o["size"]) for o in found if o["path"].startswith(f"{folder}/")]
        return sorted(objects, key=lambda stored: stored.name)

    def delete(self, name: str) -> None:
        with contextlib.suppress(ArchiveMissing), self._told(missing=name):
            self._api.delete(self._bucket, name)

    @contextlib.contextmanager
    def _told(self, missing: str | None = None) -> Iterator[None]:
        """Turn what obstore raises into our errors."""
        try:
            yield
        except FileNotFoundError as error:
            if missing is not None:
                raise ArchiveMissing(missing) from None
            raise StoreFailed(f"S3: {_short(error)}") from None
        except (self._failures, OSError) as error:
            raise StoreFailed(f"S3: {_short(error)}") from None


def _short(error: BaseException) -> str:
    """The first line: what follows may repeat the whole request."""
    return str(error).partition("\n")[0][:200]
