"""Two windows that are spent together or not at all."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from redis import RedisError

from actors.model import MessageStatus, SessionId
from tests.outbox.conftest import eventually
from tests.outbox.house import DEADLINE, House
from tests.outbox.test_outbox_lane import ended
from wahook.outbox.connection import connect
from wahook.outbox.limits import SendLimits
from wahook.outbox.server import EmbeddedRedis


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = time.time()  # the library's own readings follow the real one

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def limits(url: str, hand: Hand) -> SendLimits:
    return SendLimits(connect(url), "10/minute", "30/minute", hand)


def test_ten_go_at_once_and_the_eleventh_is_told_how_long_to_wait(limits: SendLimits, hand: Hand) -> None:
    assert [limits.take("s", "u") for _ in range(10)] == [0.0] * 10
    hand.at += 12.5
    assert limits.take("s", "u") == pytest.approx(47.5, abs=0.01)
    hand.at += 47.6
    assert limits.take("s", "u") == 0.0


def test_the_window_moves_so_that_no_minute_ever_holds_more_than_ten(limits: SendLimits, hand: Hand) -> None:
    taken: list[float] = []
    for _ in range(600):
        if limits.take("s", "u") == 0.0:
            taken.append(hand.at)
        hand.at += 0.5
    assert len(taken) == 50
    assert all(sum(start <= at < start + 60 for at in taken) <= 10 for start in taken)


def test_asking_again_after_the_told_wait_always_succeeds(limits: SendLimits, hand: Hand) -> None:
    for _ in range(10):
        limits.take("s", "u")
        hand.at += 0.1
    for _ in range(30):
        hand.at += limits.take("s", "u")
        assert limits.take("s", "u") == 0.0


def test_a_clock_that_is_put_back_holds_nothing_back_for_longer_than_a_window(
    limits: SendLimits, hand: Hand
) -> None:
    assert [limits.take("s", "u") for _ in range(10)] == [0.0] * 10
    hand.at -= 3600
    assert [limits.take("s", "u") for _ in range(10)] == [0.0] * 10
    assert 0 < limits.take("s", "u") <= 61


def test_a_refusal_by_the_user_spends_nothing_of_the_session(limits: SendLimits) -> None:
    for session in ("a", "b", "c"):
        assert [limits.take(session, "u") for _ in range(10)] == [0.0] * 10
    assert limits.take("d", "u") > 0
    assert limits.left("d", "u") == (10, 0)


def test_a_refusal_by_the_session_spends_nothing_of_the_user(limits: SendLimits) -> None:
    for _ in range(10):
        limits.take("a", "u")
    assert [limits.take("a", "u") > 0 for _ in range(5)] == [True] * 5
    assert limits.left("a", "u") == (0, 20)


def test_waiting_times_can_be_read_without_spending(limits: SendLimits) -> None:
    assert [limits.wait("s", "u") for _ in range(20)] == [0.0] * 20
    assert limits.left("s", "u") == (10, 30)


@pytest.mark.parametrize("before", [0, 4, 10])
@pytest.mark.parametrize("ahead", [0, 3, 9, 10, 17, 30, 64])
def test_the_wait_of_a_message_with_others_before_it_is_what_they_and_it_will_take(
    limits: SendLimits, hand: Hand, before: int, ahead: int
) -> None:
    for _ in range(before):
        hand.at += 7.0 if limits.take("s", "u") == 0.0 else 0.0
    told, began = limits.wait("s", "u", ahead), hand.at
    for _ in range(ahead + 1):
        while (wait := limits.take("s", "u")) > 0:
            hand.at += wait
    assert told == pytest.approx(hand.at - began, abs=0.1)


def test_fifty_threads_at_once_never_get_more_than_both_windows_hold(url: str, hand: Hand) -> None:
    limits = SendLimits(connect(url, max_connections=50), "10/minute", "30/minute", hand)
    together = Barrier(50)

    def take(number: int) -> list[bool]:
        together.wait(10)
        return [limits.take(f"s{number % 5}", "u") == 0.0 for _ in range(10)]

    with ThreadPoolExecutor(50) as pool:
        went = list(pool.map(take, range(50)))
    assert sum(map(sum, went)) == 30
    left = [limits.left(f"s{number}", "u") for number in range(5)]
    by_session = [sum(map(sum, went[number::5])) for number in range(5)]
    assert [session for session, _ in left] == [10 - count for count in by_session]


def test_the_windows_outlive_a_killed_redis(server: EmbeddedRedis, hand: Hand) -> None:
    died = Event()
    server.start(lambda _: died.set()).result(DEADLINE)
    limits = SendLimits(connect(server.url), "10/minute", "30/minute", hand)
    assert [limits.take("s", "u") for _ in range(10)] == [0.0] * 10
    written = connect(server.url, deadline=DEADLINE).execute_command("WAITAOF", 1, 0, 0)
    assert written[0] == 1  # a busy disk delays it; what was not written a kill may take
    server.kill()
    assert died.wait(DEADLINE)
    server.start(lambda _: None).result(DEADLINE)
    again = SendLimits(connect(server.url), "10/minute", "30/minute", hand)
    assert again.take("s", "u") > 0
    assert again.left("s", "u") == (0, 20)


def test_without_redis_nothing_is_allowed(tmp_path: object) -> None:
    limits = SendLimits(connect(f"unix://{tmp_path}/nobody.sock"), "10/minute", "30/minute")
    with pytest.raises(RedisError):
        limits.take("s", "u")


def test_over_the_limit_means_later_and_never_failed(make_house: Callable[..., House]) -> None:
    house = make_house(session_rate="3/second", user_rate="1000/minute")
    name = house.add()
    taken: list[tuple[float, float]] = []  # when it was asked for, and when it was there
    take = house.limits.take

    def noted(session_id: str, user_id: str) -> float:
        asked = time.monotonic()
        if (wait := take(session_id, user_id)) == 0.0:
            taken.append((asked, time.monotonic()))
        return wait

    house.limits.take = noted  # type: ignore[method-assign]
    rows = [house.send(str(number)) for number in range(8)]

    def held_back() -> bool:
        view = house.lanes[name].view
        return view.waiting == "rate limit" and view.until is not None

    eventually(held_back)
    eventually(lambda: all(ended(house, row) for row in rows))
    assert [(house.row(row).status, house.row(row).attempts) for row in rows] == [(MessageStatus.SENT, 1)] * 8
    assert len(taken) >= 8  # a permit that was not used in time is taken anew
    assert all(late - early > 0.99 for (early, _), (_, late) in zip(taken, taken[3:], strict=False))


def test_sessions_of_one_user_share_the_users_limit(make_house: Callable[..., House]) -> None:
    house = make_house(session_rate="1000/second", user_rate="4/minute")
    names = [house.add(SessionId("7", str(number))) for number in range(3)]
    other = house.add(SessionId("8", "1"))
    rows = [house.send(str(number), session=name) for number in range(3) for name in names]
    eventually(lambda: sum(ended(house, row) for row in rows) == 4)
    eventually(lambda: "rate limit" in {house.lanes[name].view.waiting for name in names})
    row = house.send("not concerned", session=other)
    eventually(lambda: ended(house, row))
    assert sum(ended(house, row) for row in rows) == 4
