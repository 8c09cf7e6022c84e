"""Which incoming messages and notices count: a pure policy, of the settings."""

from __future__ import annotations

from dataclasses import dataclass

STATUS = "status@broadcast"
GROUP = "@g.us"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is neither journaled nor told."""

    ignore_groups: bool = False
    ignore_status: bool = True

    def counts(self, chat_id: str) -> bool:
        """Whether what happens in that chat is heard."""
        if chat_id == STATUS:
            return not self.ignore_status
        return not (self.ignore_groups and chat_id.endswith(GROUP))
