"""Rows gathered into requests: of the same columns, not too many, not too large. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from wahook.supabase.records import Record, Table

MOST_ROWS = 500
MOST_CHARACTERS = 1_000_000  # of texts; a server takes a few megabytes of JSON


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row and the changes that it settles. `key` is the same whenever that row is shipped."""

    key: Hashable
    seqs: tuple[int, ...]
    record: Record


def parcels(table: Table, items: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    """Requests in an order that keeps each row's; rows of other columns must go apart.

    Messages all have the same columns. Accounts do not, but those of one kind may overtake others: they are
    each here once.
    """
    if table is Table.MESSAGES:
        yield from _cut(items)
        return
    alike: dict[tuple[str, ...], list[Parcel]] = {}
    for item in items:
        alike.setdefault(tuple(sorted(item.record)), []).append(item)
    for group in alike.values():
        yield from _cut(group)


def _cut(items: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    request: list[Parcel] = []
    room = MOST_CHARACTERS
    for item in items:
        size = sum(len(value) for value in item.record.values() if isinstance(value, str))
        if request and (len(request) == MOST_ROWS or size > room):
            yield request
            request, room = [], MOST_CHARACTERS
        request.append(item)
        room -= size
    if request:
        yield request
