"""Webhooks with everything real around them: journal, writer, tree, and receivers on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from actors import tree
from actors.durable import Delivery, TaskState
from actors.journal_writer import JournalWriter
from actors.messages import (
    AccountChanges,
    JournalOperation,
    RecordIncoming,
    SaveAccount,
    UpdateAccount,
    Write,
)
from actors.model import Account, IncomingMessage, SessionConfig, Webhook
from supervision import ChildSpec, SupervisorSpec, System
from tests.ports import free_port
from wahook.announcer import Announcer
from wahook.journal import OpenedJournal, open_journal
from wahook.notify.webhooks.policy import CircuitPolicy, Retries
from wahook.notify.webhooks.setup import Webhooks
from wahook.settings import Settings

SESSION = "user_1_wa_1"
OTHER = "user_2_wa_2"
PATIENCE = 60.0
QUICK = Retries(base=0.05, cap=0.2)
BRITTLE = CircuitPolicy(threshold=3, base=0.2, cap=0.4)


async def until(what: str, probe: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The first true answer of a probe; fails after the patience."""
    ends = time.monotonic() + patience
    while not (found := probe()):
        assert time.monotonic() < ends, f"{what}: not within {patience:g} s"
        await asyncio.sleep(0.01)
    return found


@dataclass
class Call:
    """What a receiver got."""

    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    @property
    def message(self) -> str:
        return self.body["payload"]["id"]


Answer = Callable[[Call], "int | web.Response"]


@dataclass
class Receiver:
    """Somebody's server. `answer` says the status; set `open` to hold answers back; `at_once` is the most."""

    calls: list[Call] = field(default_factory=list)
    answer: Answer = lambda _: 200
    open: asyncio.Event = field(default_factory=asyncio.Event)
    now: int = 0
    at_once: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> Receiver:
        """Listen, on the port of before if there was one."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self.port = self.port or free_port()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.open.set()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _take(self, request: web.Request) -> web.Response:
        call = Call(dict(request.headers), await request.read(), time.monotonic())
        self.calls.append(call)
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        try:
            await self.open.wait()
            answer = self.answer(call)
            return web.Response(status=answer) if isinstance(answer, int) else answer
        finally:
            self.now -= 1

    def messages(self) -> list[str]:
        """The ids of messages, as they came."""
        return [call.message for call in self.calls if call.body["event"] == "message:received"]

    async def got(self, count: int) -> list[Call]:
        await until(f"{count} calls", lambda: len(self.calls) >= count)
        return self.calls


@dataclass
class Clock:
    """The wall clock, which can be turned."""

    ahead: float = 0.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)


class House:
    """`start` and `stop` as often as wanted on one data folder."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.data = data
        self.settings = settings
        self.clock = Clock()
        self.announcer = Announcer()
        self.number = 0

    def start(self) -> House:
        allowed = {"webhook_allowed_networks": "127.0.0.0/8"}
        settings = Settings(data=self.data, api_key="the-key", **(allowed | self.settings))
        self.webhooks = Webhooks(settings, self.clock, lambda: self.system, retries=QUICK, circuit=BRITTLE)
        self.journal: OpenedJournal = open_journal(
            f"sqlite:///{self.data / 'wahook.db'}",
            calendar=self.clock,
            consequences=self.webhooks.consequences,
        )
        self.commands = self.webhooks.open(self.journal)
        writer = ChildSpec(
            tree.WRITER, lambda context: JournalWriter(context, self.journal.writer), backoff=tree.WORKERS
        )
        self.system = System(SupervisorSpec((writer, self.webhooks.child())))
        self.system.start(10)
        self.end_hearing = self.announcer.subscribe(self.webhooks.hear)
        return self

    def stop(self) -> None:
        self.end_hearing()
        self.system.stop(10)
        self.journal.close()

    async def write(self, operation: JournalOperation) -> Any:
        return await self.system.handle(tree.WRITER).ask_async(Write(operation), 10)

    async def account(self, *webhooks: Webhook | str, session: str = SESSION) -> None:
        """A session with these receivers, whether it was there or not."""
        _, user, _, number = session.split("_")
        config = SessionConfig(
            webhooks=tuple(Webhook(one) if isinstance(one, str) else one for one in webhooks)
        )
        await self.write(SaveAccount(Account(session, user, number, config=config)))
        await self.write(UpdateAccount(session, AccountChanges(config=config)))

    async def arrive(self, count: int = 1, chat: str = "4917001", session: str = SESSION) -> list[str]:
        """Messages arrive; their ids."""
        ids = []
        for _ in range(count):
            self.number += 1
            ids.append(f"in{self.number}")
            await self.write(RecordIncoming(session, (incoming(ids[-1], chat),)))
        return ids

    def deliveries(self, state: TaskState, session: str = SESSION) -> list[Delivery]:
        return self.journal.queues.deliveries(session, state, 1000)[::-1]

    async def settled(self, state: TaskState, count: int, session: str = SESSION) -> list[Delivery]:
        """When so many are in a state on disk."""
        await until(f"{count} {state}", lambda: len(self.deliveries(state, session)) >= count)
        return self.deliveries(state, session)


def break_next_commit(engine: sa.Engine) -> None:
    """Let the database itself refuse the next commit: a foreign key, checked only then, leads nowhere."""
    orphan = (
        "INSERT INTO deliveries (id, session_id, receiver, event, body, state, attempts, next_at, created_at)"
        " VALUES ('evt_0', 'nobody', 'r', 'e', x'', 'pending', 0, '2026-01-01', '2026-01-01')"
    )

    once = [True]

    def sabotage(_, cursor, statement, *__):
        if once and statement.startswith("SAVEPOINT"):
            once.clear()
            cursor.execute("PRAGMA defer_foreign_keys=ON")
            cursor.execute(orphan)

    sa.event.listen(engine, "before_cursor_execute", sabotage)


def incoming(wa_id: str, sender: str = "4917001", **changes: Any) -> IncomingMessage:
    """A message that arrived."""
    values = {
        "wa_message_id": wa_id,
        "chat_id": f"{sender}@c.us",
        "sender": sender,
        "body": f"text of {wa_id}",
        "type": "chat",
        "timestamp": 1_767_268_800,
    }
    return IncomingMessage(**(values | changes))
