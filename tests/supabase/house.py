"""A journal with its writer and the mirror, really supervised; its pace is quick, the rest as shipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors import tree
from actors.journal_writer import JournalWriter
from actors.messages import (
    AcceptMessage,
    AccountChanges,
    EndAttempt,
    JournalOperation,
    RecordIncoming,
    SaveAccount,
    UpdateAccount,
    Write,
)
from actors.mirror import MirrorDue, MirrorParts, Pace
from actors.model import Account, Ack, IncomingMessage, MessageStatus, OutgoingMessage
from supervision import BackOff, ChildSpec, SupervisorSpec, System
from wahook.journal import OpenedJournal, open_journal
from wahook.journal.opening import utc_now
from wahook.loop import LoopThread
from wahook.supabase.changes import Mirrored
from wahook.supabase.project import Project
from wahook.supabase.shipper import SupabaseShipper
from wahook.supabase.tables import SupabaseTables

SESSION = "user_1_wa_2"
PATIENCE = 60.0
QUICK = Pace(linger=0.01, check=0.2, first_pause=0.02, longest_pause=0.05, parting=0.02)


@dataclass
class House:
    """`found` gathers accounts that only Supabase knew."""

    data: Path
    url: str
    key: str
    deadline: float = 0.5
    outgoing: bool = True
    pace: Pace = QUICK
    place: str = "the project all"
    found: list[Account] = field(default_factory=list)

    def start(self) -> House:
        """Open and run all of it."""
        self.loop = LoopThread("supabase")
        self.loop.start()
        policy = Mirrored(lambda: self.system.handle(tree.MIRROR).tell(MirrorDue()), self.outgoing)
        self.journal: OpenedJournal = open_journal(f"sqlite:///{self.data}/wahook.db", mirror=policy)
        self.tables = SupabaseTables(Project(self.url, self.key), self.deadline)
        self.shipper = SupabaseShipper(self.tables, self.journal.queues, self.journal.reader, self.loop)
        parts = MirrorParts(
            shipper=self.shipper,
            found=self.found.append,
            writer_path=tree.WRITER,
            place=self.place,
            pace=self.pace,
        )
        backoff = BackOff(min=0.01, max=0.05)
        writer = ChildSpec(tree.WRITER, lambda c: JournalWriter(c, self.journal.writer), backoff=backoff)
        self.system = System(SupervisorSpec((writer, tree.mirror(parts))), name="house")
        self.system.start(PATIENCE)
        return self

    def stop(self) -> None:
        """End all of it; the journal's file stays."""
        self.system.stop(PATIENCE)
        self.loop.submit(self.tables.close()).exception(PATIENCE)
        self.loop.stop(PATIENCE)
        self.journal.close()

    # -- what happens -------------------------------------------------------------------------------------

    async def write(self, operation: JournalOperation) -> Any:
        """Have it journaled, as the service does."""
        return await self.system.handle(tree.WRITER).ask_async(Write(operation), PATIENCE)

    async def session(self, user: str = "1", account: str = "2") -> str:
        """A session that was never ready."""
        session_id = f"user_{user}_wa_{account}"
        await self.write(SaveAccount(Account(session_id, user, account)))
        return session_id

    async def ready(self, user: str = "1", account: str = "2", phone: str = "491510000001") -> str:
        """A session that is ready."""
        session_id, now = await self.session(user, account), utc_now()
        changes = AccountChanges(
            phone_number=phone, profile_name="Ana", connected_at=now, last_seen=now, last_error=None
        )
        await self.write(UpdateAccount(session_id, changes))
        return session_id

    async def arrive(self, *names: str, session_id: str = SESSION, body: str = "hello") -> None:
        """Messages arrive."""
        messages = tuple(incoming(name, body) for name in names)
        await self.write(RecordIncoming(session_id, messages))

    async def send(self, name: str, session_id: str = SESSION) -> None:
        """A message is accepted and sent."""
        await self.write(AcceptMessage(outgoing(name, session_id), None))
        await self.write(EndAttempt(f"msg_{name}", MessageStatus.SENT, Ack.SERVER))

    # -- what follows -------------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Nothing is open any more."""
        await until(lambda: self.journal.queues.count_changes()[0] == 0, self.report)

    def report(self) -> dict[str, Any]:
        """What operators see of the mirror."""
        node = self.system.snapshot().find(tree.MIRROR)
        return {} if node is None else dict(node.get("app", {}))


async def until(happened: Callable[[], object], tell: Callable[[], object] = lambda: "") -> None:
    """Wait for what another thread does."""
    ends = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(happened):
        assert time.monotonic() < ends, f"not within {PATIENCE:g} s: {tell()}"
        await asyncio.sleep(0.01)


def incoming(name: str, body: str = "hello", **more: Any) -> IncomingMessage:
    values = {
        "wa_message_id": name,
        "chat_id": "491700000002@c.us",
        "sender": "491700000002",
        "body": body,
        "type": "text",
        "timestamp": 1_767_268_800,
    }
    return IncomingMessage(**(values | more))


def outgoing(name: str, session_id: str = SESSION, **more: Any) -> OutgoingMessage:
    values = {
        "message_id": f"msg_{name}",
        "session_id": session_id,
        "to": "491700000002",
        "body": f"body {name}",
        "wa_message_id": f"3EB0{name}",
        "content_hash": name,
    }
    return OutgoingMessage(**(values | more))
