"""The mirror of the journal if one is set up; otherwise nothing, and its code is not even loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.durable import ForgetCopies
from actors.model import JSON, Account
from supervision import ChildSpec, System
from wahook.journal.mirroring import MirrorPolicy
from wahook.journal.opening import OpenedJournal
from wahook.settings import Settings

if TYPE_CHECKING:
    from wahook.supabase.setup import SupabaseMirror


class OptionalMirror:
    """For the composition root, which calls everything here in this order."""

    def __init__(self, settings: Settings, system: Callable[[], System]) -> None:
        """SettingsError when it is set up, but not wholly."""
        self._mirror: SupabaseMirror | None = None
        if settings.supabase_url is not None and settings.supabase_mirror != "off":
            from wahook.supabase.setup import SupabaseMirror  # noqa: PLC0415

            self._mirror = SupabaseMirror(settings, system)

    @property
    def place(self) -> str | None:
        """Where it is and what it takes, in one word; None without a mirror."""
        return None if self._mirror is None else self._mirror.place

    @property
    def policy(self) -> MirrorPolicy | None:
        """What the journal is to note."""
        return None if self._mirror is None else self._mirror.policy

    def open(self, journal: OpenedJournal) -> None:
        """The journal is there. Without a mirror nothing is noted from now on: one set up later gets all."""
        if self._mirror is not None:
            self._mirror.open(journal)
        elif journal.queues.copied():
            journal.writer.write([ForgetCopies()])

    def children(self, found: Callable[[Account], object]) -> tuple[ChildSpec, ...]:
        """Its place in the tree. `found` is told of sessions that only the mirror knew; any thread."""
        return () if self._mirror is None else (self._mirror.child(found),)

    def start(self) -> None:
        """Before the tree."""
        if self._mirror is not None:
            self._mirror.start()

    def health(self) -> dict[str, JSON]:
        """`connected`, and with a mirror the `age` in seconds of the answer that says so; asks nobody."""
        return {"connected": False} if self._mirror is None else self._mirror.health()

    def stop(self) -> None:
        """After the tree. Idempotent."""
        if self._mirror is not None:
            self._mirror.stop()
