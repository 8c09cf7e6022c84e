"""Files on the volume, named by a hash of what is in them and what is said of them, which lies beside each.

The same bytes under another name are another file: nobody names what somebody else has sent. A file is there
as a whole or not at all: it is written aside, flushed to disk, then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from actors.errors import Fault, RuleBroken
from actors.model import JSON
from wahook.media import kinds


class VolumeFault(Fault):
    """The volume does not take the file: full, or away."""


@contextmanager
def volume_faults() -> Iterator[None]:
    """The disk's errors under our name; what was half written is removed by whoever wrote."""
    try:
        yield
    except OSError as error:
        raise VolumeFault(f"the volume does not take the file: {error.strerror or error}") from error


ID = re.compile("media_[0-9a-f]{64}")
STALE = 3600.0  # seconds after which an unfinished file is nobody's
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is there. `size` in bytes; `media_id` holds the SHA-256 of it, its type and its name."""

    media_id: str
    mimetype: str
    size: int
    filename: str | None = None

    def as_json(self, kind: str) -> dict[str, JSON]:
        """As a message's content says it."""
        return {
            "id": self.media_id,
            "kind": kind,
            "mimetype": self.mimetype,
            "size": self.size,
            "filename": self.filename,
        }


class MediaStore:
    """Blocking; any thread. `limit` in bytes, for one file."""

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit

    def writing(self) -> Writing:
        """A file to be written: a context manager; what is not finished when it ends is removed."""
        with volume_faults():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Writing(self)

    def path(self, media_id: str) -> Path:
        """Where the file lies, if it is there. RuleBroken("unknown_media") for what is no id of ours."""
        if not ID.fullmatch(media_id):
            raise RuleBroken("unknown_media", "there is no such file")
        return self.root / media_id

    def find(self, media_id: str) -> Stored:
        """What is known of a file. RuleBroken("unknown_media") when it is gone."""
        path = self.path(media_id)
        try:
            said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            size = path.stat().st_size
        except (OSError, ValueError):
            raise RuleBroken("unknown_media", "there is no such file, or its time is over") from None
        return Stored(media_id, said["mimetype"], size, said.get("filename"))

    def touch(self, media_id: str) -> None:
        """Begin its time anew."""
        for path in (self.path(media_id), self.path(media_id).with_suffix(".json")):
            os.utime(path)

    def sweep(self, older_than: float, keep: Collection[str]) -> int:
        """Remove what was last touched more than that many seconds ago, but for `keep`; how many files."""
        now, gone = time.time(), 0
        for path in list(self.root.glob("*")) if self.root.is_dir() else []:
            if path.is_dir():
                continue
            unfinished = path.suffix == ".part"
            age = now - _touched(path)
            if age > (STALE if unfinished else older_than) and path.stem not in keep:
                path.unlink(missing_ok=True)
                gone += path.suffix == ""
        return gone


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


class Writing:
    """One file on its way in."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._path = store.root / f"{secrets.token_hex(16)}.part"
        self._file = os.fdopen(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._hash = hashlib.sha256()
        self.size = 0
        self.head = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be flushed was told already
            self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """The next bytes. RuleBroken("media_too_large"), VolumeFault."""
        self.size += len(data)
        if self.size > self._store.limit:
            raise RuleBroken("media_too_large", f"a file may have {self._store.limit // _MEGABYTE} MB")
        if len(self.head) < kinds.HEAD:
            self.head += data[: kinds.HEAD]
        self._hash.update(data)
        with volume_faults():
            self._file.write(data)

    def finish(self, said: str | None, filename: str | None) -> Stored:
        """Flush it to disk under its name. RuleBroken("media_invalid") for an empty one; VolumeFault."""
        if self.size == 0:
            raise RuleBroken("media_invalid", "the file is empty")
        mimetype = kinds.mimetype_of(self.head, said)
        self._hash.update(json.dumps([mimetype, filename]).encode())
        stored = Stored(f"media_{self._hash.hexdigest()}", mimetype, self.size, filename)
        with volume_faults():
            self._file.flush()
            os.fsync(self._file.fileno())
            path = self._store.path(stored.media_id)
            beside = self._path.with_suffix(".said.part")
            beside.write_text(json.dumps(asdict(stored)), encoding="utf-8")
            beside.replace(path.with_suffix(".json"))
            self._path.replace(path)
            _sync(self._store.root)
        return stored


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
