"""Who is told of a session's events: its own webhooks and the global ones, each URL once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from actors.model import Account, Webhook
from wahook.notify.webhooks.catalogue import hears


class Receivers:
    """Follows the journal's accounts. Written by the journal writer's thread, read by any.

    `load` reads all accounts; called at the first question, and after `doubt`.
    """

    def __init__(self, everywhere: Sequence[Webhook], load: Callable[[], Iterable[Account]]) -> None:
        self._everywhere = tuple(everywhere)
        self._load = load
        self._by_session: dict[str, tuple[Webhook, ...]] | None = None
        self._loading = threading.Lock()

    def note(self, account: Account) -> None:
        """A session's settings, as they are from now on."""
        self._known()[account.session_id] = self._joined(account)  # known first: it is not committed yet

    def forget(self, session_id: str) -> None:
        """A session is gone."""
        self._known().pop(session_id, None)

    def doubt(self) -> None:
        """What was noted last may not be on disk: read it all again."""
        self._by_session = None

    def of(self, session_id: str) -> tuple[Webhook, ...]:
        """All of a session's receivers; none for a session that is not there."""
        return self._known().get(session_id, ())

    def hearing(self, session_id: str, name: str) -> tuple[Webhook, ...]:
        """Those that are told of this event."""
        return tuple(one for one in self.of(session_id) if hears(one.events, name))

    def find(self, session_id: str, url: str) -> Webhook | None:
        """The receiver with this URL, None when it was removed."""
        return next((one for one in self.of(session_id) if one.url == url), None)

    def any(self) -> bool:
        """Whether anybody listens anywhere."""
        return any(tuple(self._known().values()))

    def _known(self) -> dict[str, tuple[Webhook, ...]]:
        if (known := self._by_session) is not None:
            return known
        with self._loading:  # two that load at once: the slower one would undo what was noted meanwhile
            if self._by_session is None:
                self._by_session = {one.session_id: self._joined(one) for one in self._load()}
            return self._by_session

    def _joined(self, account: Account) -> tuple[Webhook, ...]:
        """A session's own come first, and win over a global one with the same URL."""
        own = account.config.webhooks
        urls = {one.url for one in own}
        return (*own, *(one for one in self._everywhere if one.url not in urls))
