"""What a mirror elsewhere must take over, noted in the same commit as the change itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol

import sqlalchemy as sa
import structlog

from actors.durable import AddMirrorChanges, MirrorChange
from actors.messages import JournalOperation
from wahook.journal import durable

_log = structlog.get_logger(__name__)


class MirrorPolicy(Protocol):
    """Called on the writer's thread; must not block. What it raises is logged and costs the mirror a change,
    never the operation."""

    def of(self, operation: JournalOperation, result: object) -> Sequence[MirrorChange]:
        """What the mirror must take over because of it. Not asked for an operation that broke a rule."""
        ...

    def committed(self) -> None:
        """Something was noted and is on disk."""
        ...


class Mirroring:
    """One transaction at a time: enter it around the transaction, so that leaving it means committed."""

    def __init__(self, policy: MirrorPolicy | None) -> None:
        self._policy = policy
        self._noted = False

    def __enter__(self) -> None:
        self._noted = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._policy is None or not self._noted or kind is not None:
            return
        try:
            self._policy.committed()
        except Exception:  # noqa: BLE001 - the mirror looks by itself now and then
            _log.exception("journal.mirror_not_told")

    def after(
        self, connection: sa.Connection, operation: JournalOperation, result: object, now: datetime
    ) -> None:
        """Note what follows. A database that refuses the note refuses the operation with it."""
        if self._policy is None:
            return
        try:
            changes = tuple(self._policy.of(operation, result))
        except Exception:  # noqa: BLE001 - a message is worth more than its copy
            _log.exception("journal.mirror_failed", operation=type(operation).__name__)
            return
        if changes:
            self._noted = bool(durable.add_changes(connection, AddMirrorChanges(changes), now))
