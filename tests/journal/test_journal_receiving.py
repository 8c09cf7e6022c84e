"""Incoming messages: each once, in order, and none lost for what is in it."""

import pytest
import sqlalchemy as sa

from actors.errors import RuleBroken
from actors.messages import AccountChanges, DeleteAccount, RecordIncoming, SaveAccount, UpdateAccount
from actors.model import CaughtUp, IncomingMessage
from actors.page import Arrival, NoticeArrived, Noticed
from wahook.journal.stored import Received

from .conftest import NOON, OTHER, SESSION, Bench, account, incoming


def record(bench: Bench, *arrivals: Arrival, session: str = SESSION) -> object:
    return bench.one(RecordIncoming(session, arrivals))


def notice(what: Noticed, wa_id: str = "a", body: str = "", *, found: bool = False) -> NoticeArrived:
    return NoticeArrived(what, wa_id, "4917@c.us", "4917", 5, body=body, peer="4917", found=found)


def kept(bench: Bench, wa_id: str = "a") -> IncomingMessage:
    found = bench.journal.reader.received(SESSION, wa_id)
    assert found is not None
    return found.message


def test_new_messages_come_back_in_the_order_given(bench: Bench):
    given = incoming("b", timestamp=2), incoming("a", timestamp=1), incoming("c", timestamp=3)
    assert record(bench, *given) == given


def test_every_field_of_a_message_survives(bench: Bench):
    full = IncomingMessage("id", "chat@g.us", "4917", "text 👋\n'\"", "image", 1, True, True, True, "Ann")
    record(bench, full)
    assert bench.journal.reader.received(SESSION, "id") == Received(full, SESSION, NOON)


def test_what_is_known_is_not_new_again(bench: Bench):
    record(bench, incoming("a"), incoming("b"))
    assert record(bench, incoming("b", body="changed"), incoming("c"), incoming("a")) == (incoming("c"),)
    assert kept(bench, "b").body == "body b"


def test_what_comes_twice_in_one_batch_is_new_once(bench: Bench):
    twice = incoming("a"), incoming("b"), incoming("a", body="again")
    assert bench.write(RecordIncoming(SESSION, twice), RecordIncoming(SESSION, twice)) == [twice[:2], ()]


def test_nothing_new_is_an_empty_tuple(bench: Bench):
    assert record(bench) == ()


def test_each_session_has_its_own_ids(bench: Bench):
    record(bench, incoming("a"))
    assert record(bench, incoming("a"), session=OTHER) == (incoming("a"),)


def test_a_thousand_at_once_are_deduplicated(bench: Bench):
    many = tuple(incoming(f"id{number}") for number in range(1200))
    record(bench, *many[::2])
    assert record(bench, *many) == many[1::2]


def test_an_unknown_session_is_refused(bench: Bench):
    results = bench.write(
        RecordIncoming("user_9_wa_9", (incoming("a"),)),
        DeleteAccount(OTHER),
        RecordIncoming(OTHER, (incoming("a"),)),
        RecordIncoming(SESSION, (incoming("a"),)),
    )
    codes = [one.code if isinstance(one, RuleBroken) else one for one in results]
    assert codes == ["unknown_session", True, "unknown_session", (incoming("a"),)]


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({"body": "a\0b"}, {"body": "a\N{REPLACEMENT CHARACTER}b"}),
        ({"body": "👋\ud83d!"}, {"body": "👋\N{REPLACEMENT CHARACTER}!"}),
        ({"sender_name": "\0"}, {"sender_name": "\N{REPLACEMENT CHARACTER}"}),
        ({"timestamp": 2**70}, {"timestamp": 2**53}),
        ({"timestamp": -5}, {"timestamp": 0}),
    ],
)
def test_what_cannot_be_stored_is_replaced_and_the_message_kept(
    bench: Bench, changes: dict[str, object], stored: dict[str, object]
):
    expected = incoming("a", **stored)
    assert record(bench, incoming("a", **changes)) == (expected,)
    assert kept(bench) == expected


def test_the_newest_stamp_is_known_for_each_session(bench: Bench):
    record(bench, incoming("a", timestamp=50), incoming("b", timestamp=70), incoming("c", timestamp=60))
    reader = bench.journal.reader
    assert reader.caught_up(SESSION) == CaughtUp(70)
    assert reader.caught_up(OTHER) == reader.caught_up("user_9_wa_9") == CaughtUp()


# -- what may be missing ------------------------------------------------------------------------------------


def ahead(bench: Bench, since: int | None, *arrivals: Arrival) -> object:
    return bench.one(RecordIncoming(SESSION, arrivals, since))


def test_what_goes_ahead_is_noted_with_the_time_since_when_others_may_be_missing(bench: Bench):
    bench.one(UpdateAccount(SESSION, AccountChanges(phone_number="49")))
    record(bench, incoming("a", timestamp=50))
    assert ahead(bench, 50, incoming("c", timestamp=90)) == (incoming("c", timestamp=90),)
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(90, 50, "49")
    assert bench.journal.reader.caught_up(OTHER) == CaughtUp()


def test_the_earliest_time_stays_until_a_history_clears_it(bench: Bench):
    for since in (50, 70, 40, 60):
        ahead(bench, since, incoming(f"at {since}", timestamp=90))
    record(bench, incoming("b", timestamp=95))
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(95, 40)
    assert ahead(bench, None) == ()
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(95)
    ahead(bench, 0)
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(95, 0), "0 is a time too"


def test_what_may_be_missing_is_noted_with_the_messages_or_not_at_all(bench: Bench):
    ahead(bench, 50, incoming("a", timestamp=60))
    refused = ahead(bench, None, incoming("b", body=None))
    assert isinstance(refused, RuleBroken)
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(60, 50)


@pytest.mark.parametrize(("told", "stored"), [(2**70, 2**53), (-5, 0)])
def test_a_time_that_cannot_be_stored_is_noted_as_the_nearest_that_can(bench: Bench, told: int, stored: int):
    ahead(bench, told, incoming("a", timestamp=7))
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(7, stored)


def test_nobody_writes_an_account_for_messages_of_which_nothing_is_missed(bench: Bench):
    updates: list[str] = []

    def executed(*call: object) -> None:
        if str(call[2]).startswith("UPDATE"):
            updates.append(str(call[2]))

    engine = bench.journal.engines.write
    sa.event.listen(engine, "before_cursor_execute", executed)
    try:
        record(bench, incoming("a"), notice(Noticed.REACTION))
        assert updates == []
        ahead(bench, None)
        assert len(updates) == 1, "else this would prove nothing"
    finally:
        sa.event.remove(engine, "before_cursor_execute", executed)


def test_another_phone_has_missed_nothing_and_a_session_made_anew_neither(bench: Bench):
    ahead(bench, 50)
    bench.one(UpdateAccount(SESSION, AccountChanges(phone_number="49")))
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(0, 50, "49")
    bench.one(UpdateAccount(SESSION, AccountChanges(phone_number="50", missed_since=None)))
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp(0, None, "50")
    ahead(bench, 50)
    bench.write(DeleteAccount(SESSION), SaveAccount(account()))
    assert bench.journal.reader.caught_up(SESSION) == CaughtUp()


def test_an_unknown_message_is_none(bench: Bench):
    assert bench.journal.reader.received(SESSION, "a") is None


# -- what is done to them ------------------------------------------------------------------------------------


def test_an_edited_message_reads_as_it_is_now_and_is_new_once(bench: Bench):
    edit = notice(Noticed.EDITED, body="better")
    assert record(bench, incoming("a"), edit, edit) == (incoming("a"), edit)
    assert record(bench, notice(Noticed.EDITED, body="better", found=True)) == ()
    assert kept(bench) == incoming("a", body="better")


def test_a_message_deleted_for_everyone_has_nothing_left_and_nothing_brings_it_back(bench: Bench):
    revoke, late = notice(Noticed.REVOKED, found=True), notice(Noticed.EDITED, body="back")
    record(bench, incoming("a", has_media=True))
    assert record(bench, revoke, notice(Noticed.REVOKED), late, incoming("a")) == (revoke,)
    assert kept(bench) == incoming("a", type="revoked", body="", has_media=False)


def test_what_leaves_no_row_is_always_new(bench: Bench):
    acts = tuple(notice(what) for what in (Noticed.REACTION, Noticed.VOTE, Noticed.CALL))
    record(bench, incoming("a"))
    assert record(bench, *acts) == acts
    assert kept(bench) == incoming("a")


def test_a_change_of_an_unknown_message_is_new_only_if_somebody_saw_it(bench: Bench):
    seen, found = (notice(Noticed.EDITED, body="x", found=found) for found in (False, True))
    assert record(bench, seen, found) == (seen,)


def test_each_session_changes_its_own_row_only(bench: Bench):
    record(bench, incoming("a"), session=OTHER)
    record(bench, incoming("a"))
    record(bench, notice(Noticed.EDITED, body="theirs"), session=OTHER)
    assert kept(bench) == incoming("a")


def test_a_change_that_cannot_be_stored_is_stored_with_replacements(bench: Bench):
    record(bench, incoming("a"), notice(Noticed.EDITED, body="a\0b"))
    assert kept(bench).body == "a\N{REPLACEMENT CHARACTER}b"


def test_a_notice_for_an_unknown_session_is_refused(bench: Bench):
    refused = record(bench, notice(Noticed.REACTION), session="user_9_wa_9")
    assert isinstance(refused, RuleBroken)
    assert refused.code == "unknown_session"
