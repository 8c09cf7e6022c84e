"""The files in which IndexedDB keeps large values: `{origin}.indexeddb.blob/{database}/{two}/{number}`.

Chromium writes such a file before the record that names it, never changes it, and deletes it after the
record is gone. So those that a copy of the database names are among what is there just before and just
after the copy, but for files that came and went within. Numbers count up per database: one that is missing
between the newest before and the newest after may have been such a file, and the copy is tried again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from wahook.profiles.leveldb import link_or_copy


class Blobs:
    """Implements `leveldb.Beside` for one origin. What it takes adds up over attempts: no harm."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._known: dict[str, set[int]] = {}
        self._newest: dict[str, int] = {}
        self._take()

    def before(self) -> None:
        self._take()
        self._newest = {database: max(numbers) for database, numbers in self._known.items()}

    def after(self) -> bool:
        self._take()
        return not any(self._gaps(database) for database in self._known)

    def _gaps(self, database: str) -> bool:
        """Whether a number since `before` is unknown; a new database counts from its first."""
        numbers = self._known[database]
        since = self._newest.get(database, min(numbers))
        return any(number not in numbers for number in range(since + 1, max(numbers)))

    def _take(self) -> None:
        for database, number, path in _listed(self._source):
            known = self._known.setdefault(database, set())
            if number not in known:
                place = self._target / path.relative_to(self._source)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with contextlib.suppress(
                    FileNotFoundError
                ):  # deleted since it was listed: a gap, if it matters
                    link_or_copy(path, place)
                    known.add(number)
        self._known = {database: numbers for database, numbers in self._known.items() if numbers}


def _listed(folder: Path) -> Iterator[tuple[str, int, Path]]:
    for top, _, names in os.walk(folder):  # does not follow links
        for name in names:
            path = Path(top, name)
            with contextlib.suppress(ValueError):
                if not path.is_symlink():
                    yield path.relative_to(folder).parts[0], int(name, 16), path
