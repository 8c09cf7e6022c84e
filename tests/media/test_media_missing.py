"""The keeper of files with its real parts: what was to be fetched and was not, and what is over its time."""

import asyncio
import os
import time
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from actors import tree
from actors.errors import DomainError, Fault, RuleBroken, SendRefused, SessionNotReady
from actors.events import StatusChanged
from actors.media_keeper import Sweep
from actors.messages import AcceptMessage, RecordIncoming, SaveAccount
from actors.model import Account, IncomingMessage, OutgoingMessage, SessionStatus
from supervision import SupervisorSpec
from supervision.testing import VirtualTree
from wahook.addresses import AddressRule
from wahook.board import Board
from wahook.journal import open_journal
from wahook.journal.files import FileReader
from wahook.media.desk import MediaDesk
from wahook.media.fetching import MediaFetcher
from wahook.media.links import Links
from wahook.media.store import MediaStore
from wahook.outbox.connection import connect
from wahook.reception import Reception
from wahook.settings import Settings

SESSION, CHAT = "user_1_wa_1", "491700000001"


class Page:
    """Gives one byte for every message, but for those that it refuses."""

    def __init__(self):
        self.asked, self.refuses = [], {}

    async def ask_page(self, _, question):
        if "message" not in question.arguments:
            return "eA==" if "offset" in question.arguments else None
        name = question.arguments["message"]["id"]
        self.asked.append(name)
        if name in self.refuses:
            raise self.refuses[name]
        return {"handle": 1, "size": 1, "mimetype": "text/plain", "filename": None}


def at_once(coroutine):
    future = Future()
    try:
        future.set_result(asyncio.run(coroutine))
    except (DomainError, Fault) as error:
        future.set_exception(error)
    return future


@contextmanager
def house(root, **settings):
    """The keeper of files in a tree, a journal with a message that has none and three that have."""
    settings = Settings(data=root, **settings)
    page, clock = Page(), [datetime.now(UTC)]
    with (
        open_journal(f"sqlite:///{root / 'wahook.db'}", calendar=lambda: clock[0]) as journal,
        VirtualTree() as virtual,
    ):
        journal.writer.write([SaveAccount(Account(SESSION, "1", "1"))])
        for name, age in (("OLD", 80), ("TEXT", 1), ("A", 1), ("B", 0)):  # hours
            clock[0] = datetime.now(UTC) - timedelta(hours=age)
            message = IncomingMessage(name, f"{CHAT}@c.us", CHAT, "", "document", 5, has_media=name != "TEXT")
            journal.writer.write([RecordIncoming(SESSION, (message,))])
        fetcher = MediaFetcher(MediaStore(settings.media_path, 1000), AddressRule())
        desk = MediaDesk(fetcher, Links(root / "links"), journal.reader, page)
        reception = Reception(
            settings=settings,
            reader=journal.reader,
            files=FileReader(journal.engines.read),
            redis=connect("redis://127.0.0.1:1/0"),
            system=lambda: virtual,
            board=Board,
            desk=lambda: desk,
            messages=lambda: None,
            run=at_once,
        )
        virtual.start(SupervisorSpec(reception.children()[:1]))
        virtual.settle()
        yield SimpleNamespace(hear=reception.hear, page=page, tree=virtual, desk=desk, journal=journal)


def come_up(home):
    home.page.asked.clear()
    home.hear(StatusChanged(SESSION, SessionStatus.READY))
    home.tree.settle()
    return home.page.asked


def test_a_session_that_is_ready_has_fetched_what_it_lacks_but_not_what_is_over_its_time(tmp_path):
    with house(tmp_path, media_download="always") as home:
        assert come_up(home) == ["A", "B"]
        assert come_up(home) == []
        assert home.tree.handle(tree.MEDIA).incarnation == 1


def test_nothing_is_fetched_by_itself_when_files_are_fetched_on_demand(tmp_path):
    with house(tmp_path) as home:
        assert come_up(home) == []


def test_what_whatsapp_refuses_is_asked_for_once_and_what_only_failed_again(tmp_path):
    with house(tmp_path, media_download="always") as home:
        home.page.refuses = {"A": SendRefused("media_gone", "gone"), "B": SessionNotReady("it went")}
        assert come_up(home) == ["A", "B"]
        home.page.refuses = {}
        assert come_up(home) == ["B"]
        asyncio.run(home.desk.of_message(SESSION, "A"))  # whoever asks is not told of yesterday's refusal
        assert home.page.asked == ["B", "A"]


def test_a_message_that_nobody_knows_is_not_looked_for_for_ever(tmp_path):
    with house(tmp_path, media_download="always") as home:
        home.page.refuses = dict.fromkeys("AB", RuleBroken("media_invalid", "the file is empty"))
        assert come_up(home) == ["A", "B"]
        assert come_up(home) == []


def test_files_go_after_their_time_but_for_one_that_a_message_is_yet_to_be_sent_with(tmp_path):
    with house(tmp_path, media_ttl_hours=2) as home:
        store, kept = home.desk.fetcher.store, {}
        for name, hours in (("waits", 3), ("is over", 3), ("is young", 1)):
            with store.writing() as file:
                file.write(name.encode())
                kept[name] = file.finish(None, None).media_id
            for path in (store.path(kept[name]), store.path(kept[name]).with_suffix(".json")):
                os.utime(path, (0, time.time() - hours * 3600))
        content = {"media": {"id": kept["waits"]}}
        row = OutgoingMessage("msg_00000001", SESSION, CHAT, "", "3EB0A", "document", content=content)
        home.journal.writer.write([AcceptMessage(row, None)])
        home.tree.tell(tree.MEDIA, Sweep())
        home.tree.settle()
        assert {path.name for path in store.root.glob("media_*[!n]")} == {kept["waits"], kept["is young"]}
