"""Deliveries follow from a message in its own commit: both are on disk, or neither is."""

import pytest
from structlog.testing import capture_logs

from actors import tree
from actors.durable import Delivery, TaskState
from actors.errors import CommitUncertain, JournalError
from actors.messages import RecordIncoming, SaveAccount
from actors.model import Account, Webhook
from supervision import RemoteError
from wahook.journal import open_journal

from .house import SESSION, break_next_commit, incoming, until


class Policy:
    """One delivery for each operation, or what a test says instead."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.doubts = 0
        self.error: Exception | None = None
        self.state = TaskState.PENDING

    def needs_before(self, operation):
        return True

    def of(self, operation, before, result, now):
        if self.error is not None:
            raise self.error
        if isinstance(operation, RecordIncoming):
            ids = [message.wa_message_id for message in operation.messages]
            return [Delivery(f"evt_{one}", SESSION, "http://r", "message:received", b"{}") for one in ids]
        return []

    def committed(self, added):
        if added:
            self.told.append([one.id for one in added])

    def undone(self):
        self.doubts += 1


@pytest.fixture
def policy():
    return Policy()


@pytest.fixture
def journal(tmp_path, policy):
    with open_journal(f"sqlite:///{tmp_path}/wahook.db", consequences=policy) as opened:
        opened.writer.write([SaveAccount(Account(SESSION, "1", "1"))])
        yield opened


def test_what_follows_is_told_after_the_commit_with_its_place_in_the_order(journal, policy):
    two = [RecordIncoming(SESSION, (incoming("a"), incoming("b"))), RecordIncoming(SESSION, (incoming("c"),))]
    journal.writer.write(two)
    assert policy.told == [["evt_a", "evt_b", "evt_c"]]
    stored = journal.queues.pending_deliveries("http://r")
    assert [one.id for one in stored] == policy.told[0]
    assert [one.seq for one in stored] == sorted(one.seq for one in stored)


def test_when_the_commit_fails_neither_message_nor_delivery_is_there_and_the_next_one_is_fine(
    journal, policy
):
    break_next_commit(journal.engines.write)
    with pytest.raises(CommitUncertain):
        journal.writer.write([RecordIncoming(SESSION, (incoming("a"),))])
    assert (policy.told, policy.doubts) == ([], 1)
    assert journal.queues.receivers() == []
    assert journal.reader.received(SESSION, "a") is None
    journal.writer.write([RecordIncoming(SESSION, (incoming("a"),))])
    assert policy.told == [["evt_a"]]


def test_a_fault_of_the_policy_costs_the_telling_and_not_the_message(journal, policy):
    policy.error = ZeroDivisionError("a bug")
    with capture_logs() as logs:
        journal.writer.write([RecordIncoming(SESSION, (incoming("a"),))])
    assert journal.reader.received(SESSION, "a") is not None
    assert [line["event"] for line in logs] == ["journal.consequence_failed"]


def test_a_journal_that_cannot_be_read_for_the_receivers_fails_the_write_so_that_it_is_told_again(
    journal, policy
):
    policy.error = JournalError("locked")
    with pytest.raises(JournalError):
        journal.writer.write([RecordIncoming(SESSION, (incoming("a"),))])
    assert journal.reader.received(SESSION, "a") is None


async def test_after_a_failed_commit_the_sender_reads_the_disk_and_delivers_all_once(house, receiver):
    await house.account(receiver.url)
    break_next_commit(house.journal.engines.write)
    with pytest.raises((RemoteError, JournalError)):
        await house.arrive()
    up = house.system.handle(tree.WRITER)
    await until("the writer is back", lambda: up.incarnation == 2 and up.alive)
    await house.arrive(3)
    await house.settled(TaskState.DONE, 3)
    assert len(set(receiver.messages())) == len(receiver.messages()) == 3


async def test_nothing_that_was_said_and_no_secret_is_in_the_log(house, receiver, capsys):
    receiver.answer = lambda call: 503 if call.headers["X-Webhook-Attempt"] < "4" else 200
    hook = Webhook(receiver.url, headers=(("X-Token", "header-value"),), secrets=("the-secret",))
    await house.account(hook)
    with capture_logs() as logs:
        await house.arrive(3)
        await house.settled(TaskState.DONE, 3)
    assert {line["event"] for line in logs} >= {"webhooks.circuit_opened", "webhooks.circuit_closed"}
    said = str(logs) + "".join(capsys.readouterr())
    for hidden in ("text of in", "4917001", "the-secret", "header-value", "/hook"):
        assert hidden not in said
