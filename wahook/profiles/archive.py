"""A folder as one sealed file, and back: tar, gzip, then `sealed`. Streams; memory stays flat.

gzip and not zstd: Python has it built in, and a trimmed profile is a few megabytes that LevelDB has mostly
compressed already. The version in the header leaves room for another.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from wahook.profiles import sealed
from wahook.profiles.errors import ArchiveDamaged
from wahook.profiles.keys import ProfileKey

_LEVEL = 1  # LevelDB compresses already: 6 takes twice the time for a few per cent
MOST_BYTES = 2 * 1024**3  # unpacked; more than any profile, less than what a bomb would write
MOST_FILES = 100_000


def pack(folder: Path, target: Path, key: ProfileKey, session_id: str) -> int:
    """Write the plain files of a folder as a sealed archive; its size in bytes."""
    with target.open("xb") as file, sealed.SealingWriter(file, key, session_id) as sealing:
        target.chmod(0o600)
        with (
            gzip.GzipFile(
                fileobj=cast("BinaryIO", sealing), mode="wb", compresslevel=_LEVEL, mtime=0
            ) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    add(tar, path, str(path.relative_to(folder)))
    return target.stat().st_size


def add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """Put a file under a name, for its owner's eyes only."""
    info = tarfile.TarInfo(name)
    with path.open("rb") as file:
        info.size = path.stat().st_size
        info.mtime = path.stat().st_mtime
        info.mode = 0o600
        tar.addfile(info, file)


def unpack(source: Path, folder: Path, key: ProfileKey, session_id: str) -> None:
    """Write an archive's files into an empty folder. ArchiveDamaged, WrongKey; the folder is then rubbish.

    The files are written by their checked names alone: no links, devices, owners, or paths that lead outside,
    whatever the archive says.
    """
    sealed.check(source)
    with source.open("rb") as file:
        opening = sealed.OpeningReader(file, source.stat().st_size, key, session_id)
        try:
            with (
                gzip.GzipFile(fileobj=io.BufferedReader(opening)) as plain,
                tarfile.open(fileobj=plain, mode="r|") as tar,
            ):
                extract(tar, folder, most_bytes=MOST_BYTES, most_files=MOST_FILES)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ArchiveDamaged(f"its content cannot be read: {type(error).__name__}") from None


def extract(
    tar: tarfile.TarFile, folder: Path, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES
) -> None:
    """Write its files by their checked names alone. ArchiveDamaged; the folder is then rubbish."""
    room, files = most_bytes, 0
    for member in tar:
        room, files = room - member.size, files + 1
        if room < 0 or files > most_files:
            raise ArchiveDamaged("it holds more than it can")
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise ArchiveDamaged("it holds something else than files")
        try:
            _write(folder / _inside(member.name), content)
        except (FileExistsError, NotADirectoryError):
            raise ArchiveDamaged("it holds one path twice") from None


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        while data := content.read(1 << 20):
            file.write(data)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name or "\\" in name:
        raise ArchiveDamaged("it holds a path that leads outside")
    return path
