"""Operations on messages: send, confirm, read, look up, edit, revoke, react."""

import time
from collections.abc import Callable
from typing import Any

from wahook.simulator.accounts import Account, Record
from wahook.simulator.calls import Call, Operations
from wahook.simulator.errors import SimulatorError
from wahook.simulator.faults import FaultKind
from wahook.simulator.network import ACK_DEVICE, ACK_PLAYED, ACK_READ, Network, new_message_id
from wahook.simulator.numbers import address, number_of
from wahook.simulator.wire import Answer


class Messaging:
    """The message operations of a page."""

    def __init__(self, network: Network) -> None:
        """Work on this network."""
        self._network = network

    def operations(self) -> Operations:
        """By the name that pages use."""
        return {
            "send": self._send,
            "got": self._got,
            "seen": self._seen,
            "played": self._played,
            "mark_unread": self._mark_unread,
            "history": self._history,
            "get_message": self._get_message,
            "edit": self._edit,
            "revoke": self._revoke,
            "delete": self._delete,
            "clear": self._clear,
            "react": self._react,
            "chatstate": self._chatstate,
        }

    def _send(self, call: Call) -> Answer:
        faults, digits = self._network.faults, call.account.number
        if failure := faults.take(digits, FaultKind.SEND_ERROR):
            if failure.reject:
                raise SimulatorError(failure.result)
            return {"result": failure.result}
        message = dict(call.request["message"])
        chat = str(message.pop("chat"))
        again = bool(call.request.get("retransmit"))
        self._network.send(digits, chat, message, origin=call.page.device, retransmit=again)
        if faults.take(digits, FaultKind.LOST_ACK):
            return None
        if slow := faults.take(digits, FaultKind.SLOW_ACK):
            self._network.later(slow.seconds, lambda: self._confirm_later(call))
            return None
        return self._confirm(call)

    def _confirm(self, call: Call) -> dict[str, Any]:
        message = call.request["message"]
        self._network.accept_ack(call.account.number, message["id"])
        return {"result": "OK", "t": message["t"]}

    def _confirm_later(self, call: Call) -> None:
        call.page.answer(call.request["request"], self._confirm(call))

    def _got(self, call: Call) -> Answer:
        for message_id in call.request["ids"]:
            if call.page.device is not None:
                call.page.device.pending.pop(message_id, None)
            self._network.receipt(message_id, ACK_DEVICE, call.account.number)
        return {}

    def _seen(self, call: Call) -> Answer:
        chat = call.account.chat(call.text("chat"))
        chat.marked_unread = False
        for record in chat.unseen.values():
            record["ack"] = ACK_READ
            self._network.receipt(record["id"], ACK_READ, call.account.number)
        chat.unseen.clear()
        return {}

    def _played(self, call: Call) -> Answer:
        record = call.account.index.get(call.text("id"))
        if record is not None and not record["fromMe"]:
            record["ack"] = ACK_PLAYED
            self._network.receipt(record["id"], ACK_PLAYED, call.account.number)
        return {}

    def _mark_unread(self, call: Call) -> Answer:
        call.account.chat(call.text("chat")).marked_unread = bool(call.request["unread"])
        return {}

    def _history(self, call: Call) -> Answer:
        count = call.request.get("count")
        chat = call.account.chat(call.text("chat"))
        wanted = None if count is None else int(count)
        media = call.request.get("media")
        return {"messages": chat.around(call.text("anchor"), call.text("direction"), wanted, media)}

    def _get_message(self, call: Call) -> Answer:
        record = call.account.index.get(call.text("id"))
        return {"message": record if record is not None and record["chat"] == call.text("chat") else None}

    def _edit(self, call: Call) -> Answer:
        body = call.text("body")

        def apply(record: Record) -> None:
            record["caption" if "filehash" in record else "body"] = body
            record["latestEditMsgKey"] = new_message_id()

        return self._alter(self._own(call), call, "edit", apply, body=body)

    def _revoke(self, call: Call) -> Answer:
        def apply(record: Record) -> None:
            record.update(type="revoked", body="", caption="")

        return self._alter(self._own(call, or_admin=True), call, "revoke", apply)

    def _own(self, call: Call, *, or_admin: bool = False) -> Record:
        """The message if it is the account's own, or in a group of which it is an admin."""
        found = call.account.index.get(call.text("id"))
        if found is None or not (
            found["fromMe"] or (or_admin and self._is_admin(call.account, found["chat"]))
        ):
            raise SimulatorError("not an own message")
        return found

    def _is_admin(self, account: Account, chat: str) -> bool:
        return chat.endswith("@g.us") and self._network.groups.get(chat).members.get(account.number, False)

    def _alter(
        self, message: Record, call: Call, event: str, apply: Callable[[Record], None], **extra: Any
    ) -> Answer:
        """Change a message here and at everybody else who has it and is an account."""
        apply(message)
        for other, record in self._elsewhere(call.account, message["id"]):
            apply(record)
            for page in other.pages():
                page.push(event, chat=record["chat"], id=record["id"], **extra)
        return {}

    def _elsewhere(self, account: Account, message_id: str) -> list[tuple[Account, Record]]:
        """The other accounts that have this message, each with its own record of it."""
        others = (other for other in self._network.accounts.values() if other is not account)
        return [(other, other.index[message_id]) for other in others if message_id in other.index]

    def _delete(self, call: Call) -> Answer:
        record = call.account.index.get(call.text("id"))
        if record is not None:
            call.account.chat(record["chat"]).drop(record)
        return {}

    def _clear(self, call: Call) -> Answer:
        call.account.chat(call.text("chat")).clear()
        return {}

    def _react(self, call: Call) -> Answer:
        reaction = {"id": call.text("id"), "text": call.text("text"), "from": address(call.account.number)}
        for other, record in self._elsewhere(call.account, call.text("target")):
            target = {"chat": record["chat"], "target": record["id"], "targetFromMe": record["fromMe"]}
            for page in other.pages():
                page.push("reaction", **reaction, **target)
        return {}

    def _chatstate(self, call: Call) -> Answer:
        call.account.chatstates[call.text("chat")] = call.text("type")
        other = self._network.accounts.get(number_of(call.text("chat")))
        for page in other.pages() if other else []:
            page.push(
                "chatstate", chat=address(call.account.number), type=call.text("type"), t=int(time.time())
            )
        return {}
