"""When a session is recycled for its memory, and when the service takes no more. Tables; no clock."""

import pytest

from actors.memory_policy import Level, Limits, Order, Size, State, decide

MB = 1024**2
LIMITS = Limits(total=450 * MB, session=200 * MB)
TIGHT, FULL, EASY = Level.TIGHT, Level.FULL, Level.EASY


def size(mb, name="a", ready_for=1000.0, quiet=1000.0):
    return Size(name, round(mb * MB), ready_for, quiet)


class Guard:
    """Looks every 15 s; remembers what was ordered and every change of level."""

    def __init__(self, limits=LIMITS):
        self.limits, self.state, self.now = limits, State(), 1000.0
        self.orders, self.levels = [], [EASY]

    def look(self, total, *sizes):
        self.state, order = decide(self.state, round(total * MB), sizes, self.now, self.limits)
        if order is not None:
            self.orders.append(order)
        if self.state.level is not self.levels[-1]:
            self.levels.append(self.state.level)
        self.now += 15
        return order

    def looks(self, times, total, *sizes):
        return [order for _ in range(times) if (order := self.look(total, *sizes)) is not None]


@pytest.fixture
def guard():
    return Guard()


def test_within_its_budget_a_session_is_left_alone(guard):
    assert guard.looks(500, 300, size(100), size(199, "b")) == []
    assert guard.levels == [EASY]


def test_a_session_that_outgrew_its_budget_is_recycled_once_it_is_quiet(guard):
    guard.look(100, size(100))
    assert guard.looks(3, 300, size(230, quiet=59)) == []
    assert guard.look(300, size(230, quiet=60)) == Order("a", "over its budget", 60.0)


def test_a_session_that_is_never_quiet_is_recycled_when_patience_ends(guard):
    guard.look(100, size(100))
    assert guard.looks(40, 300, size(230, quiet=0)) == []
    assert guard.looks(3, 300, size(230, quiet=0)) == [Order("a", "over its budget", 0.0)]


def test_a_page_that_is_larger_than_its_budget_when_fresh_is_not_recycled_in_vain(guard):
    assert guard.looks(1000, 300, size(230)) == []
    assert guard.looks(1, 300, size(260)) != []


@pytest.mark.parametrize("ready_for", [None, 0.0, 89.0])
def test_a_session_that_has_just_started_says_nothing_by_its_size(guard, ready_for):
    guard.look(100, size(100))
    assert guard.looks(10, 300, size(300, ready_for=ready_for)) == []


def test_one_session_is_recycled_at_most_every_ten_minutes(guard):
    guard.look(100, size(100))
    assert guard.look(300, size(230)) is not None
    at = guard.now
    guard.looks(6, 100, size(50, ready_for=10))
    guard.look(100, size(90))
    while guard.look(300, size(240)) is None:
        assert guard.now - at < 700
    assert guard.now - at >= 600


def test_an_order_that_the_session_did_not_follow_is_given_again(guard):
    guard.look(100, size(100))
    assert len(guard.looks(90, 300, size(230))) == 3


def test_of_several_the_largest_goes_first_and_only_one_at_a_time(guard):
    guard.look(100, size(100), size(100, "b"), size(100, "c"))
    sizes = size(230), size(300, "b"), size(100, "c")
    assert [guard.look(300, *sizes).session_id, guard.look(300, *sizes).session_id] == ["b", "a"]
    assert guard.look(300, *sizes) is None


def test_past_the_limit_of_all_the_largest_that_grew_is_recycled_even_within_its_budget(guard):
    guard.look(400, size(100), size(150, "b"))
    order = guard.look(460, size(130), size(155, "b"))  # b is as large as when it was fresh
    assert order == Order("a", "the service is past its limit", 60.0)
    assert guard.levels == [EASY, TIGHT]


def test_what_has_not_grown_is_not_recycled_but_nothing_more_is_started(guard):
    assert guard.looks(100, 460, size(100), size(150, "b")) == []
    assert guard.levels == [EASY, FULL]


def test_a_recycling_is_given_time_to_show_before_more_is_done(guard):
    guard.look(400, size(100), size(100, "b"))
    assert guard.look(460, size(190), size(180, "b")).session_id == "a"
    assert guard.looks(2, 455, size(90, ready_for=5), size(180, "b")) == []
    assert guard.state.level is TIGHT
    assert guard.look(455, size(90, ready_for=50), size(180, "b")).session_id == "b"
    assert guard.state.level is FULL


def test_between_relief_and_limit_it_stays_as_it_is_and_does_not_flap(guard):
    guard.look(460)
    for total in (449, 451, 420, 455, 406, 460, 449):
        guard.looks(4, total)
    assert guard.levels == [EASY, FULL]
    guard.look(404)
    assert guard.levels == [EASY, FULL, EASY]


def test_between_relief_and_limit_an_easy_service_stays_easy(guard):
    guard.looks(100, 449, size(100))
    assert guard.levels == [EASY]


def test_busy_sessions_are_not_disturbed_for_the_sake_of_all(guard):
    guard.look(400, size(100))
    assert guard.looks(10, 460, size(190, quiet=10)) == []
    assert guard.levels == [EASY, FULL]


def test_a_deleted_session_is_forgotten(guard):
    guard.look(100, size(100))
    guard.look(100)
    assert dict(guard.state.records) == {}
