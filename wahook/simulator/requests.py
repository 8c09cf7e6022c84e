"""What pages ask of the server: linking here, the rest by subject in messaging, people and memberships."""

from typing import Any

from wahook.simulator.calls import Call, Operations, nothing
from wahook.simulator.errors import ConflictError, SimulatorError
from wahook.simulator.memberships import Memberships
from wahook.simulator.messaging import Messaging
from wahook.simulator.network import Network
from wahook.simulator.people import People
from wahook.simulator.switchboard import Switchboard
from wahook.simulator.wire import Answer, Page


class PageRequests:
    """Dispatches by `op`. Every operation but the first few needs a logged-in page."""

    def __init__(self, network: Network, switchboard: Switchboard) -> None:
        """Serve this network's pages."""
        self._network = network
        self._switchboard = switchboard
        self._logged_in: Operations = {
            "sync_done": self._sync_done,
            "logout": self._logout,
            "subscribe": nothing,
            **Messaging(network).operations(),
            **People(network).operations(),
            **Memberships(network).operations(),
        }

    def handle(self, page: Page, request: dict[str, Any]) -> Answer:
        """The answer, None for none (yet); raises SimulatorError to refuse."""
        match request.get("op"):
            case "hello":
                return self._switchboard.hello(page, request)
            case "refresh_ref":
                self._switchboard.refresh_ref(page)
                return {}
            case "link_code":
                return {"code": self._switchboard.pairing_code(page, str(request["phone"]))}
            case "presence":
                if page.device is not None:
                    self._network.accounts[page.device.number].available = bool(request.get("available"))
                return {}
            case operation:
                return self._logged_in_operation(page, str(operation), request)

    def _logged_in_operation(self, page: Page, operation: str, request: dict[str, Any]) -> Answer:
        if operation not in self._logged_in:
            raise SimulatorError(f"unknown operation {operation!r}")
        if page.device is None:
            raise ConflictError("not logged in")
        account = self._network.accounts[page.device.number]
        return self._logged_in[operation](Call(page, account, request))

    def _sync_done(self, call: Call) -> Answer:
        self._switchboard.settled(call.page)
        return {}

    def _logout(self, call: Call) -> Answer:
        if call.page.device is not None:
            self._switchboard.remove(call.page.device, str(call.request.get("reason")), tell=False)
        return {}
