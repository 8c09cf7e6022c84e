"""What is known without Redis: when the limits cannot matter, and never the other way round."""

import threading
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from wahook.outbox.pace import Pace, Tally

MINUTE = 60.0


@dataclass
class Hand:
    """A clock moved by hand."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Lane:
    """Accepts and takes as the service does, beside the windows as Redis would keep them."""

    session: int
    user: int
    clock: Hand = field(default_factory=Hand)
    waiting: int = 0
    stamps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pace = Pace(f"{self.session}/minute", f"{self.user}/minute", self.clock)

    def in_window(self) -> int:
        return sum(at > self.clock.at - MINUTE for at in self.stamps)

    def accept(self) -> None:
        self.waiting += 1
        self.pace.count("s", "u")

    def take(self) -> None:
        if self.waiting and self.in_window() < min(self.session, self.user):
            self.waiting -= 1
            self.stamps.append(self.clock.at)
            self.pace.count("s", "u")

    def look(self) -> None:
        self.pace.queued("s", self.waiting)

    def wait(self, seconds: float) -> None:
        self.look()  # a lane looks more often than any window is long
        self.clock.at += seconds


@given(
    session=st.integers(1, 6),
    user=st.integers(1, 8),
    steps=st.lists(st.sampled_from(["accept", "take", "look"]) | st.floats(0.1, 90.0), max_size=60),
)
def test_nothing_is_called_clear_that_a_window_would_hold_back(
    session: int, user: int, steps: list[str | float]
) -> None:
    lane = Lane(session, user)
    lane.wait(MINUTE)
    for step in steps:
        if isinstance(step, float):
            lane.wait(step)
        else:
            getattr(lane, step)()
        if lane.pace.is_clear("s", "u"):
            assert lane.in_window() + lane.waiting <= min(session, user)


def test_a_session_that_sends_now_and_then_is_clear() -> None:
    lane = Lane(session=10, user=30)
    lane.wait(MINUTE)
    for _ in range(20):
        lane.accept()
        assert lane.pace.is_clear("s", "u")
        lane.take()
        lane.wait(40.0)


def test_nothing_is_clear_before_a_window_has_passed_since_the_start() -> None:
    lane = Lane(session=10, user=30)
    lane.look()
    assert not lane.pace.is_clear("s", "u")
    lane.wait(MINUTE)
    assert lane.pace.is_clear("s", "u")


def test_nothing_is_clear_of_a_session_whose_queues_nobody_has_seen() -> None:
    lane = Lane(session=10, user=30)
    lane.wait(MINUTE)
    assert not lane.pace.is_clear("another", "u")
    lane.pace.queued("s", None)
    assert not lane.pace.is_clear("s", "u")


def test_a_backlog_that_was_accepted_long_ago_is_in_the_way() -> None:
    lane = Lane(session=10, user=30)
    for _ in range(11):
        lane.accept()
    lane.wait(5 * MINUTE)
    assert not lane.pace.is_clear("s", "u")


def test_what_other_sessions_of_a_user_send_counts_for_the_user() -> None:
    lane = Lane(session=10, user=12)
    lane.wait(MINUTE)
    for _ in range(12):
        lane.pace.count("other", "u")
    assert lane.pace.is_clear("s", "u")
    lane.pace.count("other", "u")
    assert not lane.pace.is_clear("s", "u")


def test_a_tally_counts_what_many_threads_add() -> None:
    tally = Tally(MINUTE, Hand())

    def add() -> None:
        for _ in range(500):
            tally.add("s")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert tally.count("s") == 4000
