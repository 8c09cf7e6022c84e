"""The keeper of files and the doorkeeper: what they do, and what they survive."""

from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from actors.doorkeeper import Doorkeeper, DoorkeeperParts, Knocked, Verdict
from actors.errors import JournalError, RuleBroken, SessionNotReady
from actors.media_keeper import FetchMedia, MediaKeeper, MediaKeeperParts, Sweep
from supervision import ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree


@contextmanager
def tree_of(actor, parts):
    with VirtualTree() as tree:
        tree.start(SupervisorSpec((ChildSpec("it", partial(actor, parts=parts)),)))
        tree.settle()
        yield tree


def test_files_are_swept_every_hour_but_for_those_that_wait_to_be_sent():
    swept = []
    parts = MediaKeeperParts(
        sweep=lambda keep: swept.append(keep) or 2, waiting=lambda: {"media_a"}, fetch=lambda *_: None
    )
    with tree_of(MediaKeeper, parts) as tree:
        tree.advance(301)
        assert swept == [{"media_a"}]
        tree.advance(3600)
        assert len(swept) == 2


def test_nothing_is_swept_while_nobody_knows_what_waits():
    def away():
        raise JournalError("away")

    swept = []
    parts = MediaKeeperParts(sweep=swept.append, waiting=away, fetch=lambda *_: None)
    with tree_of(MediaKeeper, parts) as tree:
        tree.tell("it", Sweep())
        tree.settle()
        assert swept == []
        assert tree.handle("it").incarnation == 1


def test_files_are_fetched_one_at_a_time_and_one_that_cannot_be_is_left_for_whoever_asks():
    fetching = {}

    def fetch(_, wa_id):
        fetching[wa_id] = Future()
        return fetching[wa_id]

    parts = MediaKeeperParts(sweep=lambda _: 0, waiting=set, fetch=fetch)
    with tree_of(MediaKeeper, parts) as tree:
        for wa_id in "ABC":
            tree.tell("it", FetchMedia("s", wa_id))
        tree.settle()
        assert list(fetching) == ["A"]
        fetching["A"].set_exception(SessionNotReady("it is down"))
        tree.settle()
        assert list(fetching) == ["A", "B"]
        fetching["B"].set_result(None)
        tree.settle()
        assert list(fetching) == ["A", "B", "C"]
        assert tree.handle("it").incarnation == 1


def test_who_sends_too_much_is_told_once():
    verdicts = [Verdict.FINE, Verdict.FIRST_OVER, Verdict.OVER]
    told = []
    parts = DoorkeeperParts(
        count=lambda *_: verdicts.pop(0), notify=lambda *who: told.append(who) or Future()
    )
    with tree_of(Doorkeeper, parts) as tree:
        for _ in range(3):
            tree.tell("it", Knocked("s", "49"))
        tree.settle()
    assert told == [("s", "49")]


def test_a_notice_that_cannot_be_sent_harms_nobody():
    telling = Future()
    parts = DoorkeeperParts(count=lambda *_: Verdict.FIRST_OVER, notify=lambda *_: telling)
    with tree_of(Doorkeeper, parts) as tree:
        tree.tell("it", Knocked("s", "49"))
        tree.settle()
        telling.set_exception(RuleBroken("unknown_session", "gone"))
        tree.settle()
        assert tree.handle("it").incarnation == 1
