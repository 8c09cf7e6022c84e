"""Operations on groups: look up, create, change, invite."""

import secrets

from wahook.simulator.calls import Call, Operations
from wahook.simulator.errors import ConflictError
from wahook.simulator.groups import Group
from wahook.simulator.network import Network
from wahook.simulator.numbers import is_on_whatsapp
from wahook.simulator.wire import Answer


class Memberships:
    """The group operations of a page."""

    def __init__(self, network: Network) -> None:
        """Work on this network."""
        self._network = network

    def operations(self) -> Operations:
        """By the name that pages use."""
        return {
            "group": self._look_up,
            "group_create": self._create,
            "group_change": self._change,
            "group_invite": self._invite,
        }

    def _look_up(self, call: Call) -> Answer:
        group = self._network.groups.get(call.text("id"))
        return {"group": group.as_json() if call.account.number in group.members else None}

    def _create(self, call: Call) -> Answer:
        owner, (numbers, refused) = call.account.number, self._somebody(call)
        group = self._network.groups.create(owner, call.text("subject"), numbers)
        self._tell(group, "add", list(group.members), owner)
        return {"group": group.as_json(), "refused": refused}

    def _change(self, call: Call) -> Answer:
        group, author = self._network.groups.get(call.text("group")), call.account.number
        action, (numbers, refused) = call.text("action"), self._somebody(call)
        before = list(group.members)
        if action == "leave":
            action, numbers = "remove", [author]
        elif not group.members.get(author):
            raise ConflictError("only an admin may change a group")
        if action == "property":
            group.properties[call.text("name")] = bool(call.request["value"])
        else:
            group.change(action, numbers, str(call.request.get("text", "")))
        self._tell(group, action, numbers, author, also=before)
        return {"group": group.as_json(), "refused": refused}

    def _somebody(self, call: Call) -> tuple[list[str], list[str]]:
        """The request's numbers that are on WhatsApp, and the others."""
        numbers = [str(number) for number in call.request.get("numbers", [])]
        there = [number for number in numbers if number in self._network.accounts or is_on_whatsapp(number)]
        return there, [number for number in numbers if number not in there]

    def _tell(
        self, group: Group, action: str, numbers: list[str], author: str, also: list[str] | None = None
    ) -> None:
        for member in dict.fromkeys([*group.members, *(also or [])]):
            other = self._network.accounts.get(member)
            for page in other.pages() if other else []:
                page.push("group", group=group.as_json(), action=action, participants=numbers, author=author)

    def _invite(self, call: Call) -> Answer:
        group = self._network.groups.get(call.text("group"))
        if not group.members.get(call.account.number):
            raise ConflictError("only an admin may invite")
        if call.request.get("reset"):
            group.invite = secrets.token_urlsafe(16)
        return {"code": group.invite}
