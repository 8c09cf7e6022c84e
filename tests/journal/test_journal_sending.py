"""Attempts, acks, cancelling, retrying: what may become of an accepted message."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import RuleBroken
from actors.messages import (
    AcceptMessage,
    BeginAttempt,
    CancelMessage,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RetryMessage,
)
from actors.model import Ack, MessageStatus, OutgoingMessage
from wahook.journal import rules

from .conftest import NOON, OTHER, SESSION, Bench, message

A = "msg_a"
BEGIN, CANCEL, RETRY = BeginAttempt(A), CancelMessage(A), RetryMessage(A)
SENT = EndAttempt(A, MessageStatus.SENT, Ack.SERVER)
FAILED = EndAttempt(A, MessageStatus.FAILED, error="deadline")
AGAIN = EndAttempt(A, MessageStatus.QUEUED, error="deadline")
NOT_READY = EndAttempt(A, MessageStatus.QUEUED, spent=False)


def ack(level: Ack) -> RecordAck:
    return RecordAck(SESSION, "3EB0a", level)


def live(bench: Bench, *operations: JournalOperation) -> OutgoingMessage:
    """Accept a message, do all this to it, and read what it became."""
    bench.write(AcceptMessage(message("a"), None), *operations)
    row = bench.journal.reader.message(A)
    assert row is not None
    return row


def short(row: OutgoingMessage) -> tuple[str, int, int, str | None]:
    return row.status.value, row.attempts, int(row.ack), row.error


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([BEGIN], ("sending", 1, 0, None)),
        ([BEGIN, SENT], ("sent", 1, 1, None)),
        ([BEGIN, EndAttempt(A, MessageStatus.READ, Ack.READ)], ("read", 1, 3, None)),
        ([BEGIN, FAILED], ("failed", 1, 0, "deadline")),
        ([BEGIN, AGAIN], ("queued", 1, 0, "deadline")),
        ([BEGIN, AGAIN, BEGIN], ("sending", 2, 0, "deadline")),
        ([BEGIN, AGAIN, BEGIN, SENT], ("sent", 2, 1, None)),
        ([BEGIN, NOT_READY], ("queued", 0, 0, None)),
        ([BEGIN, NOT_READY, NOT_READY], ("queued", 0, 0, None)),
        ([BEGIN, AGAIN, BEGIN, NOT_READY], ("queued", 1, 0, None)),
        ([BEGIN, ack(Ack.SERVER), FAILED], ("sent", 1, 1, None)),
        ([BEGIN, ack(Ack.READ), SENT], ("read", 1, 3, None)),
        ([BEGIN, ack(Ack.SERVER), AGAIN], ("sent", 1, 1, None)),
        ([BEGIN, FAILED, ack(Ack.SERVER)], ("sent", 1, 1, None)),
        ([BEGIN, FAILED, SENT], ("sent", 1, 1, None)),
        ([BEGIN, AGAIN, ack(Ack.DEVICE)], ("delivered", 1, 2, None)),
        ([BEGIN, SENT, ack(Ack.DEVICE), ack(Ack.READ)], ("read", 1, 3, None)),
        ([BEGIN, SENT, ack(Ack.PLAYED), ack(Ack.DEVICE)], ("read", 1, 4, None)),
        ([BEGIN, ack(Ack.ERROR)], ("sending", 1, 0, None)),
        ([BEGIN, SENT, ack(Ack.ERROR), ack(Ack.PENDING)], ("sent", 1, 1, None)),
        ([BEGIN, EndAttempt(A, MessageStatus.SENT), FAILED], ("sent", 1, 0, None)),
        ([BEGIN, SENT, AGAIN], ("sent", 1, 1, None)),
        ([CANCEL], ("cancelled", 0, 0, None)),
        ([CANCEL, CANCEL], ("cancelled", 0, 0, None)),
        ([BEGIN, AGAIN, CANCEL, ack(Ack.SERVER)], ("sent", 1, 1, None)),
        ([BEGIN, FAILED, RETRY], ("queued", 0, 0, None)),
        ([BEGIN, FAILED, RETRY, BEGIN, SENT], ("sent", 1, 1, None)),
    ],
)
def test_a_message_becomes(bench: Bench, operations: list[JournalOperation], expected: tuple[object, ...]):
    assert short(live(bench, *operations)) == expected


@pytest.mark.parametrize(
    "before",
    [[CANCEL], [BEGIN, SENT], [BEGIN, FAILED], [BEGIN, SENT, ack(Ack.READ)], [BEGIN, AGAIN, ack(Ack.SERVER)]],
)
def test_no_attempt_begins_for_what_has_ended(bench: Bench, before: list[JournalOperation]):
    row = live(bench, *before)
    assert bench.one(BEGIN) is None
    assert bench.journal.reader.message(A) == row


def test_an_attempt_tells_the_row_as_it_was_before(bench: Bench):
    queued = live(bench)
    first, second = bench.one(BEGIN), bench.one(BEGIN)
    assert first == queued
    assert isinstance(second, OutgoingMessage)
    assert (second.status, second.attempts, second.may_be_on_wire) == (MessageStatus.SENDING, 1, True)


def test_a_retried_message_remembers_that_it_may_be_on_the_wire_and_keeps_its_id(bench: Bench):
    live(bench, BEGIN, FAILED, RETRY)
    before = bench.one(BEGIN)
    assert isinstance(before, OutgoingMessage)
    assert (before.attempts, before.may_be_on_wire, before.wa_message_id) == (0, True, "3EB0a")


@pytest.mark.parametrize("error", ["the page said \0", "the page said \ud83d"])
def test_an_error_that_cannot_be_stored_is_stored_with_replacements(bench: Bench, error: str):
    row = live(bench, BEGIN, EndAttempt(A, MessageStatus.FAILED, error=error))
    assert short(row) == ("failed", 1, 0, "the page said \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("operation", [BEGIN, SENT, CANCEL, RETRY, ack(Ack.READ)])
def test_what_is_not_there_is_none(bench: Bench, operation: JournalOperation):
    assert bench.one(operation) is None


def test_an_ack_of_another_session_is_not_ours(bench: Bench):
    row = live(bench, BEGIN)
    assert bench.one(RecordAck(OTHER, "3EB0a", Ack.READ)) is None
    assert bench.journal.reader.message(A) == row


def test_an_ack_that_says_nothing_new_is_none_and_one_that_does_is_the_row(bench: Bench):
    live(bench, BEGIN, SENT)
    assert bench.one(ack(Ack.SERVER)) is None
    assert bench.one(ack(Ack.DEVICE)) == bench.journal.reader.message(A)
    assert bench.one(ack(Ack.SERVER)) is None


def test_the_time_of_sending_is_when_it_was_first_known(bench: Bench):
    live(bench, BEGIN)
    bench.calendar.turn(5)
    bench.one(ack(Ack.SERVER))
    bench.calendar.turn(5)
    bench.write(SENT, ack(Ack.READ))
    row = bench.journal.reader.message(A)
    assert row is not None
    assert row.sent_at is not None
    assert (row.sent_at - NOON).total_seconds() == 5


def test_what_failed_can_be_given_up_and_is_retried_no_more(bench: Bench):
    failed = live(bench, BEGIN, FAILED)
    assert bench.one(CANCEL) == replace(failed, status=MessageStatus.CANCELLED)
    refused = bench.one(RETRY)
    assert isinstance(refused, RuleBroken)
    assert bench.one(BEGIN) is None


@pytest.mark.parametrize("before", [[BEGIN], [BEGIN, SENT]])
def test_what_is_being_sent_or_was_cannot_be_cancelled(bench: Bench, before: list[JournalOperation]):
    row = live(bench, *before)
    result = bench.one(CANCEL)
    assert isinstance(result, RuleBroken)
    assert result.code == "wrong_state"
    assert bench.journal.reader.message(A) == row


@pytest.mark.parametrize("before", [[], [BEGIN], [BEGIN, SENT], [CANCEL]])
def test_only_what_failed_can_be_retried(bench: Bench, before: list[JournalOperation]):
    row = live(bench, *before)
    result = bench.one(RETRY)
    assert isinstance(result, RuleBroken)
    assert result.code == "wrong_state"
    assert bench.journal.reader.message(A) == row


LEVELS = st.sampled_from(list(Ack))
OUTCOMES = st.builds(
    EndAttempt,
    st.just(A),
    st.sampled_from([MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.QUEUED]),
    LEVELS,
    st.sampled_from([None, "error"]),
    st.booleans(),
)


@given(st.lists(st.one_of(LEVELS, OUTCOMES, st.just("begin"), st.just("cancel"), st.just("retry"))))
def test_nothing_ever_lowers_what_is_proved(steps: list[object]):
    row = message("a")
    order = [None, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ]
    lives = [row, *itertools.accumulate(steps, step, initial=row)]
    for before, after in itertools.pairwise(lives):
        assert after.ack >= before.ack
        assert after.may_be_on_wire >= before.may_be_on_wire
        assert after.wa_message_id == before.wa_message_id
        if before.status in order:
            assert order.index(after.status) >= order.index(before.status)
        if after.ack >= Ack.SERVER:
            assert after.status in rules.ON_THE_WIRE
            assert after.sent_at is not None


def step(row: OutgoingMessage, what: object) -> OutgoingMessage:
    try:
        match what:
            case Ack():
                return rules.acknowledge(row, what, NOON) or row
            case EndAttempt():
                return rules.end(row, what, NOON)
            case "begin":
                return rules.begin(row) or row
            case "cancel":
                return rules.cancel(row)
            case _:
                return rules.retry(row)
    except RuleBroken:
        return row
