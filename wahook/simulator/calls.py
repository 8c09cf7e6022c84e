"""One request of a logged-in page, as the operations see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wahook.simulator.accounts import Account
from wahook.simulator.errors import SimulatorError
from wahook.simulator.wire import Answer, Page


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and what. Missing members of the request are refused by text()."""

    page: Page
    account: Account
    request: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A string member; SimulatorError when it is missing or something else."""
        value = self.request.get(name)
        if not isinstance(value, str):
            raise SimulatorError(f"'{name}' must be a string")
        return value


Operation = Callable[[Call], Answer]
Operations = Mapping[str, Operation]


def nothing(_call: Call) -> Answer:
    """An operation that has no effect here."""
    return {}
