"""What waits to be delivered elsewhere: webhooks, mails, the mirror's changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.durable import (
    AddDeliveries,
    AddMail,
    AddMirrorChanges,
    Delivery,
    EndDelivery,
    EndMail,
    EndMirrorChanges,
    Mail,
    MirrorChange,
    Prune,
    ReplayDelivery,
    ReplayMail,
    TaskState,
)
from actors.errors import RuleBroken
from actors.messages import DeleteAccount

from .conftest import NOON, OTHER, SESSION, Bench

PENDING, DONE, DEAD = TaskState


def delivery(name: str = "a", /, **changes: object) -> Delivery:
    values: dict[str, object] = {
        "id": name,
        "session_id": SESSION,
        "receiver": "https://example.org/hook",
        "event": "message:received",
        "body": f'{{"is": "{name}"}}'.encode() + b"\x00\xff",
        "chat": "49@c.us",
    }
    return Delivery(**(values | changes))  # type: ignore[arg-type]


def stored(given: Delivery) -> Delivery:
    return replace(given, next_at=given.next_at or NOON, created_at=NOON)


def pending(bench: Bench) -> list[Delivery]:
    return bench.journal.queues.pending_deliveries(delivery().receiver, limit=10_000)


def due(bench: Bench) -> list[str]:
    now = bench.calendar()
    return [one.id for one in pending(bench) if one.next_at is not None and one.next_at <= now]


def test_deliveries_are_kept_byte_for_byte_and_due_at_once_in_order(bench: Bench):
    given = delivery("b"), delivery("a", chat=None)
    assert bench.one(AddDeliveries(given)) == tuple(stored(one) for one in given)
    assert pending(bench) == [stored(one) for one in given]
    assert bench.journal.queues.delivery("b") == stored(given[0])
    assert bench.journal.queues.delivery("c") is None


def test_a_delivery_told_twice_is_kept_once(bench: Bench):
    bench.one(AddDeliveries((delivery("a"),)))
    again = delivery("a"), delivery("b"), delivery("b", event="other")
    assert bench.one(AddDeliveries(again)) == (stored(delivery("b")),)
    assert due(bench) == ["a", "b"]


def test_deliveries_of_an_unknown_session_are_refused(bench: Bench):
    result = bench.one(AddDeliveries((delivery("a"), delivery("b", session_id="user_9_wa_9"))))
    assert isinstance(result, RuleBroken)
    assert result.code == "unknown_session"
    assert due(bench) == []


def test_a_delivery_that_failed_is_due_again_at_its_time(bench: Bench):
    bench.one(AddDeliveries((delivery("a"), delivery("b"))))
    later = NOON + timedelta(seconds=30)
    after = bench.one(EndDelivery("a", PENDING, later, 503, "HTTP 503 \0"))
    failed = {
        "attempts": 1,
        "next_at": later,
        "last_status": 503,
        "last_error": "HTTP 503 \N{REPLACEMENT CHARACTER}",
    }
    assert after == replace(stored(delivery("a")), **failed)
    assert due(bench) == ["b"]
    bench.one(EndDelivery("b", DONE, status=200))
    assert [one.next_at for one in pending(bench)] == [later]
    bench.calendar.turn(30)
    assert due(bench) == ["a"]


def test_an_outcome_that_comes_late_does_not_wake_what_has_ended(bench: Bench):
    bench.one(AddDeliveries((delivery("a"),)))
    done = bench.one(EndDelivery("a", DONE, status=200))
    assert bench.one(EndDelivery("a", PENDING, NOON, 503)) == done
    assert pending(bench) == []


def test_a_dead_delivery_stays_and_can_be_replayed(bench: Bench):
    bench.one(AddDeliveries((delivery("a"), delivery("b", session_id=OTHER))))
    bench.one(EndDelivery("a", DEAD, error="gone"))
    assert [one.id for one in bench.journal.queues.deliveries(SESSION, DEAD)] == ["a"]
    assert bench.journal.queues.deliveries(OTHER, DEAD) == []
    bench.calendar.turn(60)
    again = bench.one(ReplayDelivery("a"))
    assert isinstance(again, Delivery)
    assert (again.state, again.attempts, again.next_at) == (PENDING, 0, bench.calendar())
    assert again == bench.journal.queues.delivery("a")
    refused = bench.one(ReplayDelivery("a"))
    assert isinstance(refused, RuleBroken)
    assert refused.code == "wrong_state"


def test_what_is_not_there_is_none(bench: Bench):
    assert bench.write(EndDelivery("x", DONE), ReplayDelivery("x"), EndMail("x", DONE)) == [None] * 3
    assert bench.one(AddDeliveries(())) == ()
    assert bench.write(AddMirrorChanges(()), EndMirrorChanges(())) == [(), 0]


def test_a_mail_is_kept_once_and_outlives_its_session(bench: Bench):
    given = Mail("m", "disconnected", "ann@example.org", SESSION, {"name": "Ann 👋", "list": [1, None]})
    kept = replace(given, next_at=NOON, created_at=NOON)
    assert bench.write(AddMail(given), AddMail(replace(given, kind="other"))) == [kept, kept]
    bench.one(DeleteAccount(SESSION))
    assert bench.journal.queues.due_mails(NOON) == [kept]
    later = NOON + timedelta(minutes=1)
    assert bench.one(EndMail("m", PENDING, later, "SMTP 451")) == replace(
        kept, attempts=1, next_at=later, last_error="SMTP 451"
    )
    assert bench.journal.queues.due_mails(NOON) == []
    bench.one(EndMail("m", DONE))
    assert bench.journal.queues.due_mails(later) == []


def test_mails_are_listed_by_state_and_session_newest_first_in_pages(bench: Bench):
    for name, session in (("a", SESSION), ("b", None), ("c", SESSION), ("d", OTHER)):
        bench.one(AddMail(Mail(name, "connected", "ann@example.org", session)))
    bench.write(EndMail("a", DEAD, error="no"), EndMail("c", DEAD, error="no"), EndMail("d", DONE))
    queues = bench.journal.queues
    assert [one.id for one in queues.mails()] == ["d", "c", "b", "a"]
    assert [one.id for one in queues.mails(DEAD)] == ["c", "a"]
    assert [one.id for one in queues.mails(session_id=SESSION)] == ["c", "a"]
    first, second = queues.mails(limit=2)
    assert [one.id for one in queues.mails(before=second.seq)] == ["b", "a"]
    assert (queues.mail("d"), queues.mail("x")) == (first, None)


def test_a_deleted_session_leaves_no_mail_but_what_is_on_its_way(bench: Bench):
    for name, session in (("sent", SESSION), ("dead", SESSION), ("waits", SESSION), ("others", OTHER)):
        bench.one(AddMail(Mail(name, "connected", "ann@example.org", session)))
    bench.write(EndMail("sent", DONE), EndMail("dead", DEAD), EndMail("others", DEAD))
    bench.one(DeleteAccount(SESSION))
    assert {one.id for one in bench.journal.queues.mails()} == {"waits", "others"}


def test_a_dead_mail_can_be_sent_after_all_as_if_it_were_new(bench: Bench):
    bench.one(AddMail(Mail("m", "connected", "ann@example.org")))
    bench.one(EndMail("m", DEAD, error="expired: unreachable"))
    bench.calendar.turn(2 * 86400)
    again = bench.one(ReplayMail("m"))
    assert isinstance(again, Mail)
    now = bench.calendar()
    assert (again.state, again.attempts, again.next_at, again.created_at) == (PENDING, 0, now, now)
    assert bench.journal.queues.due_mails(now) == [again]
    refused = bench.one(ReplayMail("m"))
    assert isinstance(refused, RuleBroken)
    assert refused.code == "wrong_state"
    assert bench.one(ReplayMail("x")) is None


def test_what_waits_and_what_was_given_up_is_counted(bench: Bench):
    assert bench.journal.queues.unfinished() == {
        "deliveries": {PENDING: 0, DEAD: 0},
        "mails": {PENDING: 0, DEAD: 0},
    }
    bench.one(AddDeliveries(tuple(delivery(one) for one in "abc")))
    bench.write(EndDelivery("a", DONE), EndDelivery("b", DEAD))
    bench.write(*(AddMail(Mail(one, "kind", "to")) for one in "ab"), EndMail("a", DEAD))
    assert bench.journal.queues.unfinished() == {
        "deliveries": {PENDING: 1, DEAD: 1},
        "mails": {PENDING: 1, DEAD: 1},
    }


def test_a_deleted_session_takes_its_deliveries_along(bench: Bench):
    bench.write(AddDeliveries((delivery("a"), delivery("b", session_id=OTHER))), DeleteAccount(SESSION))
    assert due(bench) == ["b"]


def change(key: str) -> MirrorChange:
    return MirrorChange("message", key, {"key": key})


def test_changes_for_the_mirror_keep_their_order_and_their_numbers(bench: Bench):
    first = bench.one(AddMirrorChanges((change("a"), change("b"))))
    second = bench.one(AddMirrorChanges((change("a"),)))
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    everything = [*first, *second]
    seqs = [one.seq for one in everything]
    assert seqs == sorted(set(seqs))
    assert bench.journal.queues.open_changes() == everything
    assert bench.journal.queues.open_changes(limit=1) == everything[:1]
    assert bench.one(EndMirrorChanges(tuple(seqs[:2]))) == 2
    assert bench.one(EndMirrorChanges(tuple(seqs[:2]))) == 0
    assert bench.journal.queues.open_changes() == everything[2:]


def test_a_number_of_a_change_is_never_used_again(bench: Bench):
    before = bench.one(AddMirrorChanges((change("a"),)))
    assert isinstance(before, tuple)
    bench.write(EndMirrorChanges((before[0].seq,)), Prune(NOON + timedelta(1)))
    after = bench.one(AddMirrorChanges((change("b"),)))
    assert isinstance(after, tuple)
    assert after[0].seq > before[0].seq


def test_only_what_is_done_and_old_is_pruned(bench: Bench):
    bench.write(
        AddDeliveries(tuple(delivery(one) for one in "abc")),
        EndDelivery("a", DONE),
        EndDelivery("b", DEAD),
        AddMail(Mail("m", "kind", "to")),
        EndMail("m", DONE),
        AddMirrorChanges((change("a"),)),
    )
    assert bench.one(Prune(NOON)) == 0
    assert bench.one(Prune(NOON + timedelta(seconds=1))) == 2
    assert [bench.journal.queues.delivery(one) is not None for one in "abc"] == [False, True, True]
    assert len(bench.journal.queues.open_changes()) == 1


@pytest.mark.parametrize("count", [1, 1500])
def test_any_number_of_deliveries_fits(bench: Bench, count: int):
    many = tuple(delivery(f"{number}") for number in range(count))
    added = bench.one(AddDeliveries(many))
    assert isinstance(added, tuple)
    assert len(added) == count
    assert len(due(bench)) == count
