"""What follows from incoming messages beside their journaling: their files, and their senders' limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from actors import tree
from actors.doorkeeper import Doorkeeper, DoorkeeperParts, Knocked
from actors.errors import RuleBroken, SendRefused
from actors.events import Event, MessageReceived, StatusChanged
from actors.media_keeper import FetchMedia, FetchMissing, MediaKeeper, MediaKeeperParts
from actors.model import SessionStatus
from supervision import ChildSpec, System
from wahook import references
from wahook.board import Board
from wahook.edge.ports import Draft
from wahook.incoming_limits import IncomingLimits
from wahook.journal.files import FileReader
from wahook.journal.reader import JournalReader
from wahook.media.desk import MediaDesk
from wahook.messages import MessageCommands
from wahook.settings import Settings

HOUR = 3600.0
FRESH = 60.0  # seconds
LINKED_FOR = 24 * HOUR  # seconds that a link outlives its file at most
NONE = "none"  # what a message is linked to whose file WhatsApp does not give: asked for by a client only


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """`board`, `desk`, `messages` and `system` are asked for when they are needed: they come later.

    `run` has a coroutine run on a loop: what asks other actors does it there, not on an actor's thread.
    """

    settings: Settings
    reader: JournalReader
    files: FileReader
    redis: Redis
    system: Callable[[], System]
    board: Callable[[], Board]
    desk: Callable[[], MediaDesk]
    messages: Callable[[], MessageCommands]
    run: Callable[[Coroutine[Any, Any, object]], Future[object]]

    def children(self) -> tuple[ChildSpec, ...]:
        """Their places in the tree."""
        limits = IncomingLimits(self.redis, self.settings.incoming_rate_limit)
        keeper = MediaKeeperParts(
            sweep=self._sweep,
            waiting=self._waiting,
            missing=self._missing,
            ready=self._ready,
            fetch=self._fetch,
        )
        return (
            tree.helper(tree.MEDIA, MediaKeeper, keeper),
            tree.helper(
                tree.DOORKEEPER, Doorkeeper, DoorkeeperParts(count=limits.count, notify=self._notify)
            ),
        )

    def hear(self, event: Event) -> None:
        """A listener of the announcer; any thread, does not block."""
        if self._fetches_all:
            self._want_files(event)
        if not isinstance(event, MessageReceived):
            return
        late = time.time() - event.timestamp > FRESH  # it waited for us: nobody is in a hurry
        if not event.is_group and not late and self.settings.incoming_notice:
            chat = references.chat_of(event.chat_id) or event.from_  # some people are known by LID only
            self.system().handle(tree.DOORKEEPER).tell(Knocked(event.session_id, chat))

    @property
    def _fetches_all(self) -> bool:
        return self.settings.media_download == "always"

    def _want_files(self, event: Event) -> None:
        match event:
            case MessageReceived(session_id=session_id, id=wa_message_id, has_media=True):
                self.system().handle(tree.MEDIA).tell(FetchMedia(session_id, wa_message_id))
            case StatusChanged(session_id=session_id, status=SessionStatus.READY):
                self.system().handle(tree.MEDIA).tell(FetchMissing(session_id))

    def _ready(self) -> list[str]:
        if not self._fetches_all:
            return []
        return [name for name, view in self.board().views.items() if view.status is SessionStatus.READY]

    def _missing(self, session_id: str) -> Sequence[str]:
        """As far back as files are kept: what went with its time is not fetched again by itself."""
        since = datetime.now(UTC) - timedelta(hours=self.settings.media_ttl_hours)
        links = self.desk().links
        return [one for one in self.files.came(session_id, since) if links.find(session_id, one) is None]

    def _sweep(self, keep: Collection[str]) -> int:
        seconds = self.settings.media_ttl_hours * HOUR
        desk = self.desk()
        desk.links.sweep(seconds + LINKED_FOR)
        return desk.fetcher.store.sweep(seconds, keep)

    def _waiting(self) -> set[str]:
        files = (row.content.get("media") for row in self.reader.undone())
        return {str(file["id"]) for file in files if isinstance(file, dict)}

    def _fetch(self, session_id: str, wa_message_id: str) -> Future[object]:
        return self.run(self._bring(session_id, wa_message_id))

    async def _bring(self, session_id: str, wa_message_id: str) -> None:
        desk = self.desk()
        try:
            await desk.of_message(session_id, wa_message_id)
        except (RuleBroken, SendRefused):
            await asyncio.to_thread(desk.links.add, session_id, wa_message_id, NONE)
            raise

    def _notify(self, session_id: str, sender: str) -> Future[object]:
        notice = Draft(sender, self.settings.incoming_notice)
        return self.run(self.messages().accept(session_id, notice, key=None, allow_duplicate=True))
