"""The pure and the plain: delays, the gate, the courier's judgement, names of queues."""

import pickle
import random
import threading
import time
from collections import deque
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from rq.job import Job
from rq.serializers import DefaultSerializer

from actors.errors import DeadlinePassed, JournalError, RuleBroken, SendFailed, SendRefused, SessionNotReady
from actors.events import Event, MessageFailed, MessageSent
from actors.messages import BeginAttempt, EndAttempt, SendMessage, Write
from actors.model import Ack, MessageStatus, OutgoingMessage, SendReceipt
from actors.page import AskPage, PageCall
from supervision import ActorDown, AwaitableFuture, Handle, MailboxFull, SystemClock
from wahook.outbox.courier import Again, Courier, Dropped, Failed, NotNow, Sent
from wahook.outbox.gate import Gate, Interrupted
from wahook.outbox.jobs import FUNCTION, NobodyDelivers, deliver
from wahook.outbox.retries import RetryPolicy
from wahook.outbox.serializer import DataOnly

ROW = OutgoingMessage("msg_1", "user_1_wa_2", "4915112345", "hello", "3EB0AA")


# -- delays -----------------------------------------------------------------------------------------------


def test_delays_double_from_two_seconds_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=9, jitter=0.0)
    rng = random.Random(1)
    assert [policy.delay(attempt, rng) for attempt in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert policy.delay(10_000, rng) == 60


def test_jitter_only_lengthens_and_by_no_more_than_its_share() -> None:
    policy = RetryPolicy()
    delays = [policy.delay(1, random.Random(seed)) for seed in range(200)]
    assert 2.0 <= min(delays) < max(delays) <= 2.2


def test_the_third_attempt_is_the_last() -> None:
    assert [RetryPolicy().last(attempt) for attempt in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"base": -1}, {"base": 9, "cap": 1}, {"jitter": -0.1}])
def test_a_senseless_policy_is_refused_when_made(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="attempts >= 1"):
        RetryPolicy(**cast("Any", wrong))


# -- the gate ---------------------------------------------------------------------------------------------


def test_what_moves_after_the_ticket_was_taken_is_not_slept_through() -> None:
    gate = Gate(SystemClock())
    ticket = gate.ticket
    gate.set_open(True)
    began = time.monotonic()
    gate.wait(ticket, 30)
    assert time.monotonic() - began < 5


def test_a_pause_is_interrupted_when_the_lane_must_end() -> None:
    gate = Gate(SystemClock())
    threading.Timer(0.05, lambda: gate.stop(0.05)).start()
    with pytest.raises(Interrupted):
        gate.pause(30)


def test_a_later_stop_does_not_lengthen_an_earlier_one() -> None:
    gate = Gate(SystemClock())
    gate.stop(0.0)
    gate.stop(60.0)
    with pytest.raises(Interrupted):
        gate.pause(30)


def test_nothing_is_asked_any_more_once_the_lane_must_end() -> None:
    class Nobody:
        def ask_async(self, message: object, timeout: float) -> AwaitableFuture[object]:
            raise AssertionError("asked")

    gate = Gate(SystemClock())
    gate.stop(0.0)
    with pytest.raises(Interrupted):
        gate.ask(cast("Handle", Nobody()), "message", 1.0)


# -- the courier ------------------------------------------------------------------------------------------


class Scripted:
    """Stands for the handles: answers what the script says, and notes what was asked."""

    alive = True

    def __init__(self, *answers: object) -> None:
        self.answers = deque(answers)
        self.asked: list[object] = []

    def __call__(self, whom: Handle, message: object, deadline: float) -> object:
        asked = message.operation if isinstance(message, Write) else message
        self.asked.append(asked)
        answer = self.answers.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def courier(
    script: Scripted, events: list[Event] | None = None, pauses: list[float] | None = None
) -> Courier:
    handle = cast("Handle", script)
    return Courier(
        session=handle,
        journal=handle,
        announce=([] if events is None else events).append,
        ask=script,
        pause=([] if pauses is None else pauses).append,
        retries=RetryPolicy(jitter=0.0),
        rng=random.Random(1),
    )


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (SendReceipt("3EB0AA", Ack.SERVER), EndAttempt("msg_1", MessageStatus.SENT, Ack.SERVER)),
        (SendReceipt("3EB0AA", Ack.READ), EndAttempt("msg_1", MessageStatus.READ, Ack.READ)),
        (SendRefused("bad", "no"), EndAttempt("msg_1", MessageStatus.FAILED, error="bad: no")),
        (RuleBroken("x", "no rule"), EndAttempt("msg_1", MessageStatus.FAILED, error="no rule")),
        (SessionNotReady("qr"), EndAttempt("msg_1", MessageStatus.QUEUED, spent=False)),
        (MailboxFull("full"), EndAttempt("msg_1", MessageStatus.QUEUED, spent=False)),
        (SendFailed("bad day"), EndAttempt("msg_1", MessageStatus.QUEUED, error="bad day")),
        (DeadlinePassed("late"), EndAttempt("msg_1", MessageStatus.QUEUED, error="late")),
        (ActorDown("down"), EndAttempt("msg_1", MessageStatus.QUEUED, error="down")),
        (
            SendReceipt("3EB0AA", Ack.ERROR),
            EndAttempt("msg_1", MessageStatus.QUEUED, error="no server ack (error)"),
        ),
        ("nonsense", EndAttempt("msg_1", MessageStatus.QUEUED, error="unexpected answer: str")),
    ],
)
def test_each_answer_of_a_session_has_one_ending(answer: object, ending: EndAttempt) -> None:
    script = Scripted(ROW, answer, None)
    assert courier(script).attempt("msg_1") == Dropped()
    assert script.asked == [BeginAttempt("msg_1"), SendMessage(ROW, 30.0, may_be_on_wire=False), ending]


TYPED = replace(ROW, typing=3.0)
SHOWN = AskPage(PageCall.CHAT_STATE, {"chat": ROW.to, "state": "composing"})


def test_typing_is_shown_for_its_time_before_the_first_try_only() -> None:
    pauses: list[float] = []
    script = Scripted(TYPED, None, SendReceipt("3EB0AA", Ack.SERVER), None)
    courier(script, pauses=pauses).attempt("msg_1")
    assert script.asked[1:3] == [SHOWN, SendMessage(TYPED, 30.0, may_be_on_wire=False)]
    assert pauses == [3.0]
    again = replace(TYPED, attempts=1)
    script = Scripted(again, SendReceipt("3EB0AA", Ack.SERVER), None)
    courier(script).attempt("msg_1")
    assert script.asked[1] == SendMessage(again, 30.0, may_be_on_wire=False)


def test_a_voice_note_is_recorded_instead_of_typed() -> None:
    voice = replace(TYPED, type="voice", content={"media": {}})
    script = Scripted(voice, None, SendReceipt("3EB0AA", Ack.SERVER), None)
    courier(script).attempt("msg_1")
    assert script.asked[1] == AskPage(PageCall.CHAT_STATE, {"chat": ROW.to, "state": "recording"})
    assert script.asked[2] == SendMessage(voice, 120.0, may_be_on_wire=False)


@pytest.mark.parametrize("away", [SessionNotReady("qr"), ActorDown("down"), DeadlinePassed("late")])
def test_typing_that_cannot_be_shown_spends_no_attempt(away: Exception) -> None:
    queued = replace(TYPED, status=MessageStatus.QUEUED)
    script = Scripted(TYPED, away, queued)
    assert courier(script).attempt("msg_1") == NotNow()
    assert script.asked[-1] == EndAttempt("msg_1", MessageStatus.QUEUED, spent=False)


def test_typing_to_nobody_is_left_to_the_send_which_says_why() -> None:
    failed = replace(TYPED, status=MessageStatus.FAILED, error="not_on_whatsapp: no")
    no = SendRefused("not_on_whatsapp", "no")
    script = Scripted(TYPED, no, no, failed)
    assert courier(script).attempt("msg_1") == Failed("not_on_whatsapp: no")


def test_a_row_that_was_begun_before_is_looked_for_first() -> None:
    row = replace(ROW, status=MessageStatus.SENDING, attempts=1, may_be_on_wire=True)
    script = Scripted(row, SendReceipt("3EB0AA", Ack.SERVER), replace(row, status=MessageStatus.SENT))
    assert courier(script).attempt("msg_1") == Sent()
    assert script.asked[1] == SendMessage(row, 30.0, may_be_on_wire=True)


def test_the_third_failure_is_final_and_announced_after_the_journal_has_it() -> None:
    events: list[Event] = []
    row = replace(ROW, attempts=2)
    script = Scripted(row, SendFailed("bad day"), replace(row, status=MessageStatus.FAILED, error="bad day"))
    assert courier(script, events).attempt("msg_1") == Failed("bad day")
    assert script.asked[-1] == EndAttempt("msg_1", MessageStatus.FAILED, error="bad day")
    assert events == [MessageFailed(ROW.session_id, "msg_1", ROW.to, "bad day")]


def test_an_ack_that_came_by_itself_beats_a_failure() -> None:
    events: list[Event] = []
    script = Scripted(ROW, DeadlinePassed("late"), replace(ROW, status=MessageStatus.DELIVERED))
    assert courier(script, events).attempt("msg_1") == Sent()
    assert [type(event) for event in events] == [MessageSent]


def test_a_repeated_attempt_waits_as_the_policy_says() -> None:
    script = Scripted(replace(ROW, attempts=1), SendFailed("x"), replace(ROW, attempts=2))
    assert courier(script).attempt("msg_1") == Again(4.0)


@pytest.mark.parametrize("error", [JournalError("disk full"), ActorDown("down"), OSError("odd")])
def test_a_journal_that_cannot_begin_spends_nothing_and_asks_no_session(error: Exception) -> None:
    script = Scripted(error)
    assert courier(script).attempt("msg_1") == NotNow()
    assert script.asked == [BeginAttempt("msg_1")]


def test_the_outcome_is_written_however_often_the_journal_fails() -> None:
    pauses: list[float] = []
    away = [JournalError("disk full")] * 8
    sent = replace(ROW, status=MessageStatus.SENT)
    script = Scripted(ROW, SendReceipt("3EB0AA", Ack.SERVER), *away, sent)
    assert courier(script, pauses=pauses).attempt("msg_1") == Sent()
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_an_outcome_that_the_journal_refuses_is_dropped() -> None:
    script = Scripted(ROW, SendReceipt("3EB0AA", Ack.SERVER), RuleBroken("gone", "no such row"))
    assert courier(script).attempt("msg_1") == Dropped()


@pytest.mark.parametrize("step", [0, 1, 2])
def test_being_interrupted_at_any_ask_comes_out_at_once(step: int) -> None:
    answers: list[object] = [ROW, SendReceipt("3EB0AA", Ack.SERVER), ROW]
    answers[step] = Interrupted()
    script = Scripted(*answers)
    with pytest.raises(Interrupted):
        courier(script).attempt("msg_1")
    assert len(script.asked) == step + 1


# -- jobs -------------------------------------------------------------------------------------------------


def test_a_job_that_no_lane_runs_says_that_only_the_service_delivers() -> None:
    with pytest.raises(NobodyDelivers, match="running service"):
        deliver("msg_1")


def test_rq_finds_our_function_by_the_name_in_the_job() -> None:
    job = Job.create(FUNCTION, args=("msg_1",), id="x", connection=cast("Any", object()))
    assert job.func is deliver


def test_jobs_are_read_from_redis_as_data_and_never_as_something_that_runs() -> None:
    data = ("wahook.outbox.jobs.deliver", None, ("msg_1",), {})
    assert DefaultSerializer.loads(DataOnly.dumps(data)) == data  # as RQ's own tools do
    assert DataOnly.loads(pickle.dumps(data)) == data
    with pytest.raises(pickle.UnpicklingError, match="is no data"):
        DataOnly.loads(pickle.dumps(partial(print, "run")))
