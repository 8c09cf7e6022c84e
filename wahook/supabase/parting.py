"""Sends rows together and, when they are refused, parts them until the one at fault stands alone.

A row that was refused alone `TRIES` times is set aside, so that it does not hold up the rest. But when many
are refused and none is taken, the fault is the table's (a column that must have a value, say): then all of
them wait, as for a server that is away, until somebody mends the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Protocol

from actors.mirror import Refusal
from wahook.supabase.faults import MirrorAway, RowsRefused
from wahook.supabase.parcels import Parcel
from wahook.supabase.records import Record, Table

TRIES = 3
MANY = 5  # rows refused alone, none taken
TAKEN_ALREADY = "23505"  # a unique rule


class Taker(Protocol):
    """Where rows go."""

    async def upsert(self, table: Table, rows: Sequence[Record]) -> None: ...
    async def adopt(self, record: Record) -> bool: ...


class Parting:
    """Keeps how often each row was refused. One round at a time; forgets when the process ends."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._refusals: Counter[tuple[Table, Hashable]] = Counter()
        self._taken: set[Table] = set()
        self._alone: dict[Table, list[Hashable]] = {}

    def begin(self) -> None:
        """A new round."""
        self._taken.clear()
        self._alone = {table: [] for table in Table}

    @property
    def doubtful(self) -> int:
        """Rows that were refused and get another try."""
        return len(self._refusals)

    async def send(
        self, table: Table, request: Sequence[Parcel], shipped: list[int], refused: list[Refusal]
    ) -> None:
        """Ship all that is taken; adds to `shipped` and `refused` as it goes. MirrorAway ends it."""
        try:
            await self._taker.upsert(table, [parcel.record for parcel in request])
        except RowsRefused as refusal:
            if len(request) == 1:
                await self._refused(table, request[0], refusal, shipped, refused)
                return
            half = len(request) // 2
            await self.send(table, request[:half], shipped, refused)
            if self._hopeless(table):
                # The newest row tells whether it is the table's fault, or that of many old rows.
                await self._prove(table, request[-1])
            await self.send(table, request[half:], shipped, refused)
            return
        self._taken.add(table)
        for parcel in request:
            self._refusals.pop((table, parcel.key), None)
            shipped += parcel.seqs

    async def _refused(
        self, table: Table, parcel: Parcel, refusal: RowsRefused, shipped: list[int], refused: list[Refusal]
    ) -> None:
        code = refusal.answer.code
        if table is Table.ACCOUNTS and code == TAKEN_ALREADY and await self._taker.adopt(parcel.record):
            self._refusals.pop((table, parcel.key), None)
            shipped += parcel.seqs
            return
        self._alone[table].append(parcel.key)
        place = (table, parcel.key)
        self._refusals[place] += 1
        if self._refusals[place] >= TRIES:
            del self._refusals[place]
            refused.append(Refusal(parcel.seqs, str(refusal)))

    def _hopeless(self, table: Table) -> bool:
        return table not in self._taken and len(self._alone[table]) >= MANY

    async def _prove(self, table: Table, newest: Parcel) -> None:
        try:
            await self._taker.upsert(table, [newest.record])
        except RowsRefused as refusal:
            self._refusals.subtract((table, key) for key in self._alone[table])
            self._refusals = +self._refusals  # they are not to blame
            raise MirrorAway(f"{table.value} takes no row: {refusal}", setup=True) from None
        self._taken.add(table)
