"""A session that supervision restarts no more is shown, told and mirrored as one that needs somebody."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from actors import tree
from actors.durable import MirrorChange
from actors.events import StatusChanged
from actors.journal_writer import JournalWriter
from actors.messages import AccountChanges, SaveAccount, UpdateAccount
from actors.model import Account, SessionStatus, SessionView
from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, System
from wahook.announcer import Announcer
from wahook.board import Board
from wahook.giving_up import GivenUpSessions
from wahook.journal import open_journal
from wahook.supabase.changes import ACCOUNT, Mirrored

ID = "user_1_wa_2"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Session(Actor):
    """Falls when told."""

    def handle(self, message):
        raise ConnectionError(message)


@pytest.fixture
def journal(tmp_path):
    with open_journal(f"sqlite:///{tmp_path}/wahook.db", mirror=Mirrored(lambda: None)) as opened:
        opened.writer.write([SaveAccount(Account(ID, "1", "2"))])
        lost = AccountChanges(last_error="renderer_crashed", connected_at=NOW)
        opened.writer.write([UpdateAccount(ID, lost)])
        yield opened


@pytest.fixture
def system(journal):
    session = ChildSpec(tree.SESSION, Session, backoff=BackOff(min=0.01, max=0.01, max_consecutive=1))
    child = ChildSpec(ID, SupervisorSpec((session,)))
    writer = ChildSpec(tree.WRITER, partial(JournalWriter, journal=journal.writer))
    with System(
        SupervisorSpec((writer, ChildSpec(tree.SESSIONS, SupervisorSpec((child,))))), name="w"
    ) as made:
        yield made


async def test_who_takes_it_to_be_coming_back_is_told_that_it_is_not(system, journal):
    board, announcer, told = Board(), Announcer(), []
    announcer.subscribe(told.append)
    board.publish(SessionView(ID, SessionStatus.RECONNECTING, NOW, last_error="renderer_crashed"))
    system.subscribe(GivenUpSessions(board, announcer, lambda: NOW, system.handle(tree.WRITER).tell))
    session = system.handle(tree.session_path(ID))
    before = journal.queues.open_changes()[-1].seq
    async with asyncio.timeout(20):
        while board.get(ID).status is not SessionStatus.ERROR:
            session.tell("fall")
            await asyncio.sleep(0.01)
        while not (noted := [one for one in journal.queues.open_changes() if one.seq > before]):
            await asyncio.sleep(0.01)
    assert told == [StatusChanged(ID, SessionStatus.ERROR)]
    fixed = {"columns": [], "status": "error", "error_message": "renderer_crashed"}
    assert [(one.kind, one.key, one.payload) for one in noted] == [(ACCOUNT, ID, fixed)]
    assert isinstance(noted[0], MirrorChange)
