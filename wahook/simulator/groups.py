"""Groups: who is in them, what they are called."""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from wahook.simulator.errors import NotFoundError, SimulatorError


@dataclass(slots=True)
class Group:
    """One group. members: number -> whether an admin."""

    id: str
    subject: str
    owner: str
    creation: int
    members: dict[str, bool]
    description: str = ""
    invite: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    properties: dict[str, bool] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The form that pages understand."""
        return {
            "id": self.id,
            "subject": self.subject,
            "owner": self.owner,
            "creation": self.creation,
            "desc": self.description,
            "participants": [{"number": n, "admin": admin} for n, admin in self.members.items()],
            **{name: self.properties.get(name, False) for name in ("announce", "restrict")},
        }

    def change(self, action: str, numbers: list[str], text: str = "") -> None:
        """Apply add, remove, promote, demote, subject or description."""
        match action:
            case "add":
                self.members.update({n: self.members.get(n, False) for n in numbers})
            case "remove":
                self.members = {n: admin for n, admin in self.members.items() if n not in numbers}
            case "promote" | "demote":
                self.members.update({n: action == "promote" for n in numbers if n in self.members})
            case "subject":
                self.subject = text
            case "description":
                self.description = text
            case _:
                raise SimulatorError(f"unknown group action {action!r}")


class Groups:
    """All groups by their address."""

    def __init__(self) -> None:
        """Start without any."""
        self._groups: dict[str, Group] = {}
        self._serial = itertools.count(1)

    def create(self, owner: str, subject: str, numbers: list[str]) -> Group:
        """A new group with its owner as admin."""
        now = int(time.time())
        group_id = f"120363{now}{next(self._serial):02d}@g.us"
        members = {owner: True, **dict.fromkeys((n for n in numbers if n != owner), False)}
        self._groups[group_id] = Group(group_id, subject, owner, now, members)
        return self._groups[group_id]

    def get(self, group_id: str) -> Group:
        """The group; NotFoundError when there is none."""
        if group_id not in self._groups:
            raise NotFoundError("no such group")
        return self._groups[group_id]

    def of(self, number: str) -> list[Group]:
        """The groups this number is in."""
        return [group for group in self._groups.values() if number in group.members]
