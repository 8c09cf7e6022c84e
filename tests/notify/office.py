"""A journal, real actors and a model's endpoint: where messages are answered."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from actors import tree
from actors.assistant import Assistant, AssistantParts
from actors.events import MessageReceived
from actors.heard import Heard
from actors.journal_writer import JournalWriter
from actors.messages import AcceptMessage, RecordIncoming, SaveAccount
from actors.model import Account, IncomingMessage, OutgoingMessage, SessionConfig
from supervision import BackOff, ChildSpec, SupervisorSpec, System
from wahook.asking import write
from wahook.journal import open_journal
from wahook.journal.chats import ChatReader
from wahook.loop import LoopThread
from wahook.notify.ai.client import AiClient, Endpoint
from wahook.notify.ai.policy import AiPolicy
from wahook.notify.ai.replier import OutboxReplier, ReplierParts

ID, OTHER = "user_1_wa_2", "user_1_wa_3"
THEM, SOMEONE = "34999000000", "34888000000"
DEADLINE = 40.0
POLICY = AiPolicy(
    system_prompt="Be kind.",
    model="small",
    context_messages=4,
    max_tokens=50,
    pause=1800,
    max_age=600,
    groups=False,
    replies_per_hour=3,
    replies_per_day=10,
)


class Office:
    """A journal, an assistant and a model; messages come in by `arrives`."""

    def __init__(self, folder, base_url, policy=POLICY):
        self.journal = open_journal(f"sqlite:///{folder}/wahook.db")
        self.chats = ChatReader(self.journal.engines.read)
        self.loop = LoopThread("notify-test")
        self.loop.start()
        self.policy = policy
        self.client = AiClient(Endpoint(base_url=base_url, deadline=20.0), backoff=0.01) if base_url else None
        self.events, self.news = [], asyncio.Event()
        self.faults, self.typing, self.number = [], [], 0
        self.page, self.questions = {"messages": [], "next": None}, []
        self._main = asyncio.get_running_loop()
        self.system = self._system()
        for session_id, number in ((ID, "2"), (OTHER, "3")):
            config = SessionConfig(ai_enabled=True)
            account = Account(session_id, "1", number, phone_number="34600000000", config=config)
            self.journal.writer.write([SaveAccount(account)])

    def _system(self):
        parts = AssistantParts(
            replier=OutboxReplier(
                ReplierParts(
                    loop=self.loop,
                    client=self.client,
                    policy=self.policy,
                    reader=self.journal.reader,
                    chats=self.chats,
                    accept=self.accept,
                    ask_page=self._ask_page,
                    calendar=lambda: datetime.now(UTC),
                    typing_speed=100.0,
                    sleep=self._sleep,
                )
            ),
            announce=self._announce,
            gather=0.01,
            at_once=4,
        )
        backoff = BackOff(0.01, 1)
        children = (
            ChildSpec(tree.WRITER, partial(JournalWriter, journal=self.journal.writer), backoff=backoff),
            ChildSpec(tree.ASSISTANT, partial(Assistant, parts=parts), backoff=backoff),
        )
        return System(SupervisorSpec(children), name="office")

    async def _sleep(self, seconds):
        assert seconds >= 1

    async def _ask_page(self, session_id, question):
        """The page's chats, played by hand: `page` is its answer, or an error to raise."""
        self.questions.append((session_id, question.call, question.arguments["chat"]))
        if isinstance(self.page, Exception):
            raise self.page
        return self.page

    def _announce(self, event):
        self.events.append(event)
        self._main.call_soon_threadsafe(self.news.set)

    async def accept(self, session_id, draft, *, key, allow_duplicate):
        assert allow_duplicate
        if self.faults:
            raise self.faults.pop(0)
        self.number += 1
        self.typing.append(draft.typing)
        message = OutgoingMessage(
            f"msg_{self.number:032}", session_id, draft.to, draft.body, f"3EB0{self.number:018}",
            content_hash=draft.body, idempotency_key=key,
        )  # fmt: skip
        result = await write(self.system.handle(tree.WRITER), AcceptMessage(message, None), 20.0)
        self._main.call_soon_threadsafe(self.news.set)
        return result

    def start(self):
        self.system.start(DEADLINE)

    def journaled(self, body, sender=THEM, session_id=ID, ago=1, **fields):
        self.number += 1
        at = int((datetime.now(UTC) - timedelta(seconds=ago)).timestamp())
        fields = {"chat_id": f"{sender}@c.us", **fields}
        message = IncomingMessage(
            f"W{self.number}", sender=sender, body=body, type="chat", timestamp=at, **fields
        )
        self.journal.writer.write([RecordIncoming(session_id, (message,))])
        return MessageReceived(session_id, message.wa_message_id, sender, body, "chat", False, at)

    def hear(self, event):
        assert self.system.handle(tree.ASSISTANT).tell(Heard(event))

    def arrives(self, body, **fields):
        event = self.journaled(body, **fields)
        self.hear(event)
        return event

    def says(self, body, to=THEM, key=None, session_id=ID, wa_message_id=None):
        """Somebody of ours writes."""
        self.number += 1
        message = OutgoingMessage(
            f"msg_{self.number:032}", session_id, to, body, wa_message_id or f"3EB0{self.number:018}",
            content_hash=body, idempotency_key=key,
        )  # fmt: skip
        self.journal.writer.write([AcceptMessage(message, None)])

    def sent(self, session_id=ID):
        rows = self.journal.reader.undone(session_id)
        return [(row.to, row.body) for row in rows if (row.idempotency_key or "").startswith("ai:")]

    def app(self):
        return self.system.snapshot().find(tree.ASSISTANT)["app"]

    async def until(self, true):
        """Look whenever there may be something to see."""
        async with asyncio.timeout(DEADLINE):
            while not true():
                self.news.clear()
                try:
                    await asyncio.wait_for(self.news.wait(), 0.05)
                except TimeoutError:
                    continue

    async def settled(self, count=1):
        """So many messages have been dealt with."""
        await self.until(
            lambda: sum(self.app().get(name, 0) for name in ("answered", "skipped", "failed")) >= count
        )

    async def close(self):
        await asyncio.to_thread(self.system.stop, 30.0)
        if self.client is not None:
            await asyncio.wrap_future(self.loop.submit(self.client.close()))
        self.loop.stop(20.0)
        self.journal.close()
