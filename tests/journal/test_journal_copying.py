"""What a mirror is to be given that was set up later: everything, once, in order, on both databases."""

from datetime import timedelta

import pytest

from actors.durable import (
    COPY,
    AddMirrorChanges,
    BeginCopy,
    EndMirrorChanges,
    ForgetCopies,
    GoOnCopying,
    MirrorChange,
    Prune,
)
from actors.messages import (
    AcceptMessage,
    AccountChanges,
    DeleteAccount,
    JournalOperation,
    RecordIncoming,
    UpdateAccount,
)

from .conftest import NOON, OTHER, SESSION, Bench, incoming, message


@pytest.fixture
def lived(bench: Bench) -> list[str]:
    """Ten messages, by turns in and out; their WhatsApp ids in that order."""
    ids = []
    for number in range(10):
        bench.calendar.turn(1)
        name = f"{number}"
        operation: JournalOperation = (
            AcceptMessage(message(name), None) if number % 2 else RecordIncoming(OTHER, (incoming(name),))
        )
        bench.one(operation)
        ids.append(f"3EB0{name}" if number % 2 else name)
    return ids


def begin(bench: Bench, place: str = "here", again: bool = False) -> tuple[object, int]:
    """The accounts, and the number of the copy."""
    accounts = bench.one(BeginCopy(place, again))
    (copy,) = [one for one in bench.journal.queues.open_changes() if one.kind == COPY]
    return accounts, copy.seq


def go_on(bench: Bench, seq: int, limit: int) -> list[str]:
    names = bench.one(GoOnCopying(seq, limit))
    assert isinstance(names, tuple)
    return [one.wa_message_id for one in names]


@pytest.mark.parametrize("limit", [1, 3, 4, 10, 100])
def test_all_messages_are_named_once_in_the_order_of_the_journal(bench: Bench, lived: list[str], limit: int):
    _, seq = begin(bench)
    found: list[str] = []
    while chunk := go_on(bench, seq, limit):
        assert len(chunk) <= limit
        found += chunk
    assert found == lived
    assert bench.journal.queues.open_changes() == []
    assert go_on(bench, seq, limit) == []


def test_a_clock_that_was_set_back_costs_no_message(bench: Bench):
    for number, seconds in enumerate((10, -5, -3, 9)):
        bench.calendar.turn(seconds)
        bench.one(RecordIncoming(SESSION, (incoming(f"in{number}"),)))
        bench.one(AcceptMessage(message(f"{number}"), None))
    _, seq = begin(bench)
    found: list[str] = []
    while chunk := go_on(bench, seq, 3):
        found += chunk
    assert sorted(found) == sorted([f"in{n}" for n in range(4)] + [f"3EB0{n}" for n in range(4)])


def test_each_name_says_whose_message_it_is_and_which_way_it_went(bench: Bench, lived: list[str]):
    _, seq = begin(bench)
    names = bench.one(GoOnCopying(seq, 2))
    assert isinstance(names, tuple)
    assert [(one.session_id, one.direction) for one in names] == [(OTHER, "in"), (SESSION, "out")]


def test_what_comes_later_is_not_named_for_it_is_noted_by_itself(bench: Bench, lived: list[str]):
    _, seq = begin(bench)
    bench.one(RecordIncoming(SESSION, (incoming("later"),)))
    assert "later" not in go_on(bench, seq, 100)


def test_only_accounts_that_were_ready_once_are_taken(bench: Bench):
    assert begin(bench)[0] == ()
    bench.one(UpdateAccount(SESSION, AccountChanges(connected_at=NOON)))
    accounts, _ = begin(bench, again=True)
    assert isinstance(accounts, tuple)
    assert [one.session_id for one in accounts] == [SESSION]


def test_it_is_begun_once_for_each_place_and_anew_for_another(bench: Bench, lived: list[str]):
    _, seq = begin(bench)
    go_on(bench, seq, 4)
    assert bench.one(BeginCopy("here")) is None, "it is under way"
    assert go_on(bench, seq, 100) == lived[4:]
    assert go_on(bench, seq, 100) == []
    assert bench.one(BeginCopy("here")) is None, "it is complete"
    _, other = begin(bench, "there")
    assert go_on(bench, seq, 100) == [], "the first is over"
    assert go_on(bench, other, 100) == lived
    _, again = begin(bench, "there", again=True)
    assert go_on(bench, again, 100) == lived


def test_that_it_is_complete_is_remembered_until_nothing_is_mirrored_any_more(bench: Bench, lived: list[str]):
    assert not bench.journal.queues.copied()
    _, seq = begin(bench)
    while go_on(bench, seq, 100):
        pass
    change = MirrorChange("message", "a", {})
    added = bench.one(AddMirrorChanges((change,)))
    assert isinstance(added, tuple)
    bench.one(EndMirrorChanges((added[0].seq,)))
    bench.one(Prune(NOON + timedelta(days=999)))
    assert bench.journal.queues.copied()
    assert bench.journal.queues.count_changes() == (0, 0)
    assert bench.one(ForgetCopies()) == 1
    assert not bench.journal.queues.copied()


def test_a_session_that_is_deleted_meanwhile_is_not_copied(bench: Bench, lived: list[str]):
    _, seq = begin(bench)
    bench.one(DeleteAccount(OTHER))
    assert go_on(bench, seq, 100) == lived[1::2]
