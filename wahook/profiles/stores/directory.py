"""A folder as a store: another volume, or a network file system. As fast as the disk; see `bounded`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

from wahook.profiles.errors import ArchiveMissing, StoreFailed
from wahook.profiles.names import refuse_symlink
from wahook.profiles.stores.base import Stored

_PART = ".part-"


class DirectoryStore:
    """Archives as files, 0600, each renamed into place when it is whole and on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, source: Path) -> None:
        path = self._path(name)
        part = path.with_name(f"{_PART}{uuid4().hex}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source.open("rb") as content, part.open("xb") as file:
                part.chmod(0o600)
                shutil.copyfileobj(content, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StoreFailed(f"the folder of archives: {error.strerror}") from error

    def get(self, name: str, target: Path) -> None:
        try:
            with self._path(name).open("rb") as content, target.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        except FileNotFoundError:
            raise ArchiveMissing(name) from None
        except OSError as error:
            raise StoreFailed(f"the folder of archives: {error.strerror}") from error

    def list(self, folder: str) -> list[Stored]:
        try:
            entries = sorted(self._path(folder).iterdir())
            return [
                Stored(f"{folder}/{e.name}", e.stat().st_size)
                for e in entries
                if not e.name.startswith(_PART)
            ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreFailed(f"the folder of archives: {error.strerror}") from error

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreFailed(f"the folder of archives: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise StoreFailed("a name leads out of the folder of archives")
        refuse_symlink(self._root / parts[0])
        return self._root.joinpath(*parts)
