"""The memory guard and the janitor, with their real parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from actors import tree
from actors.janitor import JanitorParts
from actors.janitor_policy import IdleAction
from actors.memory import Footprint, MemoryParts
from actors.memory_policy import Limits
from actors.ports import Calendar
from supervision import ChildSpec, System
from wahook.board import Board
from wahook.headroom import Headroom
from wahook.journal.reader import JournalReader
from wahook.memory import choose_meter, give_back
from wahook.profiles import ProfileInUse, Profiles
from wahook.settings import Settings

MB = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Housekeeping:
    """`system` is asked for only while it runs."""

    settings: Settings
    board: Board
    reader: JournalReader
    headroom: Headroom
    profiles: Profiles
    calendar: Calendar
    system: Callable[[], System]

    def helpers(self) -> tuple[ChildSpec, ...]:
        """Their places in the tree."""
        return tree.memory(self._memory()), tree.janitor(self._janitor())

    def _memory(self) -> MemoryParts:
        settings = self.settings
        return MemoryParts(
            meter=choose_meter(),
            footprints=self._footprints,
            views=lambda: self.board.views,
            collect=give_back,
            publish=self.headroom.publish,
            calendar=self.calendar,
            session_path=tree.session_path,
            limits=Limits(total=settings.memory_limit_mb * MB, session=settings.session_memory_mb * MB),
            interval=settings.memory_interval,
        )

    def _janitor(self) -> JanitorParts:
        settings = self.settings
        return JanitorParts(
            accounts=self.reader.accounts,
            views=lambda: self.board.views,
            exhausted=self._exhausted,
            retry=lambda session_id: self.system().retry(tree.session_path(session_id), "janitor"),
            storehouse=Disk(self.profiles),
            calendar=self.calendar,
            session_path=tree.session_path,
            writer_path=tree.WRITER,
            action=IdleAction(settings.idle_action),
            idle_after=settings.idle_cleanup_after,
            interval=settings.janitor_interval,
            kept=settings.delivered_kept_for,
        )

    def _exhausted(self) -> list[str]:
        found = self.system().snapshot(depth=3, states=("failed",)).find(tree.SESSIONS)
        sessions = [] if found is None else found.get("children", [])
        return [
            one["id"]
            for one in sessions
            for child in one.get("children", [])
            if (child["id"], child["state"]) == (tree.SESSION, "failed")
            and child["restarts"]["consecutive"] > child["restarts"]["max"]  # else a human is needed
        ]

    def _footprints(self) -> dict[str, Footprint]:
        samples = self.system().sampler.samples
        paths = {name: tree.session_path(name) for name in self.board.views}
        return {
            name: Footprint(sample.pss, sample.at)
            for name, path in paths.items()
            if (sample := samples.get(path)) is not None
        }


@dataclass(frozen=True, slots=True)
class Disk:
    """Implements `actors.ports.Storehouse` on the profiles of this node."""

    profiles: Profiles

    def trim(self, session_id: str) -> int:
        """Remove its caches, unless somebody uses it."""
        with suppress(ProfileInUse):
            return self.profiles.trim(session_id)
        return 0

    def clear(self, before: datetime) -> int:
        """Remove what was set aside before then."""
        return self.profiles.clear_aside(before)
