"""From the journal's changes to what is to be shipped, and in which order. Pure.

Many changes of one row become one. Accounts go before messages; a deletion parts what was before it from what
came after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.durable import COPY, MirrorChange
from actors.model import JSON, Direction
from wahook.supabase.changes import ACCOUNT, DELETED, MESSAGE


class MessageKey(NamedTuple):
    """A message of the journal."""

    session_id: str
    direction: Direction
    wa_message_id: str


@dataclass(slots=True)
class AccountWrite:
    """`columns` are read when it is shipped, `fixed` are values already."""

    seqs: list[int] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    fixed: dict[str, JSON] = field(default_factory=dict)


@dataclass(slots=True)
class Segment:
    """What may be shipped together, each row once, in the order of its first change."""

    accounts: dict[str, AccountWrite] = field(default_factory=dict)
    messages: dict[MessageKey, list[int]] = field(default_factory=dict)
    deletions: dict[str, list[int]] = field(default_factory=dict)  # after the rest

    def __bool__(self) -> bool:
        return bool(self.accounts or self.messages or self.deletions)


@dataclass(frozen=True, slots=True)
class Plan:
    """`strange` cannot be read: another version made them. `copy`: one under way, which has more to note."""

    segments: tuple[Segment, ...]
    strange: tuple[int, ...]
    copy: int | None = None


def plan(changes: Iterable[MirrorChange]) -> Plan:
    """The way to ship these, which are in order."""
    strange: list[int] = []
    everything = list(changes)
    copy = next((change.seq for change in everything if change.kind == COPY), None)
    noted = (change for change in everything if change.kind != COPY)
    return Plan(tuple(_segments(noted, strange)), tuple(strange), copy)


def _segments(changes: Iterable[MirrorChange], strange: list[int]) -> Iterator[Segment]:
    segment = Segment()
    for change in changes:
        if segment.deletions and change.kind != DELETED:
            yield segment
            segment = Segment()
        if not _take(segment, change):
            strange.append(change.seq)
    if segment:
        yield segment


def _take(segment: Segment, change: MirrorChange) -> bool:
    match change.kind, change.payload:
        case str(kind), {"columns": list() as columns, **fixed} if kind == ACCOUNT:
            write = segment.accounts.setdefault(change.key, AccountWrite())
            write.seqs.append(change.seq)
            write.columns |= {name for name in columns if isinstance(name, str)}
            write.fixed |= fixed
        case str(kind), {"session": str() as session_id, "direction": ("in" | "out") as direction} if (
            kind == MESSAGE
        ):
            key = MessageKey(session_id, Direction(direction), change.key)
            segment.messages.setdefault(key, []).append(change.seq)
        case str(kind), _ if kind == DELETED:
            segment.deletions.setdefault(change.key, []).append(change.seq)
        case _:
            return False
    return True
