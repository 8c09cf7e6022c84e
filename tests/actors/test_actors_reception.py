"""The keeper of files and the doorkeeper: what they do, and what they survive."""

from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from actors.doorkeeper import Doorkeeper, DoorkeeperParts, Knocked, Verdict
from actors.errors import DeadlinePassed, JournalError, RuleBroken, SessionNotReady
from actors.media_keeper import FetchMedia, FetchMissing, MediaKeeper, MediaKeeperParts, Sweep
from supervision import ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree


@contextmanager
def tree_of(actor, parts):
    with VirtualTree() as tree:
        tree.start(SupervisorSpec((ChildSpec("it", partial(actor, parts=parts)),)))
        tree.settle()
        yield tree


def keeping(**parts):
    nothing = {
        "sweep": lambda _: 0,
        "waiting": set,
        "missing": lambda _: (),
        "ready": tuple,
        "fetch": lambda *_: Future(),
    }
    return MediaKeeperParts(**{**nothing, **parts})


class Fetching:
    """Files on their way, by message; `ended` ends one."""

    def __init__(self):
        self.asked, self.open = [], {}

    def __call__(self, _, wa_id):
        self.asked.append(wa_id)
        self.open[wa_id] = Future()
        return self.open[wa_id]

    def ended(self, tree, error=None):
        (_, future), *_ = self.open.items()
        self.open.clear()
        future.set_exception(error) if error else future.set_result(None)
        tree.settle()


def test_files_are_swept_every_hour_but_for_those_that_wait_to_be_sent():
    swept = []
    parts = keeping(sweep=lambda keep: swept.append(keep) or 2, waiting=lambda: {"media_a"})
    with tree_of(MediaKeeper, parts) as tree:
        tree.advance(301)
        assert swept == [{"media_a"}]
        tree.advance(3600)
        assert len(swept) == 2


def test_nothing_is_swept_while_nobody_knows_what_waits():
    def away():
        raise JournalError("away")

    swept = []
    parts = keeping(sweep=swept.append, waiting=away)
    with tree_of(MediaKeeper, parts) as tree:
        tree.tell("it", Sweep())
        tree.settle()
        assert swept == []
        assert tree.handle("it").incarnation == 1


def test_files_are_fetched_one_at_a_time_each_once_and_one_that_cannot_be_does_not_keep_the_others():
    fetching = Fetching()
    with tree_of(MediaKeeper, keeping(fetch=fetching)) as tree:
        for wa_id in "ABBCA":
            tree.tell("it", FetchMedia("s", wa_id))
        tree.settle()
        assert fetching.asked == ["A"]
        fetching.ended(tree, SessionNotReady("it is down"))
        assert fetching.asked == ["A", "B"]
        fetching.ended(tree)
        fetching.ended(tree)
        assert fetching.asked == ["A", "B", "C"]
        assert tree.handle("it").incarnation == 1


def test_what_the_volume_has_not_is_fetched_when_its_session_is_ready_and_until_it_is_there():
    fetching, missing, ready = Fetching(), {"s": ["A", "B"], "t": ["C"]}, ["t"]
    parts = keeping(fetch=fetching, missing=lambda session: missing[session], ready=lambda: ready)
    with tree_of(MediaKeeper, parts) as tree:
        tree.advance(1)  # one that begins, or begins anew, looks at who is ready
        assert fetching.asked == ["C"]
        missing["t"] = []
        fetching.ended(tree)
        tree.tell("it", FetchMissing("s"))
        tree.tell("it", FetchMedia("s", "B"))
        tree.settle()
        fetching.ended(tree, DeadlinePassed("slow"))
        missing["s"] = ["A"]
        fetching.ended(tree)
        assert fetching.asked == ["C", "A", "B"]
        ready[:] = ["s", "t"]
        tree.advance(601)
        assert fetching.asked == ["C", "A", "B", "A"]


def test_a_journal_that_is_away_costs_one_look():
    fetching, answers = Fetching(), [JournalError("away"), ["A"]]

    def missing(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with tree_of(MediaKeeper, keeping(fetch=fetching, missing=missing, ready=lambda: ["s"])) as tree:
        tree.advance(1)
        assert (fetching.asked, len(answers)) == ([], 1)
        tree.advance(601)
        assert fetching.asked == ["A"]
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
