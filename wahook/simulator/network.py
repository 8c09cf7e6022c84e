"""The simulated network: accounts, the ledger, delivery, receipts. The truth that every page is told.

Everything here runs in the simulator's event loop and never blocks.
"""

import asyncio
import functools
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from wahook.simulator.accounts import Account, Device, Record
from wahook.simulator.errors import NotFoundError
from wahook.simulator.faults import FaultBook
from wahook.simulator.groups import Groups
from wahook.simulator.ledger import Entry, Ledger
from wahook.simulator.media import MediaStore
from wahook.simulator.numbers import EVERYBODY, address, lid, lid_address, number_of
from wahook.simulator.options import SimulatorOptions

_log = structlog.get_logger(__name__)

ACK_SERVER, ACK_DEVICE, ACK_READ, ACK_PLAYED = 1, 2, 3, 4


def new_message_id() -> str:
    """A bare message id, as WhatsApp makes them."""
    return f"3EB0{secrets.token_hex(9).upper()}"


def _new_account(digits: str) -> Account:
    return Account(digits, f"Phone {digits[-4:]}")


class Network:
    """Who there is and what was said."""

    def __init__(self, options: SimulatorOptions) -> None:
        """Start with nobody."""
        self.options = options
        self.accounts: dict[str, Account] = {}
        self.ledger = Ledger()
        self.faults = FaultBook()
        self.groups = Groups()
        self.media = MediaStore()
        self.offline: set[str] = set()
        self.banned_until: dict[str, float] = {}
        self.removed: dict[tuple[str, int], str] = {}
        self._early: dict[str, list[tuple[int, str]]] = {}  # receipts that wait for the server's own ack
        self._timers: set[asyncio.TimerHandle] = set()

    def account(self, digits: str) -> Account:
        """The account of this number, made when it is new."""
        if digits not in self.accounts:
            self.accounts[digits] = _new_account(digits)
        return self.accounts[digits]

    def shown_account(self, digits: str) -> Account:
        """The account, or how it would begin: every number is a phone, and looking changes nothing."""
        return self.accounts.get(digits) or _new_account(digits)

    def known_account(self, digits: str) -> Account:
        """The account; NotFoundError when this number never was one."""
        if digits not in self.accounts:
            raise NotFoundError(f"no simulated phone {digits}: nobody scanned with it or wrote to it")
        return self.accounts[digits]

    def is_offline(self, digits: str) -> bool:
        """Whether the fault 'offline' has struck this number, or everybody."""
        return digits in self.offline or EVERYBODY in self.offline

    def ban_left(self, digits: str) -> float:
        """For how many seconds this number, or everybody, is still banned; 0 or less: not at all."""
        return max(self.banned_until.get(who, 0.0) for who in (digits, EVERYBODY)) - time.time()

    def is_linked(self, digits: str) -> bool:
        """Whether this number is an account with a linked device."""
        account = self.accounts.get(digits)
        return account is not None and bool(account.devices)

    def device(self, credentials: Mapping[str, Any]) -> Device | None:
        """The device that these credentials belong to, None when it is no longer linked."""
        account = self.accounts.get(str(credentials.get("number")))
        device = account.devices.get(int(credentials.get("id", 0))) if account else None
        if device is None or not secrets.compare_digest(device.secret, str(credentials.get("secret"))):
            return None
        return device

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Run act in the event loop after so long; forgotten when the simulator stops."""

        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)

    def close(self) -> None:
        """Forget all that was to happen later."""
        for handle in self._timers:
            handle.cancel()
        self._timers.clear()

    def send(
        self,
        sender: str,
        chat: str,
        content: Record,
        *,
        origin: Device | None = None,
        retransmit: bool = False,
    ) -> bool:
        """A message reaches the wire; whether its id is new. Delivery follows by itself.

        content: {id, t, type, …, author?, byLid?: recipients know the sender by LID only}; chat: the address
        written to; origin: the device that wrote it, None for a phone: other devices get a copy.
        """
        entry = Entry(
            id=content["id"],
            sender=sender,
            to=chat if chat.endswith("@g.us") else number_of(chat),
            type=content["type"],
            body=str(content.get("body") or content.get("caption") or ""),
            at=time.time(),
        )
        fresh = self.ledger.record(entry, retransmit=retransmit)
        if fresh:
            self._keep_own(sender, chat, content, origin)
            self._deliver(sender, chat, content)
        return fresh

    def accept_ack(self, sender: str, message_id: str) -> None:
        """The sender is told 'on the server' (ack 1) now; what its recipients have answered follows."""
        self.ledger.acknowledge(message_id, ACK_SERVER, time.time())
        account = self.accounts.get(sender)
        if account is not None and message_id in account.index:
            record = account.index[message_id]
            record["ack"] = max(record["ack"], ACK_SERVER)
            account.unacknowledged.discard(message_id)
        for level, reader in self._early.pop(message_id, []):
            self.later(0, functools.partial(self.receipt, message_id, level, reader))

    def repeat_unanswered(self, account: Account) -> list[Record]:
        """What a page does at its start with own messages that had no answer: send them again, get one."""
        unanswered = sorted(account.unacknowledged)
        for message_id in unanswered:
            entry = self.ledger.get(message_id)
            if entry is not None:
                entry.resent += 1
            self.accept_ack(account.number, message_id)
        return [account.index[message_id] for message_id in unanswered]

    def receipt(self, message_id: str, level: int, reader: str) -> None:
        """The recipient has it (2), read it (3) or played it (4): the sender is told, once per level."""
        entry = self.ledger.get(message_id)
        if entry is None:
            return
        if not entry.acks:
            self._early.setdefault(message_id, []).append((level, reader))
            return
        if not self.ledger.acknowledge(message_id, level, time.time()):
            return
        sender = self.accounts.get(entry.sender)
        record = sender.index.get(message_id) if sender else None
        if sender is None or record is None:
            return
        record["ack"] = max(record["ack"], level)
        chat = record["chat"]
        participant = address(reader) if chat.endswith("@g.us") else None
        for page in sender.pages():
            page.push("ack", chat=chat, id=message_id, ack=level, participant=participant)

    def hand_over(self, account: Account, record: Record, origin: Device | None = None) -> None:
        """Give a record to every linked device but the origin; one that is away gets it when it is back."""
        if not account.keep(record):
            return
        for device in account.devices.values():
            if device is origin:
                continue
            device.pending[record["id"]] = record
            if device.page is not None and device.page.settled:
                device.page.push("message", message=record)

    def _keep_own(self, sender: str, chat: str, content: Record, origin: Device | None) -> None:
        account = self.accounts.get(sender)
        if account is None:
            return
        record = {**content, "chat": chat, "fromMe": True, "from": address(sender), "to": chat}
        account.unacknowledged.add(content["id"])
        self.hand_over(account, {**record, "ack": 0 if origin else ACK_SERVER}, origin)

    def _deliver(self, sender: str, chat: str, content: Record) -> None:
        for recipient in self._recipients(sender, chat):
            if recipient in self.accounts and sender in self.accounts[recipient].blocked:
                continue
            if recipient in self.accounts:
                self.hand_over(self.accounts[recipient], self._incoming(sender, recipient, chat, content))
            if not self.is_linked(recipient):
                self._deliver_outside(recipient, content["id"])

    def _recipients(self, sender: str, chat: str) -> list[str]:
        if chat.endswith("@g.us"):
            return [member for member in self.groups.get(chat).members if member != sender]
        return [number_of(chat)] if chat.endswith(("@c.us", "@lid")) else []

    def _incoming(self, sender: str, recipient: str, chat: str, content: Record) -> Record:
        name = self.accounts[sender].profile_name if sender in self.accounts else f"Phone {sender[-4:]}"
        self.account(recipient).names[sender] = name
        record = {**content, "fromMe": False, "ack": 0, "notifyName": name, "to": address(recipient)}
        record.pop("author", None)
        source = lid_address(sender) if record.pop("byLid", False) else address(sender)
        if chat.endswith("@g.us"):
            return {**record, "chat": chat, "from": chat, "author": source}
        return {**record, "chat": source, "from": source, "number": sender}

    def _deliver_outside(self, recipient: str, message_id: str) -> None:
        options = self.options
        self.later(options.delivery_after, lambda: self.receipt(message_id, ACK_DEVICE, recipient))
        if options.read_after is not None:
            wait = options.delivery_after + options.read_after
            self.later(wait, lambda: self.receipt(message_id, ACK_READ, recipient))

    def login_state(self, device: Device) -> dict[str, Any]:
        """What a page is given when it logs in: itself, its contacts, groups, chats and latest messages."""
        account = self.accounts[device.number]
        contacts = [{"number": n, "lid": lid(n), "pushname": name} for n, name in account.names.items()]
        me = {"number": account.number, "lid": lid(account.number), "pushname": account.profile_name}
        return {
            "kind": "login",
            "me": {**me, "platform": "smba" if account.business else "android"},
            "syncDelay": self.options.sync_delay,
            "sync": {
                "contacts": [*contacts, me],
                "labels": account.labels,
                "blocked": sorted(account.blocked),
                "groups": [group.as_json() for group in self.groups.of(account.number)],
                "chats": [self._chat_state(account, device, chat_id) for chat_id in account.chats],
            },
        }

    def _chat_state(self, account: Account, device: Device, chat_id: str) -> dict[str, Any]:
        chat = account.chats[chat_id]
        seen = [m for m in chat.messages if m["id"] not in device.pending]
        latest = seen[-self.options.history :] if self.options.history else []
        return {
            "id": chat_id,
            "unreadCount": chat.unread(device.pending),
            "t": seen[-1]["t"] if seen else 0,
            "messages": latest,
        }
