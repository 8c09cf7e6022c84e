"""The test message on virtual time: once for each scan, tried again, never doubled."""

from concurrent.futures import Future
from functools import partial

import pytest

from actors.errors import JournalError, RuleBroken
from actors.events import Disconnected, Qr, QrUpdated, Ready, Reconnected
from actors.greeter import TRIES, Greeter, GreeterParts
from actors.heard import Heard
from supervision import BackOff, ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree

ID = "user_1_wa_2"
QR, NEXT = Qr(ID, "c", 0), QrUpdated(ID, "d", 0)
READY, BACK = Ready(ID, "34600", None), Reconnected(ID, "34600", None)


class Hall:
    """A greeter whose messages a test counts; `faults` are the next ones' failures."""

    def __init__(self, tree, **settings):
        self.tree, self.sent, self.faults, self.stamps = tree, [], [], 0
        self.parts = GreeterParts(send=self._send, stamp=self._stamp, **settings)
        child = ChildSpec("greeter", partial(Greeter, parts=self.parts), backoff=BackOff(1, 60))
        tree.start(SupervisorSpec((child,)))
        tree.settle()

    def _stamp(self):
        self.stamps += 1
        return str(self.stamps)

    def _send(self, greeting):
        self.sent.append(greeting)
        future = Future()
        if self.faults:
            future.set_exception(self.faults.pop(0))
        else:
            future.set_result(None)
        return future

    def hear(self, *events):
        for event in events:
            self.tree.tell("greeter", Heard(event))
        self.tree.settle()
        return self


@pytest.fixture
def tree():
    with VirtualTree() as virtual:
        yield virtual


@pytest.mark.parametrize(
    ("events", "each_time", "sent"),
    [
        ([QR, NEXT, READY], False, 1),
        ([QR, READY, BACK, BACK], False, 1),
        ([QR, READY, QR, READY], False, 2),
        ([QR, BACK], False, 1),  # scanned anew after a loss
        ([READY], False, 0),
        ([BACK], False, 0),
        ([QR, NEXT], False, 0),
        ([QR, READY, BACK, READY], True, 3),
    ],
)
def test_who_was_linked_is_greeted_once(tree, events, each_time, sent):
    assert len(Hall(tree, at_each_connection=each_time).hear(*events).sent) == sent


def test_each_greeting_has_a_key_of_its_own_and_keeps_it_over_its_tries(tree):
    hall = Hall(tree)
    hall.faults = [JournalError("away")]
    hall.hear(QR, READY)
    tree.advance(5)
    assert [one.key for one in hall.sent] == ["test:1", "test:1"]
    hall.hear(QR, READY)
    assert hall.sent[-1].key == "test:2"


def test_a_journal_that_stays_away_ends_the_tries(tree):
    hall = Hall(tree)
    hall.faults = [JournalError("away")] * 100
    hall.hear(QR, READY)
    tree.advance(600)
    assert len(hall.sent) == TRIES


def test_what_the_outbox_refuses_is_not_tried_again(tree):
    hall = Hall(tree)
    hall.faults = [RuleBroken("unknown_session", "gone")]
    hall.hear(QR, READY)
    tree.advance(600)
    assert len(hall.sent) == 1


def test_a_greeter_that_crashed_still_knows_who_was_scanning(tree):
    hall = Hall(tree).hear(QR)
    tree.do(tree.system.kill("greeter", "test"))
    tree.advance(5)
    assert len(hall.hear(READY).sent) == 1


def test_news_that_is_none_of_its_business_does_no_lasting_harm(tree):
    hall = Hall(tree)
    hall.hear(Disconnected(ID, "x", permanent=False))
    tree.advance(5)
    assert hall.hear(QR, READY).sent != []
