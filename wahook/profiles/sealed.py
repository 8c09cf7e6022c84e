"""The sealed form of an archive: a stream in authenticated chunks, readable from the first byte to the last.

    magic     8   b"WAHOOKPF"
    version   1   1
    key       1   how the key is made (`keys.Derivation`)
    salt      32
    name      2 + n   length (big-endian) and UTF-8 of the session's id
    chunks        AES-256-GCM of 64 KiB each, the last one shorter or empty
    checksum  32  SHA-256 of all before it

Nonce of a chunk: 7 zero bytes, its number (4 bytes), and 1 for the last chunk (the STREAM construction), so
chunks cannot be reordered, repeated, or cut off at the end. The header is authenticated with every chunk,
so an archive cannot pass for another session's. The checksum tells a damaged archive from a wrong key.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wahook.profiles.errors import ArchiveDamaged, WrongKey
from wahook.profiles.keys import SALT_BYTES, Derivation, ProfileKey

_MAGIC = b"WAHOOKPF"
VERSION = 1
_CHUNK = 64 * 1024
_TAG = 16
_SUM = 32


def _header(derivation: Derivation, salt: bytes, session_id: str) -> bytes:
    name = session_id.encode()
    return _MAGIC + bytes((VERSION, derivation)) + salt + len(name).to_bytes(2, "big") + name


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + bytes((last,))


class SealingWriter(io.RawIOBase):
    """Seals what is written to it; `close` writes the last chunk and the checksum, not `target`'s end."""

    def __init__(self, target: BinaryIO, key: ProfileKey, session_id: str) -> None:
        salt = os.urandom(SALT_BYTES)
        self._target = target
        self._sum = hashlib.sha256()
        self._cipher = AESGCM(key.for_archive(salt))
        self._header = _header(key.derivation, salt, session_id)
        self._number = 0
        self._waiting = bytearray()
        self._put(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._waiting += data
        while len(self._waiting) > _CHUNK:
            self._seal(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._seal(bytes(self._waiting), last=True)
            self._target.write(self._sum.digest())
        super().close()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._number, last=last), plain, self._header))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._sum.update(data)
        self._target.write(data)


def check(path: Path) -> None:
    """ArchiveDamaged unless the file is an archive of ours that matches its checksum."""
    total, left = hashlib.sha256(), path.stat().st_size - _SUM
    if left < len(_MAGIC):
        raise ArchiveDamaged("too short for an archive")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ArchiveDamaged("not an archive of a profile")
        total.update(_MAGIC)
        left -= len(_MAGIC)
        while left:
            data = file.read(min(left, 1 << 20))
            if not data:
                raise ArchiveDamaged("it became shorter while it was read")
            total.update(data)
            left -= len(data)
        if file.read() != total.digest():
            raise ArchiveDamaged("its checksum does not match")


class OpeningReader(io.RawIOBase):
    """Reads what a SealingWriter sealed. Use `check` first: then a failure here means the wrong key."""

    def __init__(self, source: BinaryIO, length: int, key: ProfileKey, session_id: str) -> None:
        """`length`: bytes of the whole archive. ArchiveDamaged, WrongKey."""
        head = source.read(len(_MAGIC) + 2)
        if head[: len(_MAGIC)] != _MAGIC or len(head) < len(_MAGIC) + 2:
            raise ArchiveDamaged("not an archive of a profile")
        if head[-2] != VERSION:
            raise ArchiveDamaged(f"version {head[-2]} of the format, but only {VERSION} is known here")
        if head[-1] != key.derivation:
            raise WrongKey("it was sealed with a key of another kind (key or passphrase)")
        salt = source.read(SALT_BYTES)
        name = source.read(int.from_bytes(source.read(2), "big"))
        if name != session_id.encode():
            raise ArchiveDamaged("it is the archive of another session")
        self._header = _header(key.derivation, salt, session_id)
        self._cipher = AESGCM(key.for_archive(salt))
        self._chunks = self._open(source, length - len(self._header) - _SUM)
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            try:
                self._ready = next(self._chunks)
            except StopIteration:
                return 0
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def _open(self, source: BinaryIO, left: int) -> Iterator[bytes]:
        number = 0
        while left > 0:
            size = min(left, _CHUNK + _TAG)
            left -= size
            try:
                yield self._cipher.decrypt(_nonce(number, last=left == 0), source.read(size), self._header)
            except InvalidTag:
                raise WrongKey("the key does not open this archive") from None
            number += 1
