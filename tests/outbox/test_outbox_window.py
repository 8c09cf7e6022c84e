"""A backlog that is larger than what Redis may hold of it: nothing is lost, doubled, late or out of turn."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from actors.errors import SendRefused
from actors.messages import BeginAttempt, CancelMessage, EndAttempt, Enqueue, OpenLane, RetryMessage, Withdraw
from actors.model import MessageStatus, OutgoingMessage, Priority
from tests.outbox.conftest import eventually
from tests.outbox.house import DEADLINE, SESSION, House
from tests.outbox.test_outbox_lane import ended, queues_of
from wahook.outbox.retries import RetryPolicy
from wahook.outbox.window import Refill, shares

MakeHouse = Callable[..., House]
WINDOW = 3
NO_SWEEP = 1000.0


class Sampled:
    """How much the list and the schedule of any priority held at most, at each step of each message."""

    def __init__(self, house: House, then: Callable[[str], None] = lambda _: None) -> None:
        self.listed = self.scheduled = 0
        self._queues = list(queues_of(house).queues.values())
        self._then = then
        house.seam = self.look

    def look(self, step: str = "") -> None:
        self.listed = max(self.listed, *map(len, self._queues))
        self.scheduled = max(self.scheduled, *(len(one.scheduled_job_registry) for one in self._queues))
        self._then(step)


def settle(house: House) -> None:
    """Whatever the lane's owner was told before this, it has dealt with."""
    house.system.handle(f"outbox/{SESSION}").ask(OpenLane(), DEADLINE)


def closed(make_house: MakeHouse, **more: object) -> House:
    """A house with a lane that is closed, and rebuilt from the empty journal."""
    house = make_house(window=WINDOW, sweep_every=NO_SWEEP, **more)
    house.add(is_open=False)
    eventually(lambda: house.lanes[str(SESSION)].view.waiting is None)
    return house


def all_ended(house: House, rows: list[OutgoingMessage]) -> None:
    eventually(lambda: all(ended(house, row) for row in rows))


def test_a_backlog_of_several_windows_goes_in_order_without_waiting_for_the_sweep(
    make_house: MakeHouse,
) -> None:
    house = closed(make_house)
    sampled = Sampled(house)
    rows = [house.send(str(number)) for number in range(5 * WINDOW)]
    house.tell(Enqueue(rows[-1]))
    eventually(lambda: queues_of(house).look().queued == WINDOW)
    sampled.look()
    house.open()
    rows += [house.send(str(number)) for number in range(5 * WINDOW, 7 * WINDOW)]  # while it drains
    all_ended(house, rows)
    assert house.phone().bodies() == [str(number) for number in range(7 * WINDOW)]
    assert sampled.listed <= WINDOW  # without a bound: 15


def test_a_backlog_that_only_the_journal_has_goes_in_order(make_house: MakeHouse) -> None:
    house = closed(make_house)
    sampled = Sampled(house)
    rows = [house.accept(str(number)) for number in range(5 * WINDOW)]
    house.redis.flushall()  # so that it is asked for
    house.open()
    all_ended(house, rows)
    assert house.phone().bodies() == [str(number) for number in range(5 * WINDOW)]
    assert sampled.listed <= WINDOW


def test_other_priorities_that_come_while_a_backlog_drains_take_their_turns(make_house: MakeHouse) -> None:
    house = closed(make_house)
    sent = count(1)

    def accept_more(step: str) -> None:
        if step == "before_send" and next(sent) == 2:
            for number in range(2 * WINDOW + 1):
                for priority in (Priority.DEFAULT, Priority.HIGH, Priority.LOW):
                    house.send(f"{priority}{number}", priority=priority)
            settle(house)

    sampled = Sampled(house, accept_more)
    for number in range(3 * WINDOW):
        house.send(f"first{number}", priority=Priority.LOW)
    settle(house)
    house.open()
    house.phone().wait(lambda: len(house.phone().asked) == 3 * WINDOW + 3 * (2 * WINDOW + 1))
    first = [f"first{number}" for number in range(3 * WINDOW)]
    more = {priority: [f"{priority}{number}" for number in range(2 * WINDOW + 1)] for priority in Priority}
    assert house.phone().bodies() == [
        *first[:2], *more[Priority.HIGH], *more[Priority.DEFAULT], *first[2:], *more[Priority.LOW]
    ]  # fmt: skip
    assert set(house.phone().counts().values()) == {1}
    assert sampled.listed <= WINDOW


def test_what_falls_due_during_a_backlog_goes_after_what_was_accepted_before_its_date(
    make_house: MakeHouse,
) -> None:
    """Put at the end of the list, as without a backlog, it would overtake what only the journal has."""
    house = closed(make_house)
    due = datetime.now(UTC) + timedelta(seconds=3)
    rows = [house.send("scheduled", send_at=due)]
    schedule = queues_of(house).queues[Priority.DEFAULT].scheduled_job_registry
    eventually(lambda: len(schedule) == 1)
    rows += [house.send(str(number)) for number in range(3 * WINDOW)]
    rows.append(house.send("also", send_at=due))
    eventually(lambda: len(schedule) == 0)
    assert datetime.now(UTC) >= due
    rows += [house.send(f"after{number}") for number in range(2 * WINDOW)]
    house.open()
    all_ended(house, rows)
    before = [str(number) for number in range(3 * WINDOW)]
    after = [f"after{number}" for number in range(2 * WINDOW)]
    assert house.phone().bodies() == [*before, "scheduled", "also", *after]
    assert set(house.phone().counts().values()) == {1}


def test_of_many_scheduled_messages_redis_has_the_first_and_all_go_in_the_order_of_their_dates(
    make_house: MakeHouse,
) -> None:
    house = closed(make_house)
    sampled = Sampled(house)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    late = soon + timedelta(seconds=1)
    rows = [house.send(f"late{number}", send_at=late) for number in range(2 * WINDOW)]
    rows += [house.send(f"soon{number}", send_at=soon) for number in range(2 * WINDOW)]
    settle(house)
    assert datetime.now(UTC) < soon
    sampled.look()
    schedule = queues_of(house).queues[Priority.DEFAULT].scheduled_job_registry
    assert set(schedule.get_job_ids()) <= {row.message_id for row in rows[2 * WINDOW :]}
    house.open()
    all_ended(house, rows)
    assert datetime.now(UTC) < late + timedelta(seconds=10)  # and not with the sweep
    kinds = ("soon", "late")
    assert house.phone().bodies() == [f"{kind}{number}" for kind in kinds for number in range(2 * WINDOW)]
    assert sampled.scheduled == WINDOW  # without a bound: 12
    assert sampled.listed <= WINDOW


@pytest.mark.parametrize("step", ["after_pop", "after_begin", "after_send", "after_job"])
def test_redis_emptied_in_the_middle_of_a_backlog_loses_and_doubles_nothing(
    make_house: MakeHouse, step: str
) -> None:
    """The window's bounds are known anew from the journal."""
    passed = count(1)

    def empty(passing: str) -> None:
        if passing == step and next(passed) == 5:
            house.redis.flushall()

    house = closed(make_house)
    sampled = Sampled(house, empty)
    rows = [house.send(str(number)) for number in range(5 * WINDOW)]
    house.open()
    all_ended(house, rows)
    assert next(passed) > 5
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}
    assert list(dict.fromkeys(house.phone().bodies())) == [str(number) for number in range(5 * WINDOW)]
    assert sampled.listed <= WINDOW


@pytest.mark.parametrize("step", ["after_pop", "after_begin", "after_send", "after_job"])
def test_a_lane_that_dies_in_the_middle_of_a_backlog_loses_and_doubles_nothing(
    make_house: MakeHouse, step: str
) -> None:
    """What is accepted before the new lane has asked the journal must not slip in before the rest."""
    died, passed = threading.Event(), count(1)

    def die(passing: str) -> None:
        if passing == step and next(passed) == 5:
            rows.extend(house.accept(str(number)) for number in range(5 * WINDOW, 6 * WINDOW))
            died.set()
            raise RuntimeError("scripted death of the lane")

    house = closed(make_house)
    sampled = Sampled(house, die)
    rows = [house.send(str(number)) for number in range(5 * WINDOW)]
    house.open()
    assert died.wait(DEADLINE)
    for row in rows[5 * WINDOW :]:
        house.system.handle(f"outbox/{SESSION}").tell(Enqueue(row))  # a dead one does not hear it
    all_ended(house, rows)
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}
    assert list(dict.fromkeys(house.phone().bodies())) == [str(number) for number in range(6 * WINDOW)]
    assert sampled.listed <= WINDOW + 1  # with the one that was in flight


def test_what_follows_is_fetched_while_the_last_tenth_is_being_sent(make_house: MakeHouse) -> None:
    house = make_house(window=20, sweep_every=NO_SWEEP)
    house.add(is_open=False)
    sent, filled = count(1), threading.Event()
    queue = queues_of(house).queues[Priority.DEFAULT]

    def hold(step: str) -> None:
        if step == "before_send" and next(sent) == 19:
            eventually(lambda: len(queue) > 2)
            filled.set()

    rows = [house.send(str(number)) for number in range(45)]
    eventually(lambda: len(queue) == 20)
    house.seam = hold
    house.open()
    all_ended(house, rows)
    assert filled.is_set()
    assert house.phone().bodies() == [str(number) for number in range(45)]


def send_and_retry(house: House, messages: int, *, step: str, time: int) -> None:
    """So many messages, of which the first fails, and is retried when a step is come to for the nth time."""
    house.phone().answers.append(SendRefused("not_on_whatsapp", "no"))
    passed = count(1)

    def retry(name: str) -> None:
        if name == step and next(passed) == time:
            house.tell(Enqueue(house.write(RetryMessage(rows[0].message_id))))
            settle(house)

    house.seam = retry
    rows = [house.send(str(number)) for number in range(messages)]
    settle(house)
    house.open()
    eventually(lambda: all(house.row(row).status is MessageStatus.SENT for row in rows))


def test_a_failed_message_that_is_retried_during_a_backlog_goes_once_more(make_house: MakeHouse) -> None:
    """Its job still is in RQ's list of failed jobs, and its place is before what the journal has."""
    house = closed(make_house, retries=RetryPolicy(attempts=1))
    send_and_retry(house, 4 * WINDOW, step="before_send", time=2)
    assert house.phone().bodies() == ["0", "1", "2", "0", *(str(number) for number in range(3, 4 * WINDOW))]
    assert queues_of(house).queues[Priority.DEFAULT].failed_job_registry.get_job_ids() == []


def test_a_retry_during_a_backlog_before_the_failed_job_has_ended_is_not_forgotten(
    make_house: MakeHouse,
) -> None:
    """Else it would have to wait for the end of the window, or for the sweep."""
    house = closed(make_house, retries=RetryPolicy(attempts=1))
    send_and_retry(house, 3 * WINDOW, step="after_end", time=1)
    assert house.phone().bodies() == ["0", *(str(number) for number in range(3 * WINDOW))]


def test_a_window_that_is_withdrawn_as_a_whole_is_followed_by_the_next_at_once(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wahook.outbox.lane.LOOK_EVERY", NO_SWEEP)
    house = closed(make_house)
    rows = [house.send(str(number)) for number in range(3 * WINDOW)]
    queue = queues_of(house).queues[Priority.DEFAULT]
    eventually(lambda: len(queue) == WINDOW)
    for row in rows[:WINDOW]:
        house.write(CancelMessage(row.message_id))
        house.tell(Withdraw(row.message_id))
    eventually(lambda: queue.job_ids == [row.message_id for row in rows[WINDOW : 2 * WINDOW]])


def test_while_the_journal_has_more_nobody_says_that_a_message_goes_at_once(make_house: MakeHouse) -> None:
    house = closed(make_house)
    pace, name = house.limits.pace, str(SESSION)
    eventually(lambda: pace.is_clear(name, SESSION.user_id))
    rows = [house.send(str(number)) for number in range(2 * WINDOW)]
    eventually(lambda: not pace.is_clear(name, SESSION.user_id))  # three in Redis would be clear
    house.open()
    all_ended(house, rows)
    eventually(lambda: pace.is_clear(name, SESSION.user_id))


def test_more_in_redis_than_the_window_is_given_back_to_the_journal(make_house: MakeHouse) -> None:
    """As another version left it, full: nothing may be needed to make room."""
    house = closed(make_house)
    rows = [house.accept(str(number)) for number in range(3 * WINDOW)]
    queues = queues_of(house)  # with its own, large window
    assert queues.rebuild(rows) == 3 * WINDOW
    house.system.restart(f"outbox/{SESSION}", by="test").result(DEADLINE)
    queue = queues.queues[Priority.DEFAULT]
    eventually(lambda: queue.job_ids == [row.message_id for row in rows[:WINDOW]])
    eventually(lambda: len(house.redis.keys("rq:job:*")) == WINDOW)
    assert queues.refill() is Refill.NOT_NEEDED
    house.open()
    all_ended(house, rows)
    assert house.phone().bodies() == [str(number) for number in range(3 * WINDOW)]


@pytest.mark.parametrize(("seed", "share"), [(1, 0.5), (2, 0.8), (3, 0.9), (4, 0.95), (5, 1.0)])
def test_what_the_journal_reads_for_a_lane_are_the_first_of_all_that_is_undone(
    make_house: MakeHouse, seed: int, share: float
) -> None:
    house, rng = make_house(), random.Random(seed)
    name = house.add(is_open=False)
    began = datetime.now(UTC)
    for number in range(60):
        send_at = began + timedelta(seconds=rng.randint(60, 120)) if rng.random() < share else None
        row = house.accept(str(number), priority=rng.choice(list(Priority)), send_at=send_at)
        if rng.random() < 0.3:
            house.write(BeginAttempt(row.message_id))
            back = rng.choice([MessageStatus.QUEUED, MessageStatus.FAILED])
            house.write(EndAttempt(row.message_id, back, error="no", spent=rng.random() < 0.3))
    every, few = house.journal.reader.undone(), house.journal.reader.undone(name, WINDOW)
    assert len(few) - sum(row.attempts > 0 for row in few) <= 3 * 2 * (WINDOW + 1) < len(every)
    for seconds in (10, 70, 90, 110, 130):
        now = began + timedelta(seconds=seconds)
        whole, cut = shares(every, now, WINDOW), shares(few, now, WINDOW)
        for priority in Priority:
            assert cut[priority].due == whole[priority].due
            assert cut[priority].partial == whole[priority].partial
            assert cut[priority].later == whole[priority].later[: len(cut[priority].later)]
            assert len(cut[priority].later) == len(whole[priority].later) or cut[priority].horizon <= min(
                row.send_at.timestamp() for row in whole[priority].later[len(cut[priority].later) :]
            )
