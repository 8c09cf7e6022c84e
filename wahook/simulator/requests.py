"""What pages ask of the server: one small function per operation."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from wahook.simulator.accounts import Account, Record
from wahook.simulator.errors import ConflictError, SimulatorError
from wahook.simulator.faults import FaultKind
from wahook.simulator.network import ACK_PLAYED, ACK_READ, Network
from wahook.simulator.numbers import address, is_on_whatsapp, lid, number_of_lid, user
from wahook.simulator.switchboard import Switchboard
from wahook.simulator.wire import Answer, Page

Request = dict[str, Any]


class PageRequests:
    """Dispatches by `op`. Every operation but the first few needs a logged-in page."""

    def __init__(self, network: Network, switchboard: Switchboard) -> None:
        """Serve this network's pages."""
        self._network = network
        self._switchboard = switchboard
        self._open: dict[str, Callable[[Page, Request], Answer]] = {
            "hello": switchboard.hello,
            "refresh_ref": self._refresh_ref,
            "link_code": self._link_code,
            "presence": lambda page, request: {},
        }
        self._logged_in: dict[str, Callable[[Page, Account, Request], Answer]] = {
            "sync_done": self._sync_done, "logout": self._logout, "send": self._send, "got": self._got,
            "seen": self._seen, "played": self._played, "mark_unread": self._mark_unread,
            "query_exists": self._query_exists, "picture": self._picture, "about": self._about,
            "set_pushname": self._set_pushname, "set_about": self._set_about, "set_picture": self._set_picture,
            "history": self._history, "get_message": self._get_message, "chatstate": self._chatstate,
            "subscribe": lambda page, account, request: {}, "block": lambda page, account, request: {},
            "edit": self._edit, "revoke": self._revoke, "delete": self._delete, "clear": self._clear,
            "react": self._react, "group": self._group, "group_create": self._group_create,
            "group_change": self._group_change, "group_invite": self._group_invite,
        }

    def handle(self, page: Page, request: Request) -> Answer:
        """The answer, None for none (yet); raises SimulatorError to refuse."""
        operation = request.get("op")
        if operation in self._open:
            return self._open[operation](page, request)
        if operation not in self._logged_in:
            raise SimulatorError(f"unknown operation {operation!r}")
        if page.device is None:
            raise ConflictError("not logged in")
        return self._logged_in[operation](page, self._network.accounts[page.device.number], request)

    # -- linking -------------------------------------------------------------------------------------

    def _refresh_ref(self, page: Page, request: Request) -> Answer:  # noqa: ARG002
        self._switchboard.refresh_ref(page)
        return {}

    def _link_code(self, page: Page, request: Request) -> Answer:
        return {"code": self._switchboard.pairing_code(page, str(request["phone"]))}

    def _sync_done(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        self._switchboard.settled(page)
        return {}

    def _logout(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        if page.device is not None:
            self._switchboard.remove(page.device, str(request.get("reason")), tell=False)
        return {}

    # -- messages ------------------------------------------------------------------------------------

    def _send(self, page: Page, account: Account, request: Request) -> Answer:
        message = dict(request["message"])
        faults, digits = self._network.faults, account.number
        if failure := faults.take(digits, FaultKind.SEND_ERROR):
            if failure.reject:
                raise SimulatorError(failure.result)
            return {"result": failure.result}
        chat = str(message.pop("chat"))
        self._network.send(digits, chat, message, retransmit=bool(request.get("retransmit")))
        if faults.take(digits, FaultKind.LOST_ACK):
            self._network.mute(message["id"])
            return None
        answer = {"result": "OK", "t": message["t"]}
        if slow := faults.take(digits, FaultKind.SLOW_ACK):
            self._network.later(slow.seconds, lambda: self._confirm(page, request, digits, answer))
            return None
        self._network.accept_ack(digits, message["id"])
        return answer

    def _confirm(self, page: Page, request: Request, digits: str, answer: dict[str, Any]) -> None:
        self._network.accept_ack(digits, request["message"]["id"])
        page.answer(request["id"], answer)

    def _got(self, page: Page, account: Account, request: Request) -> Answer:
        for message_id in request["ids"]:
            if page.device is not None:
                page.device.pending.pop(message_id, None)
            self._network.receipt(message_id, 2, account.number)
        return {}

    def _seen(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        chat = account.chat(request["chat"])
        chat.marked_unread = False
        for record in chat.messages:
            if not record["fromMe"] and record["ack"] < ACK_READ:
                record["ack"] = ACK_READ
                self._network.receipt(record["id"], ACK_READ, account.number)
        return {}

    def _played(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        record = account.index.get(request["id"])
        if record is not None and not record["fromMe"]:
            record["ack"] = ACK_PLAYED
            self._network.receipt(record["id"], ACK_PLAYED, account.number)
        return {}

    def _mark_unread(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        account.chat(request["chat"]).marked_unread = bool(request["unread"])
        return {}

    def _history(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        count = request.get("count")
        found = account.chat(request["chat"]).around(
            request["anchor"], request["direction"], None if count is None else int(count), request.get("media"))
        return {"messages": found}

    def _get_message(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        record = account.index.get(request["id"])
        return {"message": record if record is not None and record["chat"] == request["chat"] else None}

    def _edit(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        def apply(record: Record) -> None:
            record["caption" if "filehash" in record else "body"] = request["body"]

        return self._alter(account, request, "edit", apply, body=request["body"])

    def _revoke(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        def apply(record: Record) -> None:
            record.update(type="revoked", body="", caption="")

        return self._alter(account, request, "revoke", apply)

    def _alter(self, account: Account, request: Request, event: str, apply: Callable[[Record], None], **extra: Any) -> Answer:
        """Change an own message here and at every recipient that is an account."""
        own = account.index.get(request["id"])
        if own is None or not own["fromMe"]:
            raise SimulatorError("not an own message")
        apply(own)
        for other in self._network.accounts.values():
            record = other.index.get(request["id"]) if other is not account else None
            if record is not None:
                apply(record)
                for page in other.pages():
                    page.push(event, chat=record["chat"], id=record["id"], **extra)
        return {}

    def _delete(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        record = account.index.get(request["id"])
        if record is not None:
            account.chat(record["chat"]).messages.remove(record)
        return {}

    def _clear(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        account.chat(request["chat"]).messages.clear()
        return {}

    def _react(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        for other in self._network.accounts.values():
            record = other.index.get(request["target"]) if other is not account else None
            if record is not None:
                for reader in other.pages():
                    reader.push(
                        "reaction", chat=record["chat"], id=request["id"], target=record["id"], text=request["text"],
                        targetFromMe=record["fromMe"], **{"from": address(account.number)})
        return {}

    # -- people --------------------------------------------------------------------------------------

    def _query_exists(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        digits = number_of_lid(str(request["number"])) if request.get("lid") else str(request["number"])
        known = self._network.accounts.get(digits)
        return {
            "exists": known is not None or is_on_whatsapp(digits), "number": digits, "lid": lid(digits),
            "business": known is not None and known.business,
        }

    def _picture(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        known = self._network.accounts.get(str(request["number"]))
        return {"url": f"/media/{known.picture}" if known and known.picture else None}

    def _about(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        known = self._network.accounts.get(str(request["number"]))
        return {"text": known.about if known else ""}

    def _set_pushname(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        account.profile_name = str(request["name"])
        return {}

    def _set_about(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        account.about = str(request["text"])
        return {}

    def _set_picture(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        data = request.get("data")
        if data is None:
            account.picture = None
        else:
            picture = base64.b64decode(str(data).rpartition(",")[2])
            account.picture = self._network.media.put(picture, "image/jpeg")
        return {}

    def _chatstate(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        other = self._network.accounts.get(user(str(request["chat"])))
        for reader in other.pages() if other else []:
            reader.push("chatstate", chat=address(account.number), type=request["type"], t=int(asyncio.get_running_loop().time()))
        return {}

    # -- groups --------------------------------------------------------------------------------------

    def _group(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        group = self._network.groups.get(str(request["id"]))
        return {"group": group.as_json() if account.number in group.members else None}

    def _group_create(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        numbers = [str(number) for number in request["numbers"]]
        group = self._network.groups.create(account.number, str(request["subject"]), numbers)
        self._tell_members(group.id, "add", [account.number, *numbers], account.number)
        return {"group": group.as_json()}

    def _group_change(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        group = self._network.groups.get(str(request["group"]))
        action, numbers = str(request["action"]), [str(number) for number in request.get("numbers", [])]
        if action == "leave":
            action, numbers = "remove", [account.number]
        elif not group.members.get(account.number):
            raise ConflictError("only an admin may change a group")
        before = list(group.members)
        if action == "property":
            group.properties[str(request["name"])] = bool(request["value"])
        else:
            group.change(action, numbers, str(request.get("text", "")))
        self._tell_members(group.id, action, numbers, account.number, also=before)
        return {"group": group.as_json()}

    def _tell_members(self, group_id: str, action: str, numbers: list[str], author: str, also: list[str] | None = None) -> None:
        group = self._network.groups.get(group_id)
        for member in dict.fromkeys([*group.members, *(also or [])]):
            other = self._network.accounts.get(member)
            for page in other.pages() if other else []:
                page.push("group", group=group.as_json(), action=action, participants=numbers, author=author)

    def _group_invite(self, page: Page, account: Account, request: Request) -> Answer:  # noqa: ARG002
        group = self._network.groups.get(str(request["group"]))
        return {"code": group.invite}
