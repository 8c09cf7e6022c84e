"""The mailer on virtual time, with a real journal: what is told once is sent until it has arrived."""

from concurrent.futures import Future
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import pytest

from actors import mail_policy
from actors.durable import AddMail, Mail, ReplayMail, TaskState
from actors.events import Disconnected, Qr, Ready
from actors.heard import Heard
from actors.journal_writer import JournalWriter
from actors.mail_policy import MailOutcome, MailVerdict
from actors.mailer import GivenUp, Mailer, MailerParts, TakenDown
from actors.messages import SaveAccount
from actors.model import Account, SessionConfig
from actors.notice_desk import NoticeDesk, Throttle
from actors.notices import Patience
from supervision import BackOff, ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree
from wahook.journal import open_journal
from wahook.notify.mail.compose import Composer, notice_of
from wahook.notify.people import Preferences

ID = "user_1_wa_2"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SENT = MailOutcome(MailVerdict.SENT)
LATER = MailOutcome(MailVerdict.AGAIN, "recipient_refused 451")
GONE, READY, QR = Disconnected(ID, "LOGOUT", permanent=True), Ready(ID, "34600", "Ana"), Qr(ID, "c", 0)


class HandSender:
    """Takes mails; a test says how each attempt ends. `outcomes` are given at once, in order."""

    def __init__(self):
        self.sent, self.outcomes, self.open = [], [], []

    def send(self, mail):
        self.sent.append(mail)
        future = Future()
        if self.outcomes:
            future.set_result(self.outcomes.pop(0))
        else:
            self.open.append(future)
        return future


class PostRoom:
    """A tree of two: the journal's writer and the mailer."""

    def __init__(self, tree, url, **account):
        self.tree, self.leap = tree, timedelta()
        self.journal = open_journal(url, calendar=self.now)
        fields = {"phone_number": "34600", **account}
        self.journal.writer.write([SaveAccount(Account(ID, "1", "2", **fields))])
        self.sender = HandSender()
        self.desk = NoticeDesk(Patience(), Throttle(600))

    def now(self):
        return NOON + self.leap + timedelta(seconds=self.tree.now)

    def open(self, email="owner@example.org"):
        parts = MailerParts(
            sender=self.sender,
            desk=self.desk,
            account=self.journal.reader.account,
            due=self.journal.queues.due_mails,
            recent=self.journal.queues.mails_since,
            last=lambda: [one for mail in self.journal.queues.last_mails() if (one := notice_of(mail))],
            compose=Composer(Preferences(email, "es", "UTC")),
            calendar=self.now,
            writer_path="journal-writer",
            interval=600.0,
            rng=Random(1),
        )
        backoff = BackOff(1, 60)
        children = (
            ChildSpec("journal-writer", partial(JournalWriter, journal=self.journal.writer), backoff=backoff),
            ChildSpec("mailer", partial(Mailer, parts=parts), backoff=backoff),
        )
        self.tree.start(SupervisorSpec(children))
        self.tree.settle()

    def hear(self, *events):
        for event in events:
            self.tree.tell("mailer", Heard(event))
            self.tree.settle()

    def mails(self):
        return self.journal.queues.mails_since(NOON - timedelta(days=30))

    def states(self):
        return [mail.state for mail in self.mails()]

    def end(self, outcome):
        self.sender.open.pop(0).set_result(outcome)
        self.tree.settle()


@pytest.fixture
def tree():
    with VirtualTree() as virtual:
        yield virtual


@pytest.fixture
def room(tree, tmp_path):
    made = PostRoom(tree, f"sqlite:///{tmp_path}/wahook.db")
    made.open()
    yield made
    tree.stop()
    made.journal.close()


def test_news_is_in_the_journal_before_it_is_sent_and_done_when_it_has_arrived(room):
    room.hear(GONE)
    (mail,) = room.sender.sent
    assert (mail.kind, mail.recipient, mail.payload["reason"]) == (
        "disconnected",
        "owner@example.org",
        "LOGOUT",
    )
    assert room.states() == [TaskState.PENDING]
    room.end(SENT)
    assert room.states() == [TaskState.DONE]
    room.tree.advance(120)
    assert len(room.sender.sent) == 1


def test_a_loss_that_does_not_heal_is_told_by_time_alone(room):
    room.hear(Disconnected(ID, "killed", permanent=False))
    room.tree.advance(110)
    assert room.sender.sent == []
    room.tree.advance(20)
    assert [mail.kind for mail in room.sender.sent] == ["disconnected"]
    assert room.sender.sent[0].payload["permanent"] is False


def test_greylisting_is_waited_out_with_growing_delays(room):
    room.sender.outcomes = [LATER, LATER, LATER, SENT]
    room.hear(GONE)
    room.tree.advance(15)
    assert len(room.sender.sent) == 1, "not at once again"
    room.tree.advance(45)
    assert len(room.sender.sent) == 2
    room.tree.advance(300)
    assert (len(room.sender.sent), room.states()) == (4, [TaskState.DONE])
    assert room.mails()[0].attempts == 4


def test_news_of_yesterday_is_given_up(room):
    room.sender.outcomes = [MailOutcome(MailVerdict.AGAIN, "unreachable")] * 100
    room.hear(GONE)
    room.tree.advance(4 * 3600)
    assert 8 <= len(room.sender.sent) <= 12, "less and less often"
    room.leap = timedelta(hours=20)
    room.tree.advance(20)
    (mail,) = room.mails()
    assert (mail.state, mail.last_error) == (TaskState.DEAD, "expired: unreachable")
    tried = len(room.sender.sent)
    room.tree.advance(3600)
    assert len(room.sender.sent) == tried


def test_a_refusal_for_good_is_not_repeated(room):
    room.sender.outcomes = [MailOutcome(MailVerdict.NEVER, "recipient_refused 550")]
    room.hear(GONE)
    room.tree.advance(7200)
    assert (len(room.sender.sent), room.states()) == (1, [TaskState.DEAD])
    assert room.mails()[0].last_error == "recipient_refused 550"


def test_a_mail_that_was_given_up_long_ago_can_be_sent_after_all(room):
    room.sender.outcomes = [MailOutcome(MailVerdict.NEVER, "recipient_refused 550"), LATER, SENT]
    room.hear(GONE)
    assert room.states() == [TaskState.DEAD]
    room.leap = timedelta(days=3)
    room.journal.writer.write([ReplayMail(room.mails()[0].id)])
    room.tree.advance(20)
    assert (len(room.sender.sent), room.states()) == (2, [TaskState.PENDING]), "its day began anew"
    room.tree.advance(120)
    assert (len(room.sender.sent), room.states()) == (3, [TaskState.DONE])
    assert len({mail.id for mail in room.sender.sent}) == 1


def test_a_mailer_that_crashed_sends_what_was_on_its_way_again(room):
    room.hear(GONE)
    room.tree.do(room.tree.system.kill("mailer", "test"))
    room.tree.advance(5)
    assert len(room.sender.sent) == 2
    assert room.sender.sent[0].id == room.sender.sent[1].id
    room.sender.open.clear()


def test_what_waits_is_sent_after_a_restart_of_the_service(tree, tmp_path):
    room = PostRoom(tree, f"sqlite:///{tmp_path}/wahook.db")
    waiting = Mail("mail_1", "connected", "a@b.org", ID, payload={})
    room.journal.writer.write([AddMail(waiting)])
    room.sender.outcomes = [SENT]
    room.open()
    assert [mail.id for mail in room.sender.sent] == ["mail_1"]
    room.hear(QR, READY)
    kinds = [mail.kind for mail in room.mails()]
    assert kinds == ["connected", "needs_qr"], "the earlier life has told of a connection already"
    tree.stop()
    room.journal.close()


@pytest.fixture
def another_life(tmp_path):
    """A function that ends a room's service and begins another on its journal, so many seconds later."""
    with ExitStack() as stack:

        def begin(room, seconds):
            room.sender.open.clear()
            room.tree.stop()
            again = PostRoom(stack.enter_context(VirtualTree()), f"sqlite:///{tmp_path}/wahook.db")
            stack.callback(again.journal.close)
            stack.callback(again.tree.stop)
            again.leap = room.now() - NOON + timedelta(seconds=seconds)
            again.sender.outcomes = [SENT] * 9
            again.open()
            return again

        yield begin


def test_who_was_promised_news_of_a_return_gets_it_after_a_restart_too(room, another_life):
    room.hear(Disconnected(ID, "killed", permanent=False))
    room.tree.advance(130)
    again = another_life(room, 3600)
    again.hear(READY)
    told = [(mail.kind, mail.payload["away"]) for mail in again.mails()]
    assert told[0][0] == "disconnected"
    assert told[1][0] == "reconnected"
    assert 3600 < told[1][1] < 3900
    third = another_life(again, 60)
    third.hear(READY)
    assert len(third.mails()) == 2, "a start is no news"


def test_nobody_is_asked_to_scan_twice_for_one_end_by_a_restart(room, another_life):
    room.hear(GONE)
    again = another_life(room, 60)
    again.hear(QR)
    assert [mail.kind for mail in again.mails()] == ["disconnected"]
    again.hear(READY)
    assert [mail.kind for mail in again.mails()] == ["disconnected", "connected"]


def test_a_loss_of_long_ago_is_another_story(room, another_life):
    room.hear(GONE)
    again = another_life(room, 2 * 86400)
    again.hear(READY)
    assert [mail.kind for mail in again.mails()] == ["disconnected"]


def test_a_session_that_flaps_over_restarts_writes_one_of_a_kind(room, another_life):
    house = room
    for _ in range(4):
        house.hear(GONE, QR, READY)
        house = another_life(house, 60)
    assert [mail.kind for mail in house.mails()] == ["disconnected", "connected"]


def test_while_the_journal_is_down_news_is_kept(room, tree):
    tree.do(tree.system.terminate_child("journal-writer"))
    room.hear(GONE)
    assert room.sender.sent == []
    tree.do(tree.system.restart_child("journal-writer"))
    tree.advance(20)
    assert [mail.kind for mail in room.sender.sent] == ["disconnected"]


def test_two_are_on_their_way_at_once_and_the_rest_waits(room):
    for number in range(5):
        room.journal.writer.write([AddMail(Mail(f"mail_{number}", "connected", "a@b.org", ID))])
    room.tree.advance(20)
    assert len(room.sender.sent) == 2
    for _ in range(5):
        room.end(SENT)
    assert [mail.id for mail in room.sender.sent] == [f"mail_{number}" for number in range(5)]
    assert set(room.states()) == {TaskState.DONE}


def test_who_takes_a_session_down_is_told_even_when_its_row_is_gone(room):
    own = SessionConfig(notify_email="ana@example.org")
    deleted = Account("user_9_wa_9", "9", "9", phone_number="34999", config=own)
    room.tree.tell("mailer", TakenDown(deleted))
    room.tree.settle()
    assert [(mail.kind, mail.recipient) for mail in room.sender.sent] == [
        ("disconnected_by_hand", "ana@example.org")
    ]


def test_a_session_that_was_never_linked_is_missed_by_nobody(room):
    room.tree.tell("mailer", TakenDown(Account("user_9_wa_9", "9", "9")))
    room.tree.settle()
    assert room.mails() == []


def test_a_session_that_supervision_gave_up_needs_somebody(room):
    room.hear(Disconnected(ID, "killed", permanent=False))
    room.tree.advance(800)
    room.sender.open.clear()
    room.tree.tell("mailer", GivenUp(ID))
    room.tree.settle()
    assert [(mail.kind, mail.payload["reason"]) for mail in room.mails()] == [
        ("disconnected", "killed"),
        ("disconnected", "GAVE_UP"),
    ]


def test_a_session_that_was_never_linked_and_does_not_come_up_is_the_operators_business(tree, tmp_path):
    room = PostRoom(tree, f"sqlite:///{tmp_path}/wahook.db", phone_number=None)
    room.open()
    room.tree.tell("mailer", GivenUp(ID))
    room.tree.settle()
    assert room.mails() == []
    tree.stop()
    room.journal.close()


def test_the_first_code_of_a_new_account_is_no_news(tree, tmp_path):
    room = PostRoom(tree, f"sqlite:///{tmp_path}/wahook.db", phone_number=None)
    room.open()
    room.hear(QR)
    assert room.mails() == []
    room.hear(READY)
    assert [mail.payload["phoneNumber"] for mail in room.mails()] == ["34600"]
    tree.stop()
    room.journal.close()


def test_where_nobody_is_named_nothing_is_written(tree, tmp_path):
    room = PostRoom(tree, f"sqlite:///{tmp_path}/wahook.db")
    room.open(email=None)
    room.hear(GONE)
    assert room.mails() == []
    tree.stop()
    room.journal.close()


def test_the_server_s_wish_to_wait_is_heeded_within_reason():
    mail = Mail("m", "connected", "a@b.org")
    busy = MailOutcome(MailVerdict.AGAIN, "http 429", retry_after=900)
    ended = mail_policy.after_attempt(mail, busy, NOON, Random(1))
    assert ended.next_at == NOON + timedelta(seconds=900)
    forever = MailOutcome(MailVerdict.AGAIN, "http 429", retry_after=10**9)
    assert mail_policy.after_attempt(mail, forever, NOON, Random(1)).next_at == NOON + timedelta(hours=1)


def test_delays_double_up_to_an_hour():
    waits = [mail_policy.delay(attempts, Random(attempts)) for attempts in range(40)]
    assert 22 <= waits[0] <= 38
    assert all(wait <= 4500 for wait in waits)
    assert all(wait >= 2700 for wait in waits[8:])
