"""What follows from an answer, when a receiver is left alone, who hears what: tables, without time."""

from datetime import UTC, datetime, timedelta

import pytest

from actors.durable import TaskState
from wahook.notify.webhooks import catalogue
from wahook.notify.webhooks.policy import (
    ALIVE,
    Circuit,
    CircuitPolicy,
    CircuitState,
    Judgement,
    Outcome,
    Retries,
    judge,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RETRIES = Retries(base=5, cap=3600, body_attempts=6)
CIRCUIT = CircuitPolicy(threshold=3, base=10, cap=60)
PENDING, DONE, DEAD = TaskState.PENDING, TaskState.DONE, TaskState.DEAD


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("outcome", "attempts", "judgement"),
    [
        (Outcome(200), 1, Judgement(DONE)),
        (Outcome(204), 9, Judgement(DONE)),
        (Outcome(299), 1, Judgement(DONE)),
        (Outcome(410), 1, Judgement(DEAD)),
        (Outcome(400), 1, Judgement(PENDING, 5)),
        (Outcome(422), 5, Judgement(PENDING, 80)),
        (Outcome(422), 6, Judgement(DEAD, 160)),
        (Outcome(301), 1, Judgement(PENDING, 5, blame=True)),
        (Outcome(401), 1, Judgement(PENDING, 5, blame=True)),
        (Outcome(404), 2, Judgement(PENDING, 10, blame=True, again=True)),
        (Outcome(500), 1, Judgement(PENDING, 5, blame=True)),
        (Outcome(500), 3, Judgement(PENDING, 20, blame=True, again=True)),
        (Outcome(500), 99, Judgement(PENDING, 3600, blame=True, again=True)),
        (Outcome(502), 3, Judgement(PENDING, 20, blame=True)),
        (Outcome(429), 3, Judgement(PENDING, 20, blame=True)),
        (Outcome(error="no answer in time"), 2, Judgement(PENDING, 10, blame=True)),
        (Outcome(503), 1, Judgement(PENDING, 5, blame=True)),
        (Outcome(503, retry_after=120), 1, Judgement(PENDING, 120, blame=True, rest=120)),
        (Outcome(429, retry_after=0), 1, Judgement(PENDING, 1, blame=True, rest=1)),
        (Outcome(429, retry_after=10**9), 1, Judgement(PENDING, 3600, blame=True, rest=3600)),
        (Outcome(500, retry_after=120), 1, Judgement(PENDING, 5, blame=True)),
    ],
)
def test_what_follows_from_an_attempt(outcome, attempts, judgement):
    assert judge(outcome, attempts, RETRIES, fraction=1.0) == judgement


def test_waits_double_up_to_an_hour_and_are_jittered_between_half_and_whole():
    assert [RETRIES.delay(attempts, 1.0) for attempts in range(1, 13)] == [
        *(5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600)
    ]
    assert [RETRIES.delay(3, fraction) for fraction in (0.0, 0.5, 1.0)] == [10, 15, 20]
    assert RETRIES.delay(10**6, 1.0) == 3600


def fail(circuit: Circuit, *seconds: float) -> Circuit:
    for each in seconds:
        circuit = circuit.failed(after(each), CIRCUIT, fraction=1.0)
    return circuit


def test_failures_in_a_row_open_the_circuit_and_fewer_do_not():
    assert fail(ALIVE, 0, 0).state(NOON) is CircuitState.CLOSED
    opened = fail(ALIVE, 0, 0, 0)
    assert [opened.state(after(each)) for each in (0, 9.9, 10)] == [
        CircuitState.OPEN,
        CircuitState.OPEN,
        CircuitState.HALF_OPEN,
    ]


def test_one_delivery_that_fails_again_opens_nothing_and_as_a_probe_keeps_it_open():
    circuit = fail(ALIVE, 0, 0)
    for _ in range(9):
        circuit = circuit.failed(NOON, CIRCUIT, 1.0, again=True)
    assert circuit.state(NOON) is CircuitState.CLOSED
    probed = fail(circuit, 0).failed(after(10), CIRCUIT, 1.0, again=True)
    assert probed.state(after(29)) is CircuitState.OPEN


def test_those_that_were_on_their_way_when_it_opened_do_not_open_it_longer():
    assert fail(ALIVE, 0, 0, 0, 1, 1, 1, 1).until == after(10)


def test_each_failed_probe_doubles_the_rest_up_to_a_limit():
    circuit, now, rests = fail(ALIVE, 0, 0, 0), 0.0, []
    for _ in range(5):
        assert circuit.until is not None
        rests.append((circuit.until - NOON).total_seconds() - now)
        now += rests[-1]
        circuit = fail(circuit, now)
    assert rests == [10, 20, 40, 60, 60]


def test_a_receiver_that_asks_for_rest_gets_it_and_then_one_call_at_a_time():
    resting = fail(ALIVE, 0).resting(NOON, 30)
    assert resting.state(after(29)) is CircuitState.OPEN
    assert resting.state(after(30)) is CircuitState.HALF_OPEN
    assert fail(resting, 30).state(after(30)) is CircuitState.OPEN


def test_rest_never_shortens_what_the_circuit_has_decided():
    assert fail(ALIVE, 0, 0, 0).resting(NOON, 1).until == after(10)


@pytest.mark.parametrize(
    ("events", "heard", "unheard"),
    [
        (["*"], ["ready", "message:received", "session:status"], ["qr", "qr:updated", "loading"]),
        (["message:*"], ["message:received", "message:failed"], ["ready", "qr"]),
        (["qr:*"], [], ["qr:updated", "qr"]),
        (["qr", "ready"], ["qr", "ready"], ["qr:updated", "message:received"]),
        ([], [], ["ready"]),
    ],
)
def test_who_hears_what(events, heard, unheard):
    assert [name for name in (*heard, *unheard) if catalogue.hears(events, name)] == heard


@pytest.mark.parametrize("pattern", ["*", "ready", "message:*", "qr"])
def test_a_filter_that_can_hear_something_is_fine(pattern):
    assert catalogue.fault_of(pattern) is None


@pytest.mark.parametrize("pattern", ["message", "redy", "*:*", "", "messag*", "READY", "ready "])
def test_a_filter_that_can_hear_nothing_is_a_fault(pattern):
    assert "message:received" in str(catalogue.fault_of(pattern))
