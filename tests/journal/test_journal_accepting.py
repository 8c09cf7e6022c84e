"""Accepting: unknown sessions, idempotency keys, the duplicate guard, ids."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.errors import RuleBroken
from actors.messages import (
    Accepted,
    AcceptMessage,
    AlreadyAccepted,
    BeginAttempt,
    CancelMessage,
    DeleteAccount,
    Duplicate,
    EndAttempt,
)
from actors.model import Ack, MessageStatus, OutgoingMessage, Priority

from .conftest import NOON, OTHER, SESSION, Bench, message

DAY = 24 * 3600


def accept(bench: Bench, wanted: OutgoingMessage, window: float | None = 300) -> object:
    return bench.one(AcceptMessage(wanted, window))


def code(result: object) -> str:
    assert isinstance(result, RuleBroken), result
    return result.code


def test_an_accepted_message_is_stored_as_it_was_given_with_a_fresh_life(bench: Bench):
    wanted = message(
        "a",
        body="Grüße 👋 ' \" % \n",
        priority=Priority.HIGH,
        idempotency_key="k",
        status=MessageStatus.SENT,
        attempts=7,
        ack=Ack.READ,
        error="old",
        may_be_on_wire=True,
    )
    result = accept(bench, wanted)
    expected = replace(
        wanted,
        status=MessageStatus.QUEUED,
        attempts=0,
        ack=Ack.PENDING,
        error=None,
        created_at=NOON,
        may_be_on_wire=False,
    )
    assert result == Accepted(expected)
    assert bench.journal.reader.message("msg_a") == expected


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(None, "queued"), (-1, "queued"), (0, "queued"), (1, "scheduled")],
)
def test_only_a_time_in_the_future_schedules(bench: Bench, seconds: int | None, status: str):
    send_at = None if seconds is None else NOON + timedelta(seconds=seconds)
    result = accept(bench, message(send_at=send_at))
    assert isinstance(result, Accepted)
    assert (result.message.status, result.message.send_at) == (status, send_at)


def test_an_unknown_session_is_refused(bench: Bench):
    assert code(accept(bench, message(session_id="user_9_wa_9"))) == "unknown_session"
    assert bench.journal.reader.message("msg_a") is None


def test_a_session_deleted_in_the_same_batch_is_unknown(bench: Bench):
    results = bench.write(DeleteAccount(SESSION), AcceptMessage(message(), None))
    assert results[0] is True
    assert code(results[1]) == "unknown_session"


def test_a_key_with_the_same_content_answers_as_the_first_time(bench: Bench):
    accept(bench, message("a", idempotency_key="k"))
    result = accept(bench, message("b", idempotency_key="k", content_hash="hash a"), window=None)
    assert isinstance(result, AlreadyAccepted)
    assert result.message.message_id == "msg_a"
    assert bench.journal.reader.message("msg_b") is None


def test_a_key_answers_with_how_the_message_stands_now(bench: Bench):
    accept(bench, message("a", idempotency_key="k"))
    bench.one(CancelMessage("msg_a"))
    result = accept(bench, message("b", idempotency_key="k", content_hash="hash a"))
    assert isinstance(result, AlreadyAccepted)
    assert result.message.status is MessageStatus.CANCELLED


@pytest.mark.parametrize("changes", [{"content_hash": "hash b"}, {"content_hash": "hash a", "to": "49"}])
def test_a_key_with_other_content_or_another_recipient_is_refused(bench: Bench, changes: dict[str, str]):
    accept(bench, message("a", idempotency_key="k"))
    assert code(accept(bench, message("b", idempotency_key="k", **changes))) == "key_reused"


def test_a_key_belongs_to_one_session(bench: Bench):
    accept(bench, message("a", idempotency_key="k"))
    other = message("b", idempotency_key="k", session_id=OTHER)
    assert isinstance(accept(bench, other), Accepted)


def test_a_key_is_valid_for_a_day_and_then_free(bench: Bench):
    accept(bench, message("a", idempotency_key="k"))
    bench.calendar.turn(DAY - 0.001)
    assert code(accept(bench, message("b", idempotency_key="k"))) == "key_reused"
    bench.calendar.turn(0.001)
    assert isinstance(accept(bench, message("b", idempotency_key="k")), Accepted)
    assert code(accept(bench, message("c", idempotency_key="k"))) == "key_reused"
    first = bench.journal.reader.message("msg_a")
    assert first is not None
    assert first.idempotency_key is None


def test_an_expired_key_stays_where_it_was_until_another_message_takes_it(bench: Bench):
    accept(bench, message("a", idempotency_key="k"))
    bench.calendar.turn(DAY)
    accept(bench, message("b"))
    assert isinstance(accept(bench, message("c", idempotency_key="k", content_hash="hash b")), Duplicate)
    first = bench.journal.reader.message("msg_a")
    assert first is not None
    assert first.idempotency_key == "k"


def test_the_same_content_to_the_same_recipient_within_the_window_is_a_duplicate(bench: Bench):
    accept(bench, message("a"))
    bench.calendar.turn(299)
    result = accept(bench, message("b", content_hash="hash a"))
    assert isinstance(result, Duplicate)
    assert result.earlier.message_id == "msg_a"
    assert bench.journal.reader.message("msg_b") is None


def test_a_duplicate_within_one_batch_is_found(bench: Bench):
    first, second = bench.write(
        AcceptMessage(message("a"), 300), AcceptMessage(message("b", content_hash="hash a"), 300)
    )
    assert isinstance(first, Accepted)
    assert isinstance(second, Duplicate)


def test_after_the_window_the_same_content_may_go_again(bench: Bench):
    accept(bench, message("a"))
    bench.calendar.turn(300)
    assert isinstance(accept(bench, message("b", content_hash="hash a")), Accepted)


def test_the_latest_of_several_twins_is_named(bench: Bench):
    accept(bench, message("a"))
    accept(bench, message("b", content_hash="hash a"), window=None)
    result = accept(bench, message("c", content_hash="hash a"))
    assert isinstance(result, Duplicate)
    assert result.earlier.message_id == "msg_b"


@pytest.mark.parametrize("window", [None, 0])
def test_without_a_window_duplicates_are_allowed(bench: Bench, window: float | None):
    accept(bench, message("a"))
    assert isinstance(accept(bench, message("b", content_hash="hash a"), window), Accepted)


@pytest.mark.parametrize("changes", [{"to": "49"}, {"session_id": OTHER}, {"content_hash": "other"}])
def test_another_recipient_session_or_content_is_no_duplicate(bench: Bench, changes: dict[str, str]):
    accept(bench, message("a"))
    assert isinstance(accept(bench, message("b", **({"content_hash": "hash a"} | changes))), Accepted)


def test_what_failed_or_was_cancelled_may_be_sent_anew(bench: Bench):
    accept(bench, message("a"))
    bench.write(BeginAttempt("msg_a"), EndAttempt("msg_a", MessageStatus.FAILED, error="no"))
    assert isinstance(accept(bench, message("b", content_hash="hash a")), Accepted)
    bench.one(CancelMessage("msg_b"))
    assert isinstance(accept(bench, message("c", content_hash="hash a")), Accepted)


@pytest.mark.parametrize("window", [None, 300])
def test_the_same_message_told_twice_is_accepted_once(bench: Bench, window: float | None):
    first = accept(bench, message("a"), window)
    assert isinstance(first, Accepted)
    assert accept(bench, message("a"), window) == AlreadyAccepted(first.message)


@pytest.mark.parametrize(
    "taken",
    [
        message("b", message_id="msg_a"),
        message("b", wa_message_id="3EB0a"),
        message("b", message_id="msg_a", session_id=OTHER),
    ],
)
def test_an_id_that_belongs_to_another_message_is_refused(bench: Bench, taken: OutgoingMessage):
    accept(bench, message("a"))
    assert code(accept(bench, taken)) == "id_taken"


def test_two_sessions_may_have_the_same_whatsapp_id(bench: Bench):
    accept(bench, message("a"))
    assert isinstance(accept(bench, message("b", wa_message_id="3EB0a", session_id=OTHER)), Accepted)


@pytest.mark.parametrize("text", ["a\0b", "half a pair: \ud83d"])
@pytest.mark.parametrize("field", ["body", "to", "idempotency_key"])
def test_text_that_cannot_be_stored_is_refused_not_altered(bench: Bench, field: str, text: str):
    assert code(accept(bench, message("a", **{field: text}))) == "bad_text"


def test_a_broken_rule_harms_no_other_operation_of_its_batch(bench: Bench):
    results = bench.write(
        AcceptMessage(message("a", idempotency_key="k"), 300),
        AcceptMessage(message("b", idempotency_key="k"), 300),
        AcceptMessage(message("c", session_id="user_9_wa_9"), 300),
        AcceptMessage(message("d", message_id="msg_a"), 300),
        AcceptMessage(message("e"), 300),
    )
    codes = [result.code if isinstance(result, RuleBroken) else type(result).__name__ for result in results]
    assert codes == ["Accepted", "key_reused", "unknown_session", "id_taken", "Accepted"]
    assert [one.message_id for one in bench.journal.reader.undone()] == ["msg_a", "msg_e"]


def test_a_time_without_a_zone_is_refused(bench: Bench):
    naive = NOON.replace(tzinfo=None)
    assert code(accept(bench, message("a", send_at=naive))) == "bad_value"
