"""From the settings to the mirror's parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from actors import tree
from actors.errors import ProcessError
from actors.mirror import MirrorDue, MirrorParts
from actors.model import JSON, Account
from supervision import ChildSpec, System
from wahook.journal.opening import OpenedJournal
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.settings_sources import SettingsError
from wahook.supabase.changes import Mirrored
from wahook.supabase.project import Project
from wahook.supabase.shipper import SupabaseShipper
from wahook.supabase.tables import SupabaseTables


class SupabaseMirror:
    """What the composition root needs of the mirror: made before the journal, opened after it.

    It has a loop of its own: what it sends is large, and must not hold up a browser's socket.
    """

    def __init__(self, settings: Settings, system: Callable[[], System]) -> None:
        """No request is made yet. SettingsError when something is missing or the extra is not installed."""
        key = settings.supabase_service_key
        if settings.supabase_url is None or key is None:
            raise SettingsError("SUPABASE_URL needs SUPABASE_SERVICE_KEY (or SUPABASE_MIRROR=off)")
        try:
            project = Project(settings.supabase_url, key.get_secret_value())
            self._tables = SupabaseTables(project, settings.supabase_deadline)
            self.place = f"{project.url} {settings.supabase_mirror}"
        except (ValueError, ProcessError) as error:
            raise SettingsError(str(error)) from None
        self._system = system
        self._loop = LoopThread("supabase")
        self._shipper: SupabaseShipper | None = None
        self.policy = Mirrored(self._wake, outgoing=settings.supabase_mirror == "all")

    def open(self, journal: OpenedJournal) -> None:
        """Let it read what is to be shipped."""
        self._shipper = SupabaseShipper(self._tables, journal.queues, journal.reader, self._loop)

    def child(self, found: Callable[[Account], object]) -> ChildSpec:
        """Its place in the tree. `found` is told of accounts that only Supabase knew; the mirror's thread."""
        if self._shipper is None:
            raise RuntimeError("open() comes first")
        parts = MirrorParts(shipper=self._shipper, found=found, writer_path=tree.WRITER, place=self.place)
        return tree.mirror(parts)

    def start(self) -> None:
        """Before the tree."""
        self._loop.start()

    def stop(self, deadline: float = 2.0) -> None:
        """After the tree. What is on its way is dropped; it is in the journal still. Idempotent."""
        if self._loop.running:
            with suppress(ProcessError, TimeoutError):
                self._loop.submit(self._tables.close()).result(deadline)
        self._loop.stop(deadline)

    def health(self) -> dict[str, JSON]:
        """From memory; asks nobody."""
        connected, age = (False, None) if self._shipper is None else self._shipper.health()
        return {"connected": connected, "age": age}

    def _wake(self) -> None:
        self._system().handle(tree.MIRROR).tell(MirrorDue())
