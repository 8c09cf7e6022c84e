"""LevelDB's files as bytes: the records of a log, and what a MANIFEST says. Pure.

(github.com/google/leveldb: doc/log_format.md, db/version_edit.cc)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wahook.profiles.errors import ProfileFault

_BLOCK = 32 * 1024
_HEADER = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class DatabaseDamaged(ProfileFault):
    """The files do not make a database."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a MANIFEST says after all its edits. `tables`: number → bytes; logs from `log` on are needed."""

    name: str
    log: int
    previous_log: int
    tables: dict[int, int]


def records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The records of a log or MANIFEST and where each ends; stops at the first that is not whole."""
    position, parts = 0, b""
    while position + _HEADER <= len(data):
        room = _BLOCK - position % _BLOCK
        if room < _HEADER:
            position += room
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        end = position + _HEADER + length
        if kind not in {_FULL, _FIRST, _MIDDLE, _LAST} or _HEADER + length > room or end > len(data):
            return
        body = data[position + _HEADER : end]
        parts = body if kind in {_FULL, _FIRST} else parts + body
        if kind in {_FULL, _LAST}:
            yield parts, end
        position = end


def played(name: str, data: bytes) -> Manifest:
    log = previous = 0
    tables: dict[int, int] = {}
    for record, _ in records(data):
        for edit in _edits(record):
            match edit:
                case ("log", number):
                    log = number
                case ("previous", number):
                    previous = number
                case ("deleted", number):
                    tables.pop(number, None)
                case ("new", number, length):
                    tables[number] = length
    return Manifest(name, log, previous, tables)


class _Fields:
    """Reads LevelDB's varints and strings from one record."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def number(self) -> int:
        value = shift = 0
        while True:
            try:
                byte = self._data[self._position]
            except IndexError:
                raise DatabaseDamaged("an edit of the MANIFEST is cut off") from None
            self._position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def skip_text(self) -> None:
        length = self.number()
        self._position += length


def _edits(record: bytes) -> Iterator[tuple[str, int] | tuple[str, int, int]]:
    fields = _Fields(record)
    while fields:
        match fields.number():
            case 1:  # comparator
                fields.skip_text()
            case 2:
                yield "log", fields.number()
            case 3 | 4:  # next file, last sequence
                fields.number()
            case 5:  # compaction pointer
                fields.number()
                fields.skip_text()
            case 6:
                fields.number()
                yield "deleted", fields.number()
            case 7:
                fields.number()
                number, length = fields.number(), fields.number()
                fields.skip_text()
                fields.skip_text()
                yield "new", number, length
            case 9:
                yield "previous", fields.number()
            case other:
                raise DatabaseDamaged(f"the MANIFEST has an unknown field {other}")
