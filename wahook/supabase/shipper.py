"""Ships the journal's changes: one round takes what is open, in order, as far as Supabase takes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from actors.durable import MirrorChange
from actors.mirror import Refusal, Shipment
from actors.model import Account, Direction, OutgoingMessage
from wahook.journal.stored import Received
from wahook.loop import LoopThread
from wahook.supabase.faults import MirrorAway, RowsRefused
from wahook.supabase.parcels import Parcel, parcels
from wahook.supabase.parting import Parting
from wahook.supabase.plan import MessageKey, Segment, plan
from wahook.supabase.records import Record, Table, account_record, incoming_record, outgoing_record, stranger

ROUND = 500  # changes
PAGE = 500  # accounts
STALE = 120.0  # seconds without a word of Supabase after which it counts as away


class Tables(Protocol):
    """Supabase's tables; see `tables.SupabaseTables`."""

    async def upsert(self, table: Table, rows: Sequence[Record]) -> None: ...
    async def adopt(self, record: Record) -> bool: ...
    async def forget(self, session_id: str) -> None: ...
    async def accounts(self, after: str, limit: int) -> list[Mapping[str, Any]]: ...
    async def ping(self) -> None: ...


class Queues(Protocol):
    """What waits; blocking. See `journal.QueueReader`."""

    def open_changes(self, limit: int) -> list[MirrorChange]: ...
    def count_changes(self) -> tuple[int, int]: ...


class Reader(Protocol):
    """The rows that changes are about; blocking. See `journal.JournalReader`."""

    def accounts(self) -> list[Account]: ...
    def account(self, session_id: str) -> Account | None: ...
    def message_by_wa(self, session_id: str, wa_message_id: str) -> OutgoingMessage | None: ...
    def received(self, session_id: str, wa_message_id: str) -> Received | None: ...


@dataclass(frozen=True, slots=True)
class Contact:
    """The last word of Supabase; `at` is monotonic seconds."""

    connected: bool = False
    at: float | None = None


@dataclass(slots=True)
class _Round:
    shipped: list[int] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    copy: int | None = None


class SupabaseShipper:
    """Implements `actors.mirror.Shipper`. Any thread may call; the work is done on `loop`.

    Reads the journal on helper threads. Rounds never overlap, those of a crashed actor's included.
    """

    def __init__(
        self,
        tables: Tables,
        queues: Queues,
        reader: Reader,
        loop: LoopThread,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tables = tables
        self._queues = queues
        self._reader = reader
        self._loop = loop
        self._clock = clock
        self._contact = Contact()
        self._one_at_a_time = asyncio.Lock()
        self._parting = Parting(tables)

    def ship(self) -> Future[Shipment]:
        """One round. Its end is bounded by the requests' deadlines, for it stops at the first that fails."""
        return self._loop.submit(self._ship())

    def strangers(self) -> Future[Sequence[Account]]:
        """Those whose names are sound, with the state they have there; to be started when asked for."""
        return self._loop.submit(self._strangers())

    def health(self) -> tuple[bool, float | None]:
        """Whether Supabase takes what we send, and how many seconds ago it was so. Any thread, at once."""
        contact = self._contact
        if contact.at is None:
            return False, None
        age = self._clock() - contact.at
        return contact.connected and age < STALE, round(age, 1)

    # -- a round ----------------------------------------------------------------------------------------

    async def _ship(self) -> Shipment:
        async with self._one_at_a_time:
            changes = await asyncio.to_thread(self._queues.open_changes, ROUND)
            waiting, aside = await asyncio.to_thread(self._queues.count_changes)
            round_ = _Round()
            failure = await self._tried(changes, round_)
            self._contact = Contact(failure is None, self._clock())
            return Shipment(
                shipped=tuple(round_.shipped),
                refused=tuple(round_.refused),
                failure=None if failure is None else failure.reason,
                setup=failure is not None and failure.setup,
                pause=None if failure is None else failure.retry_after,
                more=failure is None and len(changes) == ROUND,
                copy=round_.copy,
                doubtful=self._parting.doubtful,
                open=waiting,
                set_aside=aside,
            )

    async def _tried(self, changes: Sequence[MirrorChange], round_: _Round) -> MirrorAway | None:
        self._parting.begin()
        try:
            found = plan(changes)
            round_.copy = found.copy
            if not found.segments:
                await self._tables.ping()
            if found.strange:
                round_.refused.append(Refusal(found.strange, "not a change that this version knows"))
            for segment in found.segments:
                await self._segment(segment, round_)
            round_.refused += self._parting.finish()
        except MirrorAway as away:
            return away
        except RowsRefused as refusal:
            return MirrorAway(str(refusal), setup=True)
        return None

    async def _segment(self, segment: Segment, round_: _Round) -> None:
        for table, load in ((Table.ACCOUNTS, self._accounts), (Table.MESSAGES, self._messages)):
            there, gone = await asyncio.to_thread(load, segment)
            round_.shipped += gone
            for request in parcels(table, there):
                await self._parting.send(table, request, round_.shipped)
        for session_id, seqs in segment.deletions.items():
            parcel = Parcel(("deleted", session_id), tuple(seqs), {})
            try:
                await self._tables.forget(session_id)
            except RowsRefused as refusal:  # somebody else's rows hang on them
                self._parting.refused(Table.ACCOUNTS, parcel, refusal)
            else:
                self._parting.taken(Table.ACCOUNTS, parcel, round_.shipped)

    # -- what changes are about ---------------------------------------------------------------------------

    def _accounts(self, segment: Segment) -> tuple[list[Parcel], list[int]]:
        """The accounts as they are; the changes of those that are gone, which a deletion follows."""
        there, gone = [], []
        for session_id, write in segment.accounts.items():
            account = self._reader.account(session_id)
            if account is None:
                gone += write.seqs
            else:
                there.append(Parcel(session_id, tuple(write.seqs), account_record(account, write)))
        return there, gone

    def _messages(self, segment: Segment) -> tuple[list[Parcel], list[int]]:
        there, gone = [], []
        for key, seqs in segment.messages.items():
            record = self._message(key)
            if record is None:
                gone += seqs
            else:
                there.append(Parcel(key, tuple(seqs), record))
        return there, gone

    def _message(self, key: MessageKey) -> Record | None:
        if key.direction is Direction.IN:
            received = self._reader.received(key.session_id, key.wa_message_id)
            return None if received is None else incoming_record(received)
        message = self._reader.message_by_wa(key.session_id, key.wa_message_id)
        return None if message is None else outgoing_record(message)

    # -- accounts that only Supabase knows ------------------------------------------------------------------

    async def _strangers(self) -> Sequence[Account]:
        known = {account.session_id for account in await asyncio.to_thread(self._reader.accounts)}
        found: list[Account] = []
        after = ""
        while page := await self._tables.accounts(after, PAGE):
            met = [account for account in map(stranger, page) if account is not None]
            found += [account for account in met if account.session_id not in known]
            last = str(page[-1].get("session_id") or "")  # the last by the database's own order
            if len(page) < PAGE or last == after:
                break
            after = last
        return found
