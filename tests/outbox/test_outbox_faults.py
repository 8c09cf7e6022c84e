"""What may break: Redis killed or emptied, the lane's thread, its owner. Nothing is lost, nothing doubled."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from rq import Queue, Worker
from rq.cli.helpers import show_both
from rq.job import Job
from rq.suspension import resume, suspend

from actors.errors import SendRefused
from actors.messages import Enqueue
from actors.model import MessageStatus, OutgoingMessage, Priority, SessionId, SessionStatus
from actors.process import ProcessActor
from supervision import BackOff, ChildSpec
from tests.outbox.conftest import eventually
from tests.outbox.house import DEADLINE, HANG, LOST_ACK, SESSION, House
from tests.outbox.test_outbox_lane import ended, job_of, queues_of
from wahook.outbox.courier import Deadlines
from wahook.outbox.queues import LaneQueues
from wahook.outbox.serializer import DataOnly
from wahook.outbox.server import EmbeddedRedis

MakeHouse = Callable[..., House]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEAMS = (
    "after_pop",
    "before_begin",
    "after_begin",
    "before_send",
    "after_send",
    "before_end",
    "after_end",
    "after_job",
)


def supervised(server: EmbeddedRedis) -> ChildSpec:
    backoff = BackOff(min=0.02, max=0.2)
    return ChildSpec("redis", lambda context: ProcessActor(context, server), backoff=backoff)


@pytest.mark.parametrize("seam", SEAMS)
def test_a_lane_that_dies_between_any_two_steps_sends_its_message_once(
    make_house: MakeHouse, seam: str
) -> None:
    house = make_house()
    house.add()
    died = threading.Event()

    def die(name: str) -> None:
        if name == seam and not died.is_set():
            died.set()
            raise RuntimeError("scripted death of the lane")

    house.seam = die
    rows = [house.accept(str(number)) for number in range(3)]
    for row in rows:
        # One that has just died hears nothing: its rows are rebuilt from the journal.
        house.system.handle(f"outbox/{SESSION}").tell(Enqueue(row))
    eventually(lambda: died.is_set() and all(ended(house, row) for row in rows))
    assert [house.row(row).status for row in rows] == [MessageStatus.SENT] * 3
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}
    assert list(dict.fromkeys(house.phone().bodies())) == ["0", "1", "2"]
    assert house.system.handle(f"outbox/{SESSION}").incarnation == 2


def test_redis_killed_in_mid_traffic_comes_back_and_loses_and_doubles_nothing(
    make_house: MakeHouse, server: EmbeddedRedis
) -> None:
    house = make_house(url=server.url, children=[supervised(server)])
    sessions = [house.add(SessionId("1", str(number))) for number in range(3)]
    rows, killed = [], []
    for number in range(120):
        rows += [house.send(str(number), session=session) for session in sessions]
        if number in {30, 70}:
            eventually(lambda: server.pid not in {None, *killed})
            killed.append(server.pid)
            os.kill(killed[-1], signal.SIGKILL)
    eventually(lambda: all(ended(house, row) for row in rows), deadline=100)
    assert house.system.handle("redis").incarnation == 3
    for session in sessions:
        phone = house.phone(session)
        assert set(phone.counts().values()) == {1}
        assert list(dict.fromkeys(phone.bodies())) == [str(number) for number in range(120)]
    assert {house.row(row).status for row in rows} == {MessageStatus.SENT}


def test_what_is_accepted_while_redis_is_away_goes_when_it_is_back(
    make_house: MakeHouse, server: EmbeddedRedis
) -> None:
    house = make_house(url=server.url)
    house.add()
    eventually(lambda: house.lanes[str(SESSION)].view.waiting == "redis is away")
    rows = [house.send(str(number)) for number in range(5)]
    server.start(lambda _: None).result(DEADLINE)
    eventually(lambda: all(ended(house, row) for row in rows))
    assert house.phone().bodies() == ["0", "1", "2", "3", "4"]


def test_a_redis_that_hangs_in_mid_traffic_and_wakes_up_loses_and_doubles_nothing(
    make_house: MakeHouse, server: EmbeddedRedis
) -> None:
    pid = server.start(lambda _: None).result(DEADLINE)
    house = make_house(url=server.url, redis_deadline=0.3)
    house.add()
    rows = [house.accept(str(number)) for number in range(60)]
    for row in rows:
        house.tell(Enqueue(row))
    for at in (10, 30):
        house.phone().wait(lambda at=at: len(house.phone().asked) > at)
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: house.lanes[str(SESSION)].view.waiting == "redis is away")
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: all(ended(house, row) for row in rows), deadline=100)
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}
    assert list(dict.fromkeys(house.phone().bodies())) == [str(number) for number in range(60)]


def test_a_pop_whose_answer_was_lost_is_noticed_and_undone(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    rows = [house.send(str(number)) for number in range(3)]
    queue = queues_of(house).queues[Priority.DEFAULT]
    eventually(lambda: len(queue) == 3)
    house.redis.lmove(queue.key, queue.intermediate_queue_key)
    house.open()
    eventually(lambda: all(ended(house, row) for row in rows))
    assert house.phone().bodies() == ["0", "1", "2"]


def test_an_emptied_redis_is_rebuilt_from_the_journal_in_the_original_order(make_house: MakeHouse) -> None:
    house = make_house()
    house.add(is_open=False)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    rows = [house.send(str(number)) for number in range(20)]
    rows.append(house.send("scheduled", send_at=soon))
    eventually(lambda: queues_of(house).look().queued + queues_of(house).look().scheduled == 21)
    house.redis.flushall()
    rows.append(house.send("newest"))
    house.open()
    eventually(lambda: all(ended(house, row) for row in rows))
    bodies = house.phone().bodies()
    assert [body for body in bodies if body != "scheduled"] == [str(n) for n in range(20)] + ["newest"]
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}


def test_a_clock_that_was_put_back_between_two_messages_does_not_turn_them_round(
    make_house: MakeHouse,
) -> None:
    house = make_house()
    rows = [
        OutgoingMessage(f"msg_{number}", str(SESSION), "4915112345", "", f"3EB0{number}", created_at=at)
        for number, at in enumerate(NOON - timedelta(hours=hours) for hours in (0, 1, 0, 2))
    ]
    queues = queues_of(house)
    assert queues.rebuild(rows) == 4
    assert queues.queues[Priority.DEFAULT].job_ids == [row.message_id for row in rows]


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("how", ["emptied", "replaced by an older one"])
def test_redis_exchanged_between_any_two_steps_loses_and_doubles_nothing(
    make_house: MakeHouse, seam: str, how: str
) -> None:
    house = make_house()
    house.add(is_open=False)
    rows = [house.send(str(number)) for number in range(5)]
    eventually(lambda: queues_of(house).look().queued == 5)
    kept = {key: house.redis.dump(key) for key in house.redis.keys("*")}
    passed, exchanged = count(1), threading.Event()

    def exchange(name: str) -> None:
        if name == seam and next(passed) == 3:
            exchanged.set()
            house.redis.flushall()
            for key, value in kept.items() if how != "emptied" else ():
                house.redis.restore(key, 0, value)

    house.seam = exchange
    house.open()
    eventually(lambda: exchanged.is_set() and all(ended(house, row) for row in rows))
    assert house.phone().counts() == {row.wa_message_id: 1 for row in rows}
    assert list(dict.fromkeys(house.phone().bodies())) == [str(number) for number in range(5)]
    eventually(lambda: queues_of(house).look().queued == queues_of(house).look().taken == 0)


def test_a_job_that_vanished_between_pop_and_registration_is_put_back_by_the_sweep(
    make_house: MakeHouse,
) -> None:
    house = make_house(sweep_every=0.3)
    house.add(is_open=False)
    rows = [house.send(str(number)) for number in range(3)]
    queue = queues_of(house).queues[Priority.DEFAULT]
    eventually(lambda: len(queue) == 3)
    house.redis.lpop(queue.key)  # as BLPOP leaves it when its client dies: the job exists, and is in no list
    eventually(lambda: queue.job_ids == [row.message_id for row in rows])
    house.open()
    eventually(lambda: all(ended(house, row) for row in rows))
    assert house.phone().bodies() == ["0", "1", "2"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda redis, key: redis.delete(key),
        lambda redis, key: redis.hset(key, "data", b"not what RQ writes"),
        lambda redis, key: redis.hset(key, "created_at", b"not what RQ writes"),
        lambda redis, key: redis.hset(key, "data", DataOnly.dumps(("os.getcwd", None, (), {}))),
    ],
)
def test_a_job_that_is_gone_or_cannot_be_read_is_made_anew_in_its_place(
    make_house: MakeHouse, damage: Callable[[Any, str], object]
) -> None:
    house = make_house()
    name = house.add(is_open=False)
    rows = [house.send(str(number)) for number in range(3)]
    eventually(lambda: house.lanes[name].view.queued == 3)
    damage(house.redis, Job.key_for(rows[1].message_id))
    house.open()
    eventually(lambda: all(ended(house, row) for row in rows))
    assert house.phone().bodies() == ["0", "1", "2"]
    assert house.system.snapshot().find(f"outbox/{name}")["incarnation"] == 1


def test_a_lost_open_or_close_is_noticed_by_the_sweep(make_house: MakeHouse) -> None:
    house = make_house(sweep_every=0.2)
    name = house.add(is_open=False)
    row = house.send("late")
    house.board.show(name, SessionStatus.READY)
    eventually(lambda: ended(house, row))
    house.board.show(name, SessionStatus.RECONNECTING)
    eventually(lambda: not house.lanes[name].view.open)


def test_stopping_waits_for_the_message_in_flight(make_house: MakeHouse) -> None:
    house = make_house()
    name = house.add()
    reached, go_on = threading.Event(), threading.Event()

    def hold(seam: str) -> None:
        if seam == "after_send":
            reached.set()
            assert go_on.wait(DEADLINE)

    house.seam = hold
    row, other = house.send("in flight"), house.send("waits")
    assert reached.wait(DEADLINE)
    ending = house.system.terminate_child(f"outbox/{name}", by="test")
    go_on.set()
    ending.result(DEADLINE)
    eventually(lambda: not _alive(house, name))
    assert house.row(row).status is MessageStatus.SENT
    assert house.row(other).status is MessageStatus.QUEUED
    assert queues_of(house).queues[Priority.DEFAULT].job_ids == [other.message_id]


def test_a_lane_stopped_in_the_middle_of_a_hanging_send_keeps_its_deadline_and_the_message(
    make_house: MakeHouse,
) -> None:
    house = make_house(deadlines=Deadlines(send=60.0))
    name = house.add()
    house.phone().answers.append(LOST_ACK)
    row = house.send("hangs")
    house.phone().wait(lambda: len(house.phone().asked) == 1)
    other = house.send("waits")
    eventually(lambda: queues_of(house).look().queued == 1)
    lane = house.lanes[name]
    began = time.monotonic()
    lane.stop(1.0)
    assert time.monotonic() - began < 30  # the send itself would take a minute
    assert house.row(row).status is MessageStatus.SENDING
    assert queues_of(house).queues[Priority.DEFAULT].job_ids == [row.message_id, other.message_id]
    house.system.restart(f"outbox/{name}", by="test").result(DEADLINE)
    eventually(lambda: ended(house, row) and ended(house, other))
    assert house.phone().counts() == {row.wa_message_id: 1, other.wa_message_id: 1}
    assert [request.may_be_on_wire for request in house.phone().asked] == [False, True, False]


def test_rqs_own_tools_show_the_truth(make_house: MakeHouse, capsys: pytest.CaptureFixture[str]) -> None:
    house = make_house(deadlines=Deadlines(send=DEADLINE))
    name = house.add()
    house.phone().answers.extend([None, HANG])
    done, stuck = house.send("done"), house.send("stuck")
    waiting = [house.send(str(number)) for number in range(3)]
    house.send("later", send_at=datetime.now(UTC) + timedelta(hours=1))
    house.phone().wait(lambda: len(house.phone().asked) == 2)
    eventually(lambda: queues_of(house).look().queued == 3)
    info = partial(show_both, Queue.all(connection=house.redis), True, False, Queue, Worker, house.redis)
    info()
    shown = capsys.readouterr().out
    assert f"queue {name}:default 3, 1 executing, 1 finished, 0 failed" in shown
    assert f"queue {name}:high 0, 0 executing, 0 finished, 0 failed" in shown
    assert f"worker wahook.{name} (" in shown
    assert "busy" in shown
    assert job_of(house, done).get_status() == "finished"
    assert job_of(house, stuck).get_status() == "started"
    assert {str(job_of(house, row).get_status()) for row in waiting} == {"JobStatus.QUEUED"}
    worker = Worker.all(connection=house.redis)[0]
    current = worker.get_current_job()  # as rq-dashboard asks for it: with RQ's own serializer
    assert current is not None
    assert current.get_call_string() == f"wahook.outbox.jobs.deliver('{stuck.message_id}')"
    result = Job.fetch(done.message_id, house.redis).latest_result()
    assert result is not None
    assert result.return_value == "sent"


def test_a_failed_job_requeued_with_rqs_own_tool_fails_again_because_the_journal_says_failed(
    make_house: MakeHouse,
) -> None:
    house = make_house()
    house.add()
    house.phone().answers.append(SendRefused("not_on_whatsapp", "no"))
    row = house.send("refused")
    registry = queues_of(house).queues[Priority.DEFAULT].failed_job_registry
    eventually(lambda: row.message_id in registry.get_job_ids())
    registry.requeue(row.message_id)
    eventually(lambda: len(job_of(house, row).results()) == 2)
    assert registry.get_job_ids() == [row.message_id]
    assert house.phone().bodies() == ["refused"]
    assert len(house.events) == 1
    assert house.row(row).status is MessageStatus.FAILED


def test_a_worker_that_is_suspended_by_rq_waits(make_house: MakeHouse) -> None:
    house = make_house()
    name = house.add()
    suspend(house.redis)
    row = house.send("waits")
    eventually(lambda: house.lanes[name].view.waiting == "suspended by rq")
    assert house.phone().asked == []
    resume(house.redis)
    eventually(lambda: ended(house, row))


def test_ten_thousand_rows_are_rebuilt_in_order_within_seconds(make_house: MakeHouse) -> None:
    house = make_house()
    queues = LaneQueues(house.redis, "user_9_wa_9", house.clock.now, window=10_000)
    house.add()
    model = house.accept("model")
    rows = [replace(model, message_id=f"msg_{number:05d}") for number in range(10_000)]
    began = time.monotonic()
    assert queues.rebuild(rows) == 10_000
    took = time.monotonic() - began
    assert queues.queues[Priority.DEFAULT].job_ids == [row.message_id for row in rows]
    assert queues.rebuild(rows) == 0
    house.redis.lrem(queues.queues[Priority.DEFAULT].key, 1, "msg_00500")
    assert queues.rebuild(rows) == 1
    assert queues.queues[Priority.DEFAULT].job_ids == [row.message_id for row in rows]
    assert took < 20


def _alive(house: House, name: str) -> bool:
    return any(thread.name == f"lane {name}" for thread in threading.enumerate())
