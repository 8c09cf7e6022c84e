"""Order, priorities, attempts, and what spends none."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus
from rq.results import Result

from actors.errors import DeadlinePassed, SendFailed, SendRefused
from actors.events import MessageFailed, MessageSent
from actors.messages import CancelMessage, Enqueue, OpenLane, RetryMessage, Withdraw
from actors.model import Ack, MessageStatus, OutgoingMessage, Priority, SessionId
from tests.outbox.conftest import eventually
from tests.outbox.house import CRASH, DEADLINE, HANG, LOST_ACK, NOT_READY, SESSION, House
from wahook.outbox.courier import Deadlines
from wahook.outbox.job_store import FAILURE_TTL
from wahook.outbox.queues import LaneQueues
from wahook.outbox.retries import RetryPolicy
from wahook.outbox.serializer import DataOnly

MakeHouse = Callable[..., House]


def job_of(house: House, row: OutgoingMessage) -> Job:
    return Job.fetch(row.message_id, house.redis, DataOnly)


def queues_of(house: House, session: SessionId = SESSION) -> LaneQueues:
    return LaneQueues(house.redis, str(session), house.clock.now)


def ended(house: House, row: OutgoingMessage) -> bool:
    return house.row(row).status not in {MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.SCHEDULED}


def test_messages_of_one_session_go_in_the_order_of_acceptance(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    bodies = [str(number) for number in range(50)]
    for body in bodies:
        house.send(body)
    house.phone().wait(lambda: len(house.phone().asked) == 50)
    assert house.phone().bodies() == bodies
    eventually(lambda: len(house.events) == 50)
    assert [event.message_id for event in house.events] == [
        request.message.message_id for request in house.phone().asked
    ]


def test_a_sent_message_is_journaled_before_it_is_announced(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    row = house.send("hello")
    eventually(lambda: house.events)
    assert house.events == [MessageSent(row.session_id, row.message_id, row.wa_message_id, row.to)]
    after = house.row(row)
    assert (after.status, after.attempts, after.ack) == (MessageStatus.SENT, 1, Ack.SERVER)
    assert after.sent_at is not None


def test_a_closed_lane_keeps_messages_queued_and_higher_priorities_go_first(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    for priority in (Priority.LOW, Priority.DEFAULT, Priority.HIGH):
        for number in (1, 2):
            house.send(f"{priority}{number}", priority=priority)
    eventually(lambda: queues_of(house).look().queued == 6)
    eventually(lambda: house.lanes[str(SESSION)].view.waiting == "session not ready")
    assert house.phone().asked == []
    house.open()
    house.phone().wait(lambda: len(house.phone().asked) == 6)
    assert house.phone().bodies() == ["high1", "high2", "default1", "default2", "low1", "low2"]


def test_a_high_priority_never_goes_between_two_attempts_of_a_message(make_house: MakeHouse) -> None:
    house = make_house(retries=RetryPolicy(base=0.3))
    house.add()
    phone = house.phone()
    phone.by_body["slow"].append(SendFailed("try again"))
    house.send("slow", priority=Priority.LOW)
    phone.wait(lambda: len(phone.asked) == 1)
    house.send("urgent", priority=Priority.HIGH)
    phone.wait(lambda: len(phone.asked) == 3)
    assert phone.bodies() == ["slow", "slow", "urgent"]


def test_a_failed_attempt_is_repeated_with_growing_delays_and_then_given_up(make_house: MakeHouse) -> None:
    house = make_house(retries=RetryPolicy(base=0.2, jitter=0.0))
    house.add()
    times: list[float] = []
    house.seam = lambda name: times.append(time.monotonic()) if name == "before_send" else None
    house.phone().answers.extend([SendFailed("first"), SendFailed("second"), SendFailed("third")])
    row = house.send("doomed")
    house.send("next")
    house.phone().wait(lambda: len(house.phone().asked) == 4)
    first, second = (after - before for before, after in pairwise(times[:3]))
    assert first >= 0.2
    assert second >= 0.4
    assert house.phone().bodies() == ["doomed", "doomed", "doomed", "next"]
    failed = house.row(row)
    assert (failed.status, failed.attempts, failed.error) == (MessageStatus.FAILED, 3, "third")
    assert MessageFailed(row.session_id, row.message_id, row.to, "third") in house.events
    assert [request.may_be_on_wire for request in house.phone().asked] == [False, True, True, False]


def test_a_refused_message_fails_at_once_and_stays_in_the_failed_registry(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    house.phone().answers.append(SendRefused("not_on_whatsapp", "this number has no WhatsApp"))
    row = house.send("to nobody")
    house.send("next")
    house.phone().wait(lambda: len(house.phone().asked) == 2)
    failed = house.row(row)
    assert (failed.status, failed.attempts) == (MessageStatus.FAILED, 1)
    assert failed.error == "not_on_whatsapp: this number has no WhatsApp"
    registry = queues_of(house).queues[Priority.DEFAULT].failed_job_registry
    assert row.message_id in registry.get_job_ids()
    assert job_of(house, row).get_status() == JobStatus.FAILED
    assert "not_on_whatsapp" in str(job_of(house, row).latest_result().exc_string)
    kept = [house.redis.ttl(key) for key in (Job.key_for(row.message_id), Result.get_key(row.message_id))]
    assert all(0 < seconds <= FAILURE_TTL for seconds in kept)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HANG, "the session did not answer in time"),
        (CRASH, "the session crashed: RuntimeError"),
        (DeadlinePassed("the page took too long"), "the page took too long"),
        (Ack.PENDING, "no server ack (pending)"),
    ],
)
def test_what_may_have_reached_whatsapp_spends_an_attempt(
    make_house: MakeHouse, answer: object, error: str
) -> None:
    house = make_house(
        retries=RetryPolicy(attempts=1), deadlines=Deadlines(send=0.1, look=0.0, margin=0.1, journal=5.0)
    )
    house.add()
    house.phone().answers.append(answer)
    row = house.send("perhaps")
    eventually(lambda: ended(house, row))
    assert (house.row(row).status, house.row(row).attempts) == (MessageStatus.FAILED, 1)
    assert house.row(row).error == error


def test_a_lost_ack_is_looked_for_and_the_message_is_on_the_wire_once(make_house: MakeHouse) -> None:
    house = make_house(deadlines=Deadlines(send=0.1, look=0.0, margin=0.1))
    house.add()
    house.phone().answers.append(LOST_ACK)
    row = house.send("once")
    eventually(lambda: ended(house, row))
    assert house.row(row).status is MessageStatus.SENT
    assert house.phone().counts() == {row.wa_message_id: 1}
    assert [request.may_be_on_wire for request in house.phone().asked] == [False, True]


def test_a_session_that_is_not_ready_spends_no_attempt_however_often_it_says_so(
    make_house: MakeHouse,
) -> None:
    house = make_house()
    house.add()
    house.phone().answers.extend([NOT_READY] * 4)
    row = house.send("patience")
    house.phone().wait(lambda: len(house.phone().asked) == 5)
    eventually(lambda: ended(house, row))
    assert (house.row(row).status, house.row(row).attempts) == (MessageStatus.SENT, 1)


def test_a_session_that_is_down_is_not_asked_and_spends_no_attempt(make_house: MakeHouse) -> None:
    house = make_house()
    name = house.add()
    house.system.terminate_child(f"sessions/{name}", by="test").result(DEADLINE)
    row = house.send("later")
    eventually(lambda: house.lanes[name].view.waiting == "session not ready")
    assert house.row(row).attempts == 0
    house.start_session(name)
    eventually(lambda: ended(house, row))
    assert (house.row(row).status, house.row(row).attempts) == (MessageStatus.SENT, 1)


def test_a_message_cancelled_while_it_waits_is_dropped(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    row, other = house.send("no"), house.send("yes")
    house.write(CancelMessage(row.message_id))
    house.open()
    eventually(lambda: ended(house, other))
    assert house.phone().bodies() == ["yes"]
    assert house.row(row).status is MessageStatus.CANCELLED


def test_a_failed_message_that_the_operator_retries_goes_again(make_house: MakeHouse) -> None:
    house = make_house(retries=RetryPolicy(attempts=1))
    house.add()
    house.phone().answers.append(SendFailed("bad day"))
    row = house.send("again")
    eventually(lambda: house.row(row).status is MessageStatus.FAILED)
    eventually(lambda: job_of(house, row).get_status() == JobStatus.FAILED)
    house.tell(Enqueue(house.write(RetryMessage(row.message_id))))
    eventually(lambda: house.row(row).status is MessageStatus.SENT)
    assert queues_of(house).queues[Priority.DEFAULT].failed_job_registry.get_job_ids() == []


def test_a_retry_before_the_failed_job_has_ended_is_not_forgotten(make_house: MakeHouse) -> None:
    house = make_house(sweep_every=1000.0)
    name = house.add()
    house.phone().answers.append(SendRefused("not_on_whatsapp", "no"))
    at_the_end, retried = threading.Event(), threading.Event()

    def seam(step: str) -> None:
        if step == "after_end":
            at_the_end.set()
            retried.wait(DEADLINE)

    house.seam = seam
    row = house.send("again")
    assert at_the_end.wait(DEADLINE)
    house.tell(Enqueue(house.write(RetryMessage(row.message_id))))
    house.system.handle(f"outbox/{name}").ask(OpenLane(), DEADLINE)  # by then it has dealt with the retry
    retried.set()
    eventually(lambda: ended(house, row))
    assert house.row(row).status is MessageStatus.SENT
    assert house.phone().bodies() == ["again", "again"]


def test_enqueuing_twice_puts_one_job_and_rq_itself_refuses_the_second(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    row = house.send("one")
    house.tell(Enqueue(row))
    other = house.send("two")
    queues = queues_of(house)
    eventually(lambda: other.message_id in queues.queues[Priority.DEFAULT].job_ids)
    assert queues.queues[Priority.DEFAULT].job_ids == [row.message_id, other.message_id]
    with pytest.raises(DuplicateJobError):
        queues.queues[Priority.DEFAULT].enqueue("any.function", job_id=row.message_id, unique=True)
    house.open()
    eventually(lambda: ended(house, other))
    assert house.phone().bodies() == ["one", "two"]


def test_a_scheduled_message_waits_in_rqs_schedule_until_it_is_due(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    due = datetime.now(UTC) + timedelta(seconds=2.5)
    late, row = house.send("late", send_at=due + timedelta(hours=1)), house.send("soon", send_at=due)
    schedule = queues_of(house).queues[Priority.DEFAULT].scheduled_job_registry
    eventually(lambda: schedule.get_job_ids() == [row.message_id, late.message_id])
    assert job_of(house, row).get_status() == JobStatus.SCHEDULED
    assert house.row(row).status is MessageStatus.SCHEDULED
    house.phone().wait(lambda: len(house.phone().asked) == 1)
    assert datetime.now(UTC) >= due
    eventually(lambda: ended(house, row))
    assert schedule.get_job_ids() == [late.message_id]


def test_messages_due_in_the_same_second_go_in_the_order_of_acceptance(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    due = datetime.now(UTC) + timedelta(seconds=1)
    for number in range(8):
        house.send(str(number), send_at=due)
    house.phone().wait(lambda: len(house.phone().asked) == 8)
    assert house.phone().bodies() == [str(number) for number in range(8)]


def test_a_cancelled_scheduled_message_is_never_sent(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    due = datetime.now(UTC) + timedelta(seconds=1)
    row, other = house.send("no", send_at=due), house.send("yes", send_at=due)
    house.write(CancelMessage(row.message_id))
    house.open()
    eventually(lambda: ended(house, other))
    assert house.phone().bodies() == ["yes"]


def test_a_withdrawn_message_vanishes_from_rqs_lists_and_one_in_flight_stays(make_house: MakeHouse) -> None:
    house = make_house(deadlines=Deadlines(send=DEADLINE))
    house.add()
    house.phone().answers.append(HANG)
    stuck = house.send("stuck")
    house.phone().wait(lambda: len(house.phone().asked) == 1)
    waiting = house.send("waiting")
    later = house.send("later", send_at=datetime.now(UTC) + timedelta(hours=1))
    queue = queues_of(house).queues[Priority.DEFAULT]
    eventually(lambda: queue.job_ids == [waiting.message_id] and len(queue.scheduled_job_registry) == 1)
    for row in (stuck, waiting, later):
        house.tell(Withdraw(row.message_id))
    eventually(lambda: len(queue) == len(queue.scheduled_job_registry) == 0)
    assert queue.started_job_registry.get_job_ids() == [stuck.message_id]


def test_a_failed_message_that_is_given_up_vanishes_from_rqs_failed_jobs(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    house.phone().answers.append(SendRefused("not_on_whatsapp", "no"))
    row = house.send("refused")
    failed = queues_of(house).queues[Priority.DEFAULT].failed_job_registry
    eventually(lambda: failed.get_job_ids() == [row.message_id])
    assert house.write(CancelMessage(row.message_id)).status is MessageStatus.CANCELLED
    house.tell(Withdraw(row.message_id))
    eventually(lambda: failed.get_job_ids() == [])


def test_clearing_a_session_leaves_nothing_of_it_in_redis(make_house: MakeHouse) -> None:
    house = make_house()
    name = house.add()
    house.phone().answers.extend([SendRefused("no", "no"), None])
    rows = [house.send(str(number)) for number in range(3)]
    rows.append(house.send("later", send_at=datetime.now(UTC) + timedelta(hours=1)))
    eventually(lambda: all(ended(house, row) for row in rows[:3]))
    house.system.terminate_child(f"outbox/{name}", by="test").result(DEADLINE)
    queues_of(house).clear()
    left = {key.decode() for key in house.redis.keys("*")}
    left = {key for key in left if not key.startswith(("LIMITS:", "rq:worker:", "rq:execution"))}
    assert left <= {"rq:queues", "rq:workers"}
    assert house.redis.smembers("rq:queues") == set()


def test_two_lanes_do_not_wait_for_each_other(make_house: MakeHouse) -> None:
    house = make_house(deadlines=Deadlines(send=DEADLINE))
    slow, fast = house.add(SessionId("1", "slow")), house.add(SessionId("1", "fast"))
    house.phone(slow).answers.append(HANG)
    house.send("stuck", session=slow)
    house.phone(slow).wait(lambda: len(house.phone(slow).asked) == 1)
    for number in range(20):
        house.send(str(number), session=fast)
    house.phone(fast).wait(lambda: len(house.phone(fast).asked) == 20)
    assert house.phone(slow).bodies() == ["stuck"]


def test_a_journal_that_is_away_for_a_while_costs_no_message(make_house: MakeHouse) -> None:
    house = make_house()
    house.add()
    seen = threading.Event()

    def lose_the_journal(name: str) -> None:
        if name == "before_end" and not seen.is_set():
            seen.set()
            house.system.kill("journal", "test", by="test").result(DEADLINE)

    house.seam = lose_the_journal
    rows = [house.accept(str(number)) for number in range(3)]
    for row in rows:
        house.tell(Enqueue(row))
    eventually(lambda: seen.is_set() and all(house.row(row).status is MessageStatus.SENT for row in rows))
    assert set(house.phone().counts().values()) == {1}
    assert house.phone().bodies() == ["0", "1", "2"]
