"""The Protocol that every store of archives fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in a store. `size` in bytes."""

    name: str
    size: int


class ArchiveStore(Protocol):
    """Named files elsewhere. Names are `folder/file` of letters, digits and `_.@+-`, made by `remote`.

    Every call blocks, may be made from any thread, and raises StoreFailed when the store does not answer in
    its time or refuses. Objects are whole or absent: a `put` that was interrupted leaves nothing under its
    name.
    """

    def put(self, name: str, source: Path) -> None:
        """Store a file's content, over what had the name."""
        ...

    def get(self, name: str, target: Path) -> None:
        """Write the content into a new file. ArchiveMissing; after an error `target` may hold rubbish."""
        ...

    def list(self, folder: str) -> list[Stored]:
        """What is directly in a folder, by name; an unknown folder is empty."""
        ...

    def delete(self, name: str) -> None:
        """Remove it; nothing happens if there is no such thing."""
        ...
