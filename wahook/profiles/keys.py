"""The key that seals archives: 32 bytes as hex or base64, or a passphrase.

Each archive is sealed with a key of its own, derived from this one and the archive's random salt, so
counters as nonces never repeat under one key. A passphrase is first stretched with scrypt (RFC 7914): 32
MiB, about 0.1 s.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PASSPHRASE = "passphrase:"  # noqa: S105 # how the setting begins
SALT_BYTES = 32
_KEY_BYTES = 32
_LEAST_PASSPHRASE = 16


class Derivation(IntEnum):
    """How a key was made, as an archive's header says."""

    KEY = 1
    PASSPHRASE = 2


@dataclass(frozen=True, slots=True)
class ProfileKey:
    """A parsed key; its secret is kept out of every text form."""

    derivation: Derivation
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> ProfileKey:
        """Read the setting. ValueError that says what it may be, never what it was."""
        text = text.strip()
        if text.startswith(PASSPHRASE):
            return cls._of_passphrase(text.removeprefix(PASSPHRASE).encode())
        for decode in (bytes.fromhex, _base64):
            try:
                secret = decode(text)
            except ValueError:
                continue
            if len(secret) == _KEY_BYTES:
                return cls(Derivation.KEY, secret)
        raise ValueError(
            "PROFILE_KEY must be 32 bytes as 64 hex digits or as base64 (`openssl rand -hex 32`), "
            f"or `{PASSPHRASE}` and at least {_LEAST_PASSPHRASE} characters"
        )

    @classmethod
    def _of_passphrase(cls, phrase: bytes) -> ProfileKey:
        if len(phrase) < _LEAST_PASSPHRASE:
            raise ValueError(f"PROFILE_KEY: a passphrase needs at least {_LEAST_PASSPHRASE} characters")
        return cls(Derivation.PASSPHRASE, phrase)

    def for_archive(self, salt: bytes) -> bytes:
        """The 32 bytes that seal the archive with this salt."""
        secret = self.secret
        if self.derivation is Derivation.PASSPHRASE:
            secret = Scrypt(salt=salt, length=_KEY_BYTES, n=2**15, r=8, p=1).derive(secret)
        return HKDF(SHA256(), _KEY_BYTES, salt=salt, info=b"wahook profile archive 1").derive(secret)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
    except binascii.Error as error:
        raise ValueError(str(error)) from None
