"""What follows from incoming messages beside their journaling: their files, and their senders' limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from redis import Redis

from actors import tree
from actors.doorkeeper import Doorkeeper, DoorkeeperParts, Knocked
from actors.events import Event, MessageReceived
from actors.media_keeper import FetchMedia, MediaKeeper, MediaKeeperParts
from supervision import ChildSpec, System
from wahook import references
from wahook.edge.ports import Draft
from wahook.incoming_limits import IncomingLimits
from wahook.journal.reader import JournalReader
from wahook.media.desk import MediaDesk
from wahook.messages import MessageCommands
from wahook.settings import Settings

HOUR = 3600.0
FRESH = 60.0  # seconds
LINKED_FOR = 24 * HOUR  # seconds that a link outlives its file at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """`desk`, `messages` and `system` are asked for when they are needed: they come later.

    `run` has a coroutine run on a loop: what asks other actors does it there, not on an actor's thread.
    """

    settings: Settings
    reader: JournalReader
    redis: Redis
    system: Callable[[], System]
    desk: Callable[[], MediaDesk]
    messages: Callable[[], MessageCommands]
    run: Callable[[Coroutine[Any, Any, object]], Future[object]]

    def children(self) -> tuple[ChildSpec, ...]:
        """Their places in the tree."""
        limits = IncomingLimits(self.redis, self.settings.incoming_rate_limit)
        keeper = MediaKeeperParts(sweep=self._sweep, waiting=self._waiting, fetch=self._fetch)
        return (
            tree.helper(tree.MEDIA, MediaKeeper, keeper),
            tree.helper(
                tree.DOORKEEPER, Doorkeeper, DoorkeeperParts(count=limits.count, notify=self._notify)
            ),
        )

    def hear(self, event: Event) -> None:
        """A listener of the announcer; any thread, does not block."""
        if not isinstance(event, MessageReceived):
            return
        if event.has_media and self.settings.media_download == "always":
            self.system().handle(tree.MEDIA).tell(FetchMedia(event.session_id, event.id))
        late = time.time() - event.timestamp > FRESH  # it waited for us: nobody is in a hurry
        if not event.is_group and not late and self.settings.incoming_notice:
            chat = references.chat_of(event.chat_id) or event.from_  # some people are known by LID only
            self.system().handle(tree.DOORKEEPER).tell(Knocked(event.session_id, chat))

    def _sweep(self, keep: Collection[str]) -> int:
        seconds = self.settings.media_ttl_hours * HOUR
        desk = self.desk()
        desk.links.sweep(seconds + LINKED_FOR)
        return desk.fetcher.store.sweep(seconds, keep)

    def _waiting(self) -> set[str]:
        files = (row.content.get("media") for row in self.reader.undone())
        return {str(file["id"]) for file in files if isinstance(file, dict)}

    def _fetch(self, session_id: str, wa_message_id: str) -> Future[object]:
        return self.run(self.desk().of_message(session_id, wa_message_id))

    def _notify(self, session_id: str, sender: str) -> Future[object]:
        notice = Draft(sender, self.settings.incoming_notice)
        return self.run(self.messages().accept(session_id, notice, key=None, allow_duplicate=True))
