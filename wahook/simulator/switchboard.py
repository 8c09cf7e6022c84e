"""Pages coming and going: hello, QR rotation, linking, login, conflict, ban, unlinking."""

import asyncio
import time
from typing import Any

import segno
import structlog

from wahook.simulator.accounts import Account, Device
from wahook.simulator.errors import ConflictError
from wahook.simulator.faults import PAGE_ACTS, Fault, FaultKind
from wahook.simulator.network import ACK_SERVER, Network
from wahook.simulator.numbers import EVERYBODY
from wahook.simulator.pairing import PairingDesk
from wahook.simulator.wire import Answer, Page

_log = structlog.get_logger(__name__)
OFFLINE_HANG_UP = 0.02  # seconds until a connection that would not come about is closed


class Switchboard:
    """All connected pages, paired or not."""

    def __init__(self, network: Network) -> None:
        """Start with no page connected."""
        self._network = network
        self._desk = PairingDesk()
        self._pages: set[Page] = set()

    # -- pages ---------------------------------------------------------------------------------------

    def hello(self, page: Page, request: dict[str, Any]) -> Answer:
        """The first request of every connection: who is it, and what may it do."""
        self._pages.add(page)
        parts = request["keys"]
        page.keys = ",".join((parts["static"], parts["identity"], parts["secret"]))
        credentials = request.get("device")
        digits = str(credentials["number"]) if credentials else EVERYBODY
        if self._network.is_offline(digits):
            asyncio.get_running_loop().call_later(OFFLINE_HANG_UP, page.hang_up)
            return None
        if not credentials:
            self._rotate(page, 0)
            return {"kind": "unpaired"}
        return self._login(page, digits, credentials)

    def left(self, page: Page) -> None:
        """The connection is over."""
        self._pages.discard(page)
        self._desk.leave(page)
        self._stop_refs(page)
        if page.device is not None and page.device.page is page:
            page.device.page = None

    def settled(self, page: Page) -> None:
        """The page has laid out its login: give it what waited for it, then whatever comes."""
        if page.device is None:
            return
        for record in self._network.repeat_unanswered(self._network.accounts[page.device.number]):
            page.push("ack", chat=record["chat"], id=record["id"], ack=ACK_SERVER, participant=None)
        for record in list(page.device.pending.values()):
            page.push("message", message=record, offline=True)
        page.settled = True
        page.push("offline_done")

    def _login(self, page: Page, digits: str, credentials: dict[str, Any]) -> Answer:
        wait = self._network.ban_left(digits)
        if wait > 0:
            return {"kind": "banned", "seconds": round(wait, 1)}
        device = self._network.device(credentials)
        if device is None:
            reason = self._network.removed.get((digits, int(credentials.get("id", 0))), "unknown_companion")
            return {"kind": "removed", "reason": reason}
        if device.page is not None and device.page is not page:
            self._replace(device.page)
        device.page, page.device, page.settled = page, device, False
        _log.info("simulator.page.login", page=page.id, device=device.id)
        return self._network.login_state(device)

    def _replace(self, page: Page) -> None:
        if page.device is not None:
            page.device.page = None
        page.device = None
        page.push("replaced")
        page.hang_up()

    # -- linking -------------------------------------------------------------------------------------

    def refresh_ref(self, page: Page) -> None:
        """The person asked for a new code."""
        if page.device is None:
            self._rotate(page, 0)

    def _rotate(self, page: Page, shown: int) -> None:
        self._stop_refs(page)
        options = self._network.options
        if shown >= options.qr_count:
            self._desk.withdraw(page)
            page.push("refs_over")
            return
        ref = self._desk.new_ref()
        code = f"{ref},{page.keys}"
        self._desk.show(code, page)
        ttl = options.qr_first if shown == 0 else options.qr_next
        matrix = [
            "".join("1" if cell else "0" for cell in row) for row in segno.make_qr(code, error="l").matrix
        ]
        page.push("ref", ref=ref, ttl=ttl, matrix=matrix)
        page.refs = asyncio.get_running_loop().call_later(ttl, self._rotate, page, shown + 1)

    def _stop_refs(self, page: Page) -> None:
        if page.refs is not None:
            page.refs.cancel()
            page.refs = None

    def pairing_code(self, page: Page, phone: str) -> str:
        """A code that the phone of that number may enter."""
        if page.device is not None:
            raise ConflictError("this page is linked already")
        return self._desk.pairing_code(page, phone)

    def scan(self, digits: str, code: str) -> None:
        """The phone scans what a page shows; see PairingDesk.scan for the refusals."""
        self._pair(digits, self._desk.scan(code))

    def enter_code(self, digits: str, code: str) -> None:
        """The phone enters a pairing code."""
        self._pair(digits, self._desk.enter(code, digits))

    def _pair(self, digits: str, page: Page) -> None:
        self._desk.leave(page)
        self._stop_refs(page)
        device = self._network.account(digits).link()
        page.push("paired", device=device.credentials())
        _log.info("simulator.phone.linked", page=page.id, device=device.id)

    def unlink(self, account: Account, reason: str) -> None:
        """The phone removes all its linked devices; a page that is away learns it at its next connect."""
        if not account.devices:
            raise ConflictError("this phone has no linked device")
        for device in list(account.devices.values()):
            self.remove(device, reason)

    def remove(self, device: Device, reason: str, *, tell: bool = True) -> None:
        """One device is no longer linked."""
        account = self._network.accounts[device.number]
        account.devices.pop(device.id, None)
        self._network.removed[device.number, device.id] = reason
        page, device.page = device.page, None
        if page is not None and tell:
            page.push("logout", reason=reason)

    # -- faults --------------------------------------------------------------------------------------

    def pages_of(self, digits: str) -> list[Page]:
        """The connected pages of this number; EVERYBODY: all, the unpaired ones too."""
        if digits == EVERYBODY:
            return list(self._pages)
        account = self._network.accounts.get(digits)
        return account.pages() if account else []

    def strike(self, digits: str, fault: Fault) -> int:
        """Apply a fault that acts now; how many pages it met.

        ConflictError when it needs a page and none is there.
        """
        pages = self.pages_of(digits)
        if not pages and (fault.kind in PAGE_ACTS or fault.kind is FaultKind.CONFLICT):
            raise ConflictError(f"{fault.kind.value} needs a connected page, and there is none")
        match fault.kind:
            case FaultKind.CONFLICT:
                for page in pages:
                    self._replace(page)
            case FaultKind.OFFLINE:
                self._network.offline.add(digits)
                self._cut(pages)
            case FaultKind.ONLINE:
                self._network.offline.discard(digits)
            case FaultKind.BAN:
                self._network.banned_until[digits] = time.time() + fault.seconds
                for page in pages:
                    page.push("banned", seconds=fault.seconds)
            case FaultKind.CLEAR:
                self._network.faults.clear(digits)
                self._network.offline.discard(digits)
                self._network.banned_until.pop(digits, None)
            case _:
                for page in pages:
                    page.push("fault", **fault.as_json())
        return len(pages)

    def _cut(self, pages: list[Page]) -> None:
        for page in pages:
            page.push("fault", kind="offline")
            page.hang_up()
