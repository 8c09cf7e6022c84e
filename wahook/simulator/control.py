"""The control API under /sim: phones, faults and the ledger, for people and tests on this machine only."""

import ipaddress
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from wahook.simulator import acts
from wahook.simulator.accounts import Account
from wahook.simulator.content import content_of, decoded
from wahook.simulator.errors import ConflictError, NotFoundError, SimulatorError
from wahook.simulator.faults import KEPT, Fault
from wahook.simulator.network import ACK_PLAYED, ACK_READ, Network, new_message_id
from wahook.simulator.numbers import EVERYBODY, address, number, text_field
from wahook.simulator.switchboard import Switchboard

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Under /sim: loopback peers only, no pages of other sites; refusals as JSON {error}."""
    if request.path.startswith("/sim/") and (reason := _refusal(request)):
        return web.json_response({"error": reason}, status=403)
    try:
        return await handler(request)
    except SimulatorError as error:
        return web.json_response({"error": str(error)}, status=error.status)
    except web.HTTPException as error:
        if not request.path.startswith("/sim/"):
            raise
        return web.json_response({"error": error.reason}, status=error.status)


def _refusal(request: web.Request) -> str | None:
    if not _is_loopback(request.remote):
        return "the control API answers loopback peers only"
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        return "the control API does not answer pages of other sites"
    return None


def _is_loopback(remote: str | None) -> bool:
    if remote is None:
        return False
    peer = ipaddress.ip_address(remote)
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json() if request.can_read_body else {}
    except (ValueError, LookupError, RecursionError):  # no JSON, no UTF-8, an unknown charset, too deep
        raise SimulatorError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise SimulatorError("the body must be a JSON object")
    return body


def _number(request: web.Request) -> str:
    return number(request.match_info["number"])


def _number_or_everybody(request: web.Request) -> str:
    return EVERYBODY if request.match_info["number"] == EVERYBODY else _number(request)


def _moment(body: dict[str, Any]) -> int:
    """`t`, in Unix seconds; now when it is not given."""
    given = body.get("t")
    if given is None:
        return int(time.time())
    if not isinstance(given, int) or isinstance(given, bool):
        raise SimulatorError("'t' must be whole Unix seconds")
    return given


class Control:
    """Handlers of the control API."""

    def __init__(self, network: Network, switchboard: Switchboard) -> None:
        """Control this network."""
        self._network = network
        self._switchboard = switchboard

    def routes(self) -> list[web.RouteDef]:
        """All paths."""
        phone = "/sim/phones/{number}"
        return [
            web.get("/sim/ledger", self.ledger),
            web.get(phone, self.phone),
            web.post(f"{phone}/scan", self.scan),
            web.post(f"{phone}/unlink", self.unlink),
            web.post(f"{phone}/messages", self.message),
            web.get(f"{phone}/messages/{{message}}", self.kept),
            *(web.post(f"{phone}/{act}", self.act) for act in acts.ACTS),
            web.post(f"{phone}/call", self.call),
            web.post(f"{phone}/read", self.read),
            web.post(f"{phone}/typing", self.typing),
            web.post(f"{phone}/profile", self.profile),
            web.post(f"{phone}/faults", self.fault),
            web.get(f"{phone}/faults", self.faults),
        ]

    async def ledger(self, request: web.Request) -> web.Response:
        """GET /sim/ledger[?account=]: every message id that reached the wire."""
        account = request.query.get("account")
        return web.json_response(self._network.ledger.of(number(account) if account else None))

    async def phone(self, request: web.Request) -> web.Response:
        """GET /sim/phones/{number}: its state."""
        return web.json_response(_phone_state(self._network.shown_account(_number(request))))

    async def scan(self, request: web.Request) -> web.Response:
        """POST …/scan {code} or {pairingCode}: link the page that shows it."""
        digits, body = _number(request), await _body(request)
        pairing = text_field(body, "pairingCode", required=False)
        code = text_field(body, "code", required=False)
        if (pairing is None) == (code is None):
            raise SimulatorError("give either 'code', the full QR code, or 'pairingCode'")
        if self._network.is_offline(digits):
            raise ConflictError("this phone is offline")
        if code is not None:
            self._switchboard.scan(digits, code)
        else:
            self._switchboard.enter_code(digits, str(pairing))
        return web.json_response(_phone_state(self._network.account(digits)))

    async def unlink(self, request: web.Request) -> web.Response:
        """POST …/unlink {reason?}: the phone removes its linked devices."""
        account = self._network.known_account(_number(request))
        reason = text_field(await _body(request), "reason", required=False) or "LOGOUT"
        self._switchboard.unlink(account, reason)
        return web.json_response(_phone_state(account))

    async def message(self, request: web.Request) -> web.Response:
        """POST …/messages {from, text|media, id?, t?, group?, lid?}: somebody writes to this phone."""
        digits, body = _number(request), await _body(request)
        sender = number(body.get("from"))
        if sender == digits:
            raise SimulatorError("'from' must be another number")
        content = {
            **content_of(body, self._network.media),
            "id": text_field(body, "id", required=False) or new_message_id(),
            "t": _moment(body),
            "byLid": bool(body.get("lid")),
        }
        group = text_field(body, "group", required=False)
        self._network.account(digits)
        self._network.send(sender, group or address(digits), content)
        self._network.accept_ack(sender, content["id"])
        return web.json_response({"id": content["id"]}, status=201)

    async def kept(self, request: web.Request) -> web.Response:
        """GET …/messages/{id}: a message as the server keeps it for this account; 404 when it has none."""
        account = self._network.known_account(_number(request))
        record = account.index.get(request.match_info["message"])
        if record is None:
            raise NotFoundError("this account has no such message")
        return web.json_response(record)

    async def act(self, request: web.Request) -> web.Response:
        """POST …/react|edit|revoke|vote {from, message, text|options}: somebody acts on a message it has."""
        account, body = self._network.known_account(_number(request)), await _body(request)
        record = account.index.get(str(body.get("message")))
        if record is None:
            raise NotFoundError("this account has no such message")
        act = request.path.rpartition("/")[2]
        event, told = acts.apply(act, record, number(body.get("from")), body, new_message_id())
        for page in account.pages():
            page.push(event, chat=record["chat"], **told)
        return web.json_response({"pages": len(account.pages())})

    async def call(self, request: web.Request) -> web.Response:
        """POST …/call {from, video?}: somebody calls this account."""
        account, body = self._network.known_account(_number(request)), await _body(request)
        call = {"id": new_message_id(), "from": address(number(body.get("from")))}
        for page in account.pages():
            page.push("call", **call, video=bool(body.get("video")), t=int(time.time()))
        return web.json_response(call, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """POST …/read {from?, played?}: this phone's owner reads (plays) what it was sent; how many."""
        digits, body = _number(request), await _body(request)
        level = ACK_PLAYED if body.get("played") else ACK_READ
        sender = body.get("from")
        count = 0
        for entry in list(self._network.ledger):
            if (
                entry.to == digits
                and sender in (None, entry.sender)
                and all(ack < level for ack, _ in entry.acks)
            ):
                self._network.receipt(entry.id, level, digits)
                count += 1
        return web.json_response({"read": count})

    async def typing(self, request: web.Request) -> web.Response:
        """POST …/typing {from, state?}: `from` types (composing, recording, available) to this account."""
        account = self._network.known_account(_number(request))
        body = await _body(request)
        sender, state = number(body.get("from")), text_field(body, "state", required=False) or "composing"
        for page in account.pages():
            page.push("chatstate", chat=address(sender), type=state, t=int(time.time()))
        return web.json_response({"pages": len(account.pages())})

    async def profile(self, request: web.Request) -> web.Response:
        """POST …/profile {name?, about?, picture?, business?, labels?}: who this phone is; it is made."""
        account, body = self._network.account(_number(request)), await _body(request)
        account.profile_name = text_field(body, "name", required=False) or account.profile_name
        account.about = text_field(body, "about", required=False) or account.about
        account.business = bool(body.get("business", account.business))
        if picture := text_field(body, "picture", required=False):
            account.picture = self._network.media.put(decoded(picture, "picture"), "image/jpeg")
        if (labels := body.get("labels")) is not None:
            if not isinstance(labels, list):
                raise SimulatorError("'labels' must be a list of names")
            account.labels = [
                {"id": str(place), "name": str(name), "colorIndex": 0} for place, name in enumerate(labels, 1)
            ]
        return web.json_response(_phone_state(account))

    async def fault(self, request: web.Request) -> web.Response:
        """POST …/faults {kind, …}: something goes wrong for this number, 0: for everybody."""
        digits = _number_or_everybody(request)
        fault = Fault.parse(await _body(request))
        if fault.kind in KEPT:
            self._network.faults.add(digits, fault)
            return web.json_response({**fault.as_json(), "pages": len(self._switchboard.pages_of(digits))})
        return web.json_response({**fault.as_json(), "pages": self._switchboard.strike(digits, fault)})

    async def faults(self, request: web.Request) -> web.Response:
        """GET …/faults: what still waits to strike."""
        waiting = self._network.faults.waiting(_number_or_everybody(request))
        return web.json_response([fault.as_json() for fault in waiting])


def _phone_state(account: Account) -> dict[str, Any]:
    pages = account.pages()
    return {
        "linked": bool(account.devices),
        "connected": bool(pages),
        "pages": len(pages),
        "profileName": account.profile_name,
        "waiting": sum(len(device.pending) for device in account.devices.values()),
        "available": account.available,
        "chatstates": account.chatstates,
    }
