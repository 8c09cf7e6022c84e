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
        self._alone: list[tuple[Table, Parcel, RowsRefused]] = []

    def begin(self) -> None:
        """A new round."""
        self._taken.clear()
        self._alone.clear()

    @property
    def doubtful(self) -> int:
        """Rows that were refused and get another try."""
        return len(self._refusals)

    async def send(self, table: Table, request: Sequence[Parcel], shipped: list[int]) -> None:
        """Ship all that is taken; adds to `shipped` as it goes. MirrorAway ends the round."""
        try:
            await self._taker.upsert(table, [parcel.record for parcel in request])
        except RowsRefused as refusal:
            if len(request) == 1:
                if not await self._adopted(table, request[0], refusal):
                    self.refused(table, request[0], refusal)
                    return
            else:
                half = len(request) // 2
                await self.send(table, request[:half], shipped)
                await self._doubt(table, request[-1])
                await self.send(table, request[half:], shipped)
                return
        for parcel in request:
            self.taken(table, parcel, shipped)

    def refused(self, table: Table, parcel: Parcel, refusal: RowsRefused) -> None:
        """This was refused alone: a row, or what is to become of a session's rows."""
        self._alone.append((table, parcel, refusal))

    def taken(self, table: Table, parcel: Parcel, shipped: list[int]) -> None:
        """This was taken."""
        self._taken.add(table)
        self._refusals.pop((table, parcel.key), None)
        shipped += parcel.seqs

    def finish(self) -> list[Refusal]:
        """The round is over: those that were refused often enough. MirrorAway if it was no row's fault."""
        for table, parcel, refusal in self._alone:
            suspect = refusal.sure or table in self._taken or (table, parcel.key) in self._refusals
            if not suspect:
                raise MirrorAway(str(refusal))
        here = {(table, parcel.key) for table, parcel, _ in self._alone}
        for place in self._refusals.keys() - here:  # gone from the journal meanwhile
            del self._refusals[place]
        return [found for one in self._alone if (found := self._counted(*one)) is not None]

    def _counted(self, table: Table, parcel: Parcel, refusal: RowsRefused) -> Refusal | None:
        place = (table, parcel.key)
        self._refusals[place] += 1
        if self._refusals[place] < TRIES:
            return None
        del self._refusals[place]
        return Refusal(parcel.seqs, str(refusal))

    async def _adopted(self, table: Table, parcel: Parcel, refusal: RowsRefused) -> bool:
        """A user's row of this account was made by somebody else, who did not know the session's id."""
        if table is not Table.ACCOUNTS or refusal.answer.code != TAKEN_ALREADY:
            return False
        try:
            return await self._taker.adopt(parcel.record)
        except RowsRefused:
            return False

    async def _doubt(self, table: Table, newest: Parcel) -> None:
        """The newest row tells whether it is the table's fault, or that of many old rows."""
        if table in self._taken or sum(one[0] is table for one in self._alone) < MANY:
            return
        try:
            await self._taker.upsert(table, [newest.record])
        except RowsRefused as refusal:
            raise MirrorAway(f"{table.value} takes no row: {refusal}", setup=refusal.sure) from None
        self._taken.add(table)
