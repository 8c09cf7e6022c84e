"""The two owners, on virtual time, with a lane and a process that do what they are told."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime

from actors.errors import JournalError, ProcessError
from actors.lane import LaneActor, LaneParts
from actors.messages import CloseLane, Enqueue, OpenLane, Withdraw
from actors.model import OutgoingMessage, SessionStatus
from actors.ports import LaneListener, LaneView
from actors.process import ProcessActor
from supervision import BackOff, ChildSpec, Jitter, SupervisorSpec
from supervision.testing import VirtualTree
from tests.outbox.house import Boards

ROW = OutgoingMessage("msg_1", "s", "4915112345", "hello", "3EB0AA")
BACKOFF = BackOff(min=2, max=8, jitter=Jitter(1, 1))


class NotedLane:
    """Notes what it is told."""

    def __init__(self, notes: list[object]) -> None:
        self.notes = notes
        self.listener: LaneListener | None = None

    def start(self, listener: LaneListener) -> None:
        self.listener = listener
        self.notes.append("start")

    def enqueue(self, message: OutgoingMessage) -> None:
        self.notes.append(message.message_id)

    def withdraw(self, message_id: str) -> None:
        self.notes.append(f"withdraw {message_id}")

    def rebuild(self, rows: Sequence[OutgoingMessage]) -> int:
        self.notes.append(("rebuild", len(rows)))
        return 0

    def set_open(self, is_open: bool) -> None:
        self.notes.append("open" if is_open else "close")

    def stop(self, deadline: float) -> None:
        self.notes.append(("stop", deadline))


class Bench:
    """A lane's actor in a virtual tree."""

    def __init__(self, tree: VirtualTree) -> None:
        self.tree = tree
        self.notes: list[object] = []
        self.lanes: list[NotedLane] = []
        self.board = Boards()
        self.undone: list[OutgoingMessage] = [ROW]
        self.journal_is_away = False
        self.wanted = 0
        parts = LaneParts(
            session_id="s", make=self._make, undone=self._undone, board=self.board, wanted=self._wanted
        )
        tree.start(SupervisorSpec((ChildSpec("lane", lambda c: LaneActor(c, parts), backoff=BACKOFF),)))

    def _make(self) -> NotedLane:
        self.lanes.append(NotedLane(self.notes))
        return self.lanes[-1]

    def _wanted(self) -> None:
        self.wanted += 1

    def _undone(self) -> list[OutgoingMessage]:
        if self.journal_is_away:
            raise JournalError("locked")
        return self.undone

    def told(self) -> list[object]:
        """What the lane was told since the last call."""
        notes, self.notes[:] = list(self.notes), []
        return notes

    def listener(self) -> LaneListener:
        listener = self.lanes[-1].listener
        assert listener is not None
        return listener


def test_a_lane_starts_closed_until_the_board_shows_its_session_ready() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        assert bench.told() == ["start", "close"]
        bench.board.show("s", SessionStatus.READY)
        tree.advance(30)
        assert bench.told() == ["open", ("rebuild", 1)]


def test_a_lane_does_what_session_and_edge_tell() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        bench.told()
        for message in (OpenLane(), Enqueue(ROW), Withdraw("msg_1"), CloseLane()):
            tree.tell("lane", message)
        assert bench.told() == ["open", "msg_1", "withdraw msg_1", "close"]


def test_a_gap_is_filled_at_once_from_the_journal() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        bench.told()
        bench.listener().gap()
        tree.advance(0)
        assert bench.told() == [("rebuild", 1)]


def test_a_journal_that_is_away_during_a_sweep_harms_nobody_and_the_next_one_rebuilds() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        bench.told()
        bench.journal_is_away = True
        tree.advance(30)
        assert bench.told() == ["close"]
        bench.journal_is_away = False
        tree.advance(30)
        assert bench.told() == ["close", ("rebuild", 1)]
        assert tree.state("lane") == "running"


def test_a_lane_with_a_message_for_a_session_that_cannot_send_says_so_until_it_can() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        idle = LaneView(open=False, waiting=None, until=None, queued=0, scheduled=1, sending=None)
        bench.listener().changed(idle)
        tree.advance(31)
        assert bench.wanted == 0  # one for later wakes nobody
        bench.listener().changed(replace(idle, queued=1))
        assert bench.wanted == 1
        tree.advance(61)
        assert bench.wanted == 3
        bench.listener().changed(replace(idle, queued=1, open=True))
        tree.advance(61)
        assert bench.wanted == 3


def test_the_death_of_the_lanes_thread_crashes_its_actor_and_a_new_lane_is_made() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        bench.told()
        bench.listener().died(RuntimeError("boom"))
        tree.advance(0)
        assert tree.state("lane") == "backoff"
        tree.advance(2)
        assert bench.told() == [("stop", 4.0), "start", "close"]
        assert len(bench.lanes) == 2


def test_the_late_death_of_an_earlier_lane_does_not_harm_the_new_one() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        old = bench.listener()
        old.died(RuntimeError("boom"))
        tree.advance(2)
        old.died(RuntimeError("boom again"))
        tree.advance(0)
        assert tree.state("lane") == "running"


def test_what_the_lane_does_is_shown_in_the_tree() -> None:
    with VirtualTree(seed=1) as tree:
        bench = Bench(tree)
        until = datetime(2026, 1, 1, tzinfo=UTC)
        bench.listener().changed(LaneView(True, "rate limit", until, queued=3, scheduled=1, sending=None))
        node = tree.system.snapshot().find("lane")
        assert node is not None
        shown = {
            "open": True,
            "waiting": "rate limit",
            "until": "2026-01-01T00:00:00+00:00",
            "queued": 3,
            "scheduled": 1,
            "sending": None,
        }
        assert node["app"] == shown


class NotedProcess:
    """A helper process whose start is settled by the test before it is asked for."""

    def __init__(self, starts: list[int | Exception]) -> None:
        self.starts = starts
        self.notes: list[str] = []
        self.exits: list[object] = []
        self.answering = True

    def start(self, on_exit: object) -> Future[int]:
        self.exits.append(on_exit)
        self.notes.append("start")
        future: Future[int] = Future()
        match self.starts.pop(0):
            case int() as pid:
                future.set_result(pid)
            case error:
                future.set_exception(error)
        return future

    def answers(self, deadline: float) -> Future[bool]:
        future: Future[bool] = Future()
        future.set_result(self.answering)
        return future

    def stop(self) -> Future[None]:
        self.notes.append("stop")
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def kill(self) -> None:
        self.notes.append("kill")


def test_a_process_that_does_not_start_is_tried_again_with_back_off() -> None:
    with VirtualTree(seed=1) as tree:
        process = NotedProcess([4711, ProcessError("no room"), 4712])
        spec = ChildSpec("redis", lambda context: ProcessActor(context, process), backoff=BACKOFF)
        tree.start(SupervisorSpec((spec,)))
        process.exits[0](1)  # type: ignore[operator]
        tree.advance(2)
        assert tree.state("redis") == "backoff"
        tree.advance(4)
        assert tree.state("redis") == "running"
        assert process.notes == ["start", "stop", "start", "stop", "start"]


def test_a_process_that_answers_no_more_is_killed_but_not_for_one_miss() -> None:
    with VirtualTree(seed=1) as tree:
        process = NotedProcess([4711])
        spec = ChildSpec(
            "redis", lambda context: ProcessActor(context, process, probe_every=10), backoff=BACKOFF
        )
        tree.start(SupervisorSpec((spec,)))
        process.answering = False
        tree.advance(10)
        process.answering = True
        tree.advance(10)
        process.answering = False
        tree.advance(10)
        assert "kill" not in process.notes
        tree.advance(10)
        assert process.notes[-1] == "kill"


def test_the_late_exit_of_an_earlier_process_does_not_harm_the_new_one() -> None:
    with VirtualTree(seed=1) as tree:
        process = NotedProcess([4711, 4712])
        spec = ChildSpec("redis", lambda context: ProcessActor(context, process), backoff=BACKOFF)
        tree.start(SupervisorSpec((spec,)))
        process.exits[0](1)  # type: ignore[operator]
        tree.advance(2)
        process.exits[0](1)  # type: ignore[operator]
        tree.advance(0)
        assert tree.state("redis") == "running"
        assert tree.system.handle("redis").incarnation == 2
