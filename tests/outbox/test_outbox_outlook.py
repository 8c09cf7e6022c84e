"""What the answer to a sender says of the limits: when the message may go, at the earliest."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.model import OutgoingMessage, Priority
from tests.outbox.conftest import eventually
from tests.outbox.house import DEADLINE, SESSION, House
from tests.outbox.test_outbox_lane import ended
from wahook.outbox.connection import connect
from wahook.outbox.limits import SendLimits
from wahook.outbox.outlook import Outlook
from wahook.outbox.pace import Pace

MakeHouse = Callable[..., House]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def outlook_of(house: House, calendar: Callable[[], datetime] = lambda: NOW) -> Outlook:
    return Outlook(
        connection=house.redis,
        limits=house.limits,
        ahead=house.journal.reader.ahead,
        owner=lambda session: SESSION.user_id if session == str(SESSION) else None,
        calendar=calendar,
    )


def test_each_message_over_the_limit_is_told_the_window_in_which_it_goes(make_house: MakeHouse) -> None:
    house = make_house(session_rate="3/minute", user_rate="100/minute")
    house.add(is_open=False)
    rows = [house.accept(str(number)) for number in range(8)]  # the lane has not even heard of them
    told = [outlook_of(house).not_before(row) for row in rows]
    one, two = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)
    assert told == [None, None, None, one, one, one, two, two]


def test_what_goes_before_by_its_priority_counts_and_what_goes_after_does_not(make_house: MakeHouse) -> None:
    house = make_house(session_rate="2/minute")
    house.add(is_open=False)
    for priority in (Priority.LOW, Priority.LOW, Priority.DEFAULT, Priority.HIGH):
        house.accept(priority.value, priority=priority)
    new = [house.accept(f"new {priority}", priority=priority) for priority in Priority]
    told = [outlook_of(house).not_before(row) for row in new]
    assert told == [None, NOW + timedelta(minutes=1), NOW + timedelta(minutes=3)]


def test_a_message_that_waits_for_the_limit_is_told_when_it_goes_and_goes_then(make_house: MakeHouse) -> None:
    house = make_house(session_rate="2/3 second")
    house.add()
    outlook = outlook_of(house, lambda: datetime.now(UTC))
    rows = [house.send(str(number)) for number in range(3)]
    eventually(lambda: all(ended(house, row) for row in rows[:2]))
    told = outlook.not_before(rows[2])
    assert told is not None
    eventually(lambda: ended(house, rows[2]))
    sent_at = house.row(rows[2]).sent_at
    assert sent_at is not None
    assert told - timedelta(seconds=0.01) <= sent_at


def test_time_that_passes_while_redis_is_asked_makes_nothing_look_later(make_house: MakeHouse) -> None:
    house = make_house(session_rate="1/minute")
    house.add(is_open=False)
    row, asked = house.accept("hello"), []
    house.limits.take(str(SESSION), SESSION.user_id)

    def tired() -> datetime:
        return NOW + timedelta(minutes=len(asked))

    wait = house.limits.wait
    house.limits.wait = lambda *given: asked.append(given) or wait(*given)  # type: ignore[method-assign]
    told = outlook_of(house, tired).not_before(row)
    assert told is not None
    assert NOW < told <= NOW + timedelta(seconds=60.01)


@pytest.mark.parametrize("seam", ["after_pop", "before_begin"])
def test_a_message_on_its_way_has_its_place_in_the_window_and_is_not_counted_again(
    make_house: MakeHouse, seam: str
) -> None:
    house = make_house(session_rate="2/minute")
    house.add()
    reached, go_on = threading.Event(), threading.Event()

    def hold(name: str) -> None:
        if name == seam and not reached.is_set():
            reached.set()
            assert go_on.wait(DEADLINE)

    house.seam = hold
    first = house.send("on its way")
    assert reached.wait(DEADLINE)
    rows = [first, house.accept("second"), house.accept("third")]
    told = [outlook_of(house).not_before(row) is None for row in rows]
    go_on.set()
    assert told == [True, True, False]


def test_nobody_asks_for_who_sends_now_and_then_and_a_burst_is_told_when_it_goes(
    make_house: MakeHouse,
) -> None:
    house, at = make_house(session_rate="4/minute", user_rate="100/minute"), [0.0]
    house.limits.pace = Pace("4/minute", "100/minute", lambda: at[0])
    house.add()
    outlook = outlook_of(house)
    first = house.send("first")
    eventually(lambda: ended(house, first))
    assert not outlook.is_clear(first)  # who knows what was sent before the start
    at[0] += 60
    eventually(lambda: outlook.is_clear(first))  # its lane has looked
    house.shut()
    rows = [house.send(str(number)) for number in range(5)]
    for row in rows:
        outlook.expect(row)
    assert not outlook.is_clear(rows[-1])
    assert outlook.not_before(rows[-1]) is not None
    at[0] += 600
    eventually(lambda: not outlook.is_clear(rows[-1]))  # they wait still


def test_a_redis_that_does_not_answer_is_not_asked_by_the_next_ones_for_a_while(
    tmp_path: Path, url: str
) -> None:
    at = [0.0]
    gone = connect(f"unix://{tmp_path}/nobody.sock")
    outlook = Outlook(
        connection=gone,
        limits=SendLimits(gone, "1/hour", "1/hour"),
        ahead=lambda *_: 0,
        owner=lambda _: "u",
        calendar=lambda: NOW,
        monotonic=lambda: at[0],
    )
    row = OutgoingMessage("msg_1", "s", "4915112345", "hello", "3EB0AA")
    assert outlook.not_before(row) is None
    outlook.connection = connect(url)
    outlook.limits = SendLimits(outlook.connection, "1/hour", "1/hour")
    assert outlook.limits.take("s", "u") == 0.0
    assert outlook.not_before(row) is None
    at[0] += 5.0
    assert outlook.not_before(row) is not None


def test_of_a_session_that_is_nobodys_nothing_is_told(make_house: MakeHouse) -> None:
    house = make_house(session_rate="1/hour")
    row = OutgoingMessage("msg_1", "gone", "4915112345", "hello", "3EB0AA")
    assert outlook_of(house).not_before(row) is None
