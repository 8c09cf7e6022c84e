"""Linking: QR codes that rotate, pairing codes, and who shows them."""

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wahook.simulator.errors import GoneError, NotFoundError

if TYPE_CHECKING:
    from wahook.simulator.wire import Page

PAIRING_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
PAIRING_SECONDS = 195.0
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A code that one phone may enter until then (monotonic seconds)."""

    page: "Page"
    phone: str
    until: float


@dataclass(slots=True)
class PairingDesk:
    """Which code belongs to which unpaired page."""

    _codes: dict[str, "Page"] = field(default_factory=dict)
    _stale: dict[str, None] = field(default_factory=dict)
    _pairing: dict[str, PairingCode] = field(default_factory=dict)

    def new_ref(self) -> str:
        """The part of a QR code that rotates."""
        return f"2@{secrets.token_urlsafe(96)}"

    def show(self, code: str, page: "Page") -> None:
        """This full QR code is on that page's screen now; the one before no longer."""
        self.withdraw(page)
        self._codes[code] = page

    def withdraw(self, page: "Page") -> None:
        """The page shows no QR code any more."""
        for code in [known for known, owner in self._codes.items() if owner is page]:
            del self._codes[code]
            self._stale[code] = None
            if len(self._stale) > _REMEMBERED:
                self._stale.pop(next(iter(self._stale)))

    def leave(self, page: "Page") -> None:
        """The page is gone, with all its codes."""
        self.withdraw(page)
        self._pairing = {code: entry for code, entry in self._pairing.items() if entry.page is not page}

    def scan(self, code: str) -> "Page":
        """The page that shows this code; GoneError when it was rotated away, NotFoundError when unknown.

        A code may end in one more comma-separated part, the platform, as newer pages append it.
        """
        for candidate in (code, code.rpartition(",")[0]):
            if candidate in self._codes:
                return self._codes[candidate]
            if candidate in self._stale:
                raise GoneError("this QR code was rotated away; scan the one on the screen now")
        raise NotFoundError("no page shows this QR code; the full code is needed, with all its four parts")

    def pairing_code(self, page: "Page", phone: str) -> str:
        """A new eight-character code for this phone; the page's earlier one is void."""
        self._pairing = {code: entry for code, entry in self._pairing.items() if entry.page is not page}
        code = "".join(secrets.choice(PAIRING_ALPHABET) for _ in range(8))
        self._pairing[code] = PairingCode(page, phone, time.monotonic() + PAIRING_SECONDS)
        return code

    def enter(self, code: str, phone: str) -> "Page":
        """The page that waits for this pairing code from this phone."""
        entry = self._pairing.get(code.replace("-", "").upper())
        if entry is None or entry.phone != phone:
            raise NotFoundError("no page waits for this pairing code from this phone")
        if entry.until < time.monotonic():
            raise GoneError("this pairing code has expired")
        return entry.page
