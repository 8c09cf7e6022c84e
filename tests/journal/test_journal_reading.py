"""Pages, cursors, what is undone, counts."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import RuleBroken
from actors.messages import (
    AcceptMessage,
    BeginAttempt,
    CancelMessage,
    EndAttempt,
    RecordIncoming,
)
from actors.model import Direction, MessageStatus, OutgoingMessage, Priority
from wahook.journal import JournalReader, cursors, open_journal
from wahook.journal.schema import NEEDS_WORK
from wahook.journal.stored import MessagePage, Received

from .conftest import NOON, OTHER, SESSION, Bench, incoming, message


def name(one: OutgoingMessage | Received) -> str:
    return one.message_id if isinstance(one, OutgoingMessage) else one.message.wa_message_id


def names(page: MessagePage) -> list[str]:
    return [name(one) for one in page.messages]


def walk(reader: JournalReader, limit: int, direction: Direction | None = None) -> list[str]:
    """Follow the cursors to the end."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(1000):
        page = reader.page(SESSION, direction, limit, cursor)
        found += names(page)
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


def converse(bench: Bench, pattern: str) -> list[str]:
    """Write what a pattern says: o sends, i receives, a dot lets time pass. The names, newest first."""
    written = []
    for number, what in enumerate(pattern):
        if what == "o":
            bench.one(AcceptMessage(message(f"{number}"), None))
            written.append(f"msg_{number}")
        elif what == "i":
            bench.one(RecordIncoming(SESSION, (incoming(f"in{number}"),)))
            written.append(f"in{number}")
        else:
            bench.calendar.turn(1)
    return written[::-1]


def test_a_page_merges_both_directions_newest_first(bench: Bench):
    expected = converse(bench, "o.i.o.o.i.i.o")
    assert names(bench.journal.reader.page(SESSION)) == expected
    assert bench.journal.reader.page(SESSION).next is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_following_the_cursor_shows_every_message_once(bench: Bench, limit: int):
    everything = converse(bench, "oo.i.oio.ii.ooooo.i.iiii.o" * 2)
    assert sorted(walk(bench.journal.reader, limit)) == sorted(everything)
    assert walk(bench.journal.reader, limit) == names(bench.journal.reader.page(SESSION, limit=1000))


@pytest.mark.parametrize("direction", Direction)
def test_one_direction_alone(bench: Bench, direction: Direction):
    everything = converse(bench, "o.i.o.o.i.i.o")
    wanted = [one for one in everything if one.startswith("msg_") is (direction is Direction.OUT)]
    assert walk(bench.journal.reader, 2, direction) == wanted


def test_a_cursor_stays_true_while_new_messages_come(bench: Bench):
    everything = converse(bench, "o.i.o.i.o.i")
    first = bench.journal.reader.page(SESSION, limit=2)
    bench.calendar.turn(1)
    bench.write(AcceptMessage(message("new"), None), RecordIncoming(SESSION, (incoming("new"),)))
    bench.one(CancelMessage("msg_0"))
    second = bench.journal.reader.page(SESSION, limit=2, cursor=first.next)
    assert names(first) + names(second) == everything[:4]


def test_a_full_last_page_has_no_next(bench: Bench):
    converse(bench, "o.i.o")
    assert bench.journal.reader.page(SESSION, limit=3).next is None
    assert bench.journal.reader.page(SESSION, limit=2).next is not None


def test_a_session_sees_only_its_own(bench: Bench):
    converse(bench, "o.i")
    assert bench.journal.reader.page(OTHER).messages == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_refused(bench: Bench, limit: int):
    with pytest.raises(RuleBroken) as refused:
        bench.journal.reader.page(SESSION, limit=limit)
    assert refused.value.code == "bad_limit"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "====",
        "💥" * 10,
        encoded(""),
        encoded("1.2.3"),
        encoded("2.0.in.1"),
        encoded("1.0.up.1"),
        encoded("1.x.in.1"),
        encoded("1.0.in.-"),
        encoded("1.01.in.1"),
        encoded("1.0.in. 1"),
        encoded("1." + "9" * 30 + ".in.1"),
        encoded("1." + "9" * 5000 + ".in.1"),
        encoded("1.0.in." + "9" * 30),
        encoded("1.0.in.1") + "=",
        encoded("1.0.in.1") + "\n",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(bench: Bench, cursor: str):
    with pytest.raises(RuleBroken) as refused:
        bench.journal.reader.page(SESSION, cursor=cursor)
    assert refused.value.code == "bad_cursor"


@given(st.text())
def test_no_text_makes_a_cursor_crash(text: str):
    with suppress(RuleBroken):
        assert cursors.decode(text).encode() == text


@given(st.datetimes(timezones=st.just(NOON.tzinfo)), st.sampled_from(Direction), st.integers(0, 2**62))
def test_a_place_survives_its_cursor(at: object, direction: Direction, seq: int):
    place = cursors.Place(at, direction, seq)  # type: ignore[arg-type]
    assert cursors.decode(place.encode()) == place


def test_a_message_is_found_by_either_id(bench: Bench):
    converse(bench, "o")
    reader = bench.journal.reader
    assert reader.message("msg_0") == reader.message_by_wa(SESSION, "3EB00")
    assert reader.message("msg_1") is None
    assert reader.message_by_wa(OTHER, "3EB00") is None


def test_what_is_undone_comes_in_the_order_of_acceptance(bench: Bench):
    bench.write(
        *(AcceptMessage(message(one), None) for one in "abcdefg"),
        AcceptMessage(message("h", session_id=OTHER), None),
    )
    bench.calendar.turn(-3600)  # a clock that was put back does not change the order
    bench.write(
        AcceptMessage(message("i"), None),
        AcceptMessage(message("j", send_at=NOON), None),
        CancelMessage("msg_b"),
        BeginAttempt("msg_c"),
        BeginAttempt("msg_d"),
        EndAttempt("msg_d", MessageStatus.SENT),
        BeginAttempt("msg_e"),
        EndAttempt("msg_e", MessageStatus.FAILED),
        BeginAttempt("msg_f"),
        EndAttempt("msg_f", MessageStatus.QUEUED),
    )
    reader = bench.journal.reader
    assert [one.message_id[-1] for one in reader.undone(SESSION)] == list("acfgij")
    assert [one.message_id[-1] for one in reader.undone()] == list("acfghij")


def test_what_goes_before_a_message_is_what_is_queued_by_priority_and_then_by_acceptance(bench: Bench):
    kinds = {
        "a": Priority.LOW,
        "b": Priority.DEFAULT,
        "c": Priority.HIGH,
        "d": Priority.LOW,
        "e": Priority.HIGH,
    }
    rows = {one: message(one, priority=priority) for one, priority in kinds.items()}
    bench.write(*(AcceptMessage(row, None) for row in rows.values()))
    bench.write(AcceptMessage(message("x", session_id=OTHER), None))
    reader = bench.journal.reader
    assert {one: reader.ahead(row) for one, row in rows.items()} == {"c": 0, "e": 1, "b": 2, "a": 3, "d": 4}
    bench.write(BeginAttempt("msg_c"), CancelMessage("msg_b"))
    assert reader.ahead(rows["d"]) == 2
    assert reader.ahead(rows["d"], {"msg_a", "msg_x"}) == 1


def test_counts_are_of_what_needs_work_or_eyes(bench: Bench):
    bench.write(
        *(AcceptMessage(message(one), None) for one in "abcde"),
        AcceptMessage(message("h", session_id=OTHER), None),
        CancelMessage("msg_a"),
        BeginAttempt("msg_b"),
        BeginAttempt("msg_c"),
        EndAttempt("msg_c", MessageStatus.FAILED),
    )
    assert bench.journal.reader.counts() == {
        SESSION: {MessageStatus.QUEUED: 2, MessageStatus.SENDING: 1, MessageStatus.FAILED: 1},
        OTHER: {MessageStatus.QUEUED: 1},
    }


def test_the_reader_cannot_write(bench: Bench):
    with (
        bench.journal.reader._engine.connect() as connection,
        pytest.raises(Exception, match=r"(?i)read-?only"),
    ):
        connection.exec_driver_sql("DELETE FROM accounts")


def test_many_threads_read_whole_snapshots_while_one_writes(bench: Bench):
    """Both rows of a pair are written in one batch: whoever reads sees both or neither, and never fewer."""
    written = threading.Event()

    def read() -> int:
        seen = 0
        while True:
            last = written.is_set()
            page = bench.journal.reader.page(SESSION, limit=1000)
            found = names(page)
            assert len(found) % 2 == 0
            assert len(found) >= seen
            assert len(set(found)) == len(found)
            seen = len(found)
            if last:
                return seen

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(6)]
        for number in range(100):
            bench.calendar.turn(0.001)
            pair = (incoming(f"in{number}"),)
            bench.write(AcceptMessage(message(f"{number}"), 300), RecordIncoming(SESSION, pair))
        written.set()
        assert [reader.result(60) for reader in readers] == [200] * 6


NEWEST = "SELECT * FROM {} WHERE session_id = 'a' ORDER BY {} DESC, seq DESC LIMIT 9"
COUNT = "SELECT count(*) FROM messages_out WHERE {} GROUP BY session_id, status"
TWIN = (
    "SELECT * FROM messages_out WHERE session_id = 'a' AND content_hash = 'b' AND recipient = 'c' AND "
    "created_at > 'd' AND status NOT IN ('failed', 'cancelled') ORDER BY created_at DESC, seq DESC LIMIT 1"
)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (NEWEST.format("messages_out", "created_at"), "ix_messages_out_page"),
        (NEWEST.format("messages_in", "received_at"), "ix_messages_in_page"),
        (TWIN, "ix_messages_out_content"),
        (COUNT.format(NEEDS_WORK), "ix_messages_out_work"),
    ],
)
def test_a_long_history_is_never_sorted_or_scanned(sqlite_url: str, query: str, index: str):
    with open_journal(sqlite_url) as journal, journal.engines.read.connect() as connection:
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_the_last_activity_is_the_newest_message_of_either_direction(bench: Bench):
    reader = bench.journal.reader
    assert reader.last_activity(SESSION) is None
    bench.write(AcceptMessage(message("a"), None))
    assert reader.last_activity(SESSION) == NOON
    bench.calendar.turn(60)
    bench.write(RecordIncoming(SESSION, (incoming("in1"),)))
    received = bench.calendar()
    bench.calendar.turn(60)
    assert reader.last_activity(SESSION) == received
    bench.write(AcceptMessage(message("b"), None))
    assert reader.last_activity(SESSION) == bench.calendar()
    assert reader.last_activity(OTHER) is None
