"""What is mirrored when, in which order, and what answers mean: pure rules."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actors.durable import COPY, BeginCopy, GoOnCopying, MessageName, MirrorChange
from actors.errors import Fault
from actors.messages import (
    Accepted,
    AcceptMessage,
    AccountChanges,
    AlreadyAccepted,
    BeginAttempt,
    CancelMessage,
    DeleteAccount,
    Duplicate,
    EndAttempt,
    RecordAck,
    RecordIncoming,
    SaveAccount,
    UpdateAccount,
)
from actors.mirror import Pace, pause_after
from actors.model import Account, Ack, MessageStatus, SessionConfig
from actors.page import NoticeArrived, Noticed
from wahook.journal.stored import Received
from wahook.supabase import faults
from wahook.supabase.changes import ACCOUNT, DELETED, MESSAGE, Mirrored
from wahook.supabase.faults import MirrorAway, RowsRefused, Verdict, judge
from wahook.supabase.parcels import MOST_CHARACTERS, MOST_ROWS, Parcel, parcels
from wahook.supabase.plan import AccountWrite, plan
from wahook.supabase.project import Project
from wahook.supabase.records import Table, account_record, incoming_record, outgoing_record, stranger

from .house import SESSION, incoming, outgoing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEW = Account(SESSION, "1", "2")
KNOWN = Account(SESSION, "1", "2", connected_at=NOON, last_seen=NOON, phone_number="491510000001")


def noted(account: Account, changes: AccountChanges, **more: bool) -> dict | None:
    """What an update of a session's row has the mirror take over."""
    found = Mirrored(lambda: None).of(UpdateAccount(SESSION, changes, **more), account)
    assert all((one.kind, one.key) == (ACCOUNT, SESSION) for one in found)
    return dict(found[0].payload) if found else None


@pytest.mark.parametrize(
    "changes",
    [
        AccountChanges(desired=True),
        AccountChanges(idle_since=NOON),
        AccountChanges(last_check=NOON),
        AccountChanges(last_error="renderer_crashed"),
        AccountChanges(last_error=None),
    ],
    ids=["started", "idle", "not-connected", "a-loss-that-heals", "error-cleared"],
)
@pytest.mark.parametrize("account", [NEW, KNOWN], ids=["new", "known"])
def test_what_the_original_did_not_write_is_not_written(account, changes):
    assert noted(account, changes) is None


def test_a_session_that_was_never_ready_is_not_written_for_its_settings_or_its_stop():
    assert noted(NEW, AccountChanges(desired=False)) is None
    assert noted(NEW, AccountChanges(config=SessionConfig(ai_enabled=True))) is None


def test_ready_writes_what_the_original_wrote_and_clears_the_error():
    changes = AccountChanges(
        phone_number="4", profile_name="A", connected_at=NOON, last_seen=NOON, last_error=None
    )
    assert noted(KNOWN, changes) == {
        "columns": ["phone_number", "profile_name", "connected_at", "last_seen", "ai_enabled"],
        "status": "ready",
        "error_message": None,
    }


def test_a_heartbeat_writes_its_two_times_and_that_all_is_well():
    assert noted(KNOWN, AccountChanges(last_seen=NOON, last_check=NOON)) == {
        "columns": ["last_seen", "last_check"],
        "status": "ready",
    }


@pytest.mark.parametrize("meanwhile", [{"last_error": "LOGOUT"}, {"desired": False}], ids=["lost", "stopped"])
def test_a_heartbeat_that_comes_too_late_does_not_say_that_all_is_well(meanwhile):
    account = replace(KNOWN, **meanwhile)
    assert noted(account, AccountChanges(last_seen=NOON, last_check=NOON)) is None


def test_what_was_there_before_the_mirror_is_noted_without_a_status_that_nobody_knows():
    stopped = replace(KNOWN, session_id="user_1_wa_3", desired=False, last_error="LOGOUT")
    up, down = Mirrored(lambda: None).of(BeginCopy("x"), (KNOWN, stopped))
    columns = ["phone_number", "profile_name", "connected_at", "last_seen", "last_check", "ai_enabled"]
    assert up == MirrorChange(ACCOUNT, SESSION, {"columns": columns})
    fixed = {"status": "error", "error_message": "LOGOUT"}
    assert down == MirrorChange(ACCOUNT, "user_1_wa_3", {"columns": columns, **fixed})
    assert not Mirrored(lambda: None).of(BeginCopy("x"), None), "it was begun before"


def test_messages_that_are_copied_are_those_that_are_wanted():
    names = MessageName(SESSION, "in", "a"), MessageName(SESSION, "out", "3EB0b")
    all_of_them = Mirrored(lambda: None).of(GoOnCopying(1, 10), names)
    assert [(one.key, one.payload["direction"]) for one in all_of_them] == [("a", "in"), ("3EB0b", "out")]
    received = Mirrored(lambda: None, outgoing=False).of(GoOnCopying(1, 10), names)
    assert [one.key for one in received] == ["a"]


def test_a_loss_that_lasts_is_written_with_its_reason():
    lost = Account(SESSION, "1", "2", last_error="LOGOUT")
    assert noted(lost, AccountChanges(last_error="LOGOUT"), for_good=True) == {
        "columns": [],
        "status": "error",
        "error_message": "LOGOUT",
    }


def test_a_stop_says_so_and_keeps_the_error_it_found():
    assert noted(KNOWN, AccountChanges(desired=False)) == {
        "columns": [],
        "status": "initializing",
        "error_message": None,
    }
    lost = Account(SESSION, "1", "2", connected_at=NOON, last_error="LOGOUT")
    assert noted(lost, AccountChanges(desired=False))["status"] == "error"


def test_a_message_is_noted_by_its_id_alone_whatever_befalls_it():
    policy, row = Mirrored(lambda: None), outgoing("a")
    place = MirrorChange(MESSAGE, "3EB0a", {"session": SESSION, "direction": "out"})
    for operation, result in (
        (AcceptMessage(row, None), Accepted(row)),
        (EndAttempt("msg_a", MessageStatus.SENT), row),
        (EndAttempt("msg_a", MessageStatus.FAILED), row),
        (RecordAck(SESSION, "3EB0a", Ack.READ), row),
        (CancelMessage("msg_a"), row),
    ):
        assert tuple(policy.of(operation, result)) == (place,), operation
    arrived = policy.of(RecordIncoming(SESSION, ()), (incoming("b"),))
    assert list(arrived) == [MirrorChange(MESSAGE, "b", {"session": SESSION, "direction": "in"})]
    changed = policy.of(RecordIncoming(SESSION, ()), (notice(Noticed.EDITED), notice(Noticed.REVOKED)))
    assert list(changed) == [MirrorChange(MESSAGE, "b", {"session": SESSION, "direction": "in"})]


def notice(what: Noticed, **more: bool) -> NoticeArrived:
    return NoticeArrived(what, "b", "49@c.us", "49", 1, body="better", **more)


def test_what_changed_nothing_is_not_noted():
    policy, row = Mirrored(lambda: None), outgoing("a")
    for operation, result in (
        (AcceptMessage(row, None), Duplicate(row)),
        (AcceptMessage(row, None), AlreadyAccepted(row)),
        (BeginAttempt("msg_a"), row),
        (EndAttempt("msg_a", MessageStatus.QUEUED, spent=False), row),
        (EndAttempt("msg_a", MessageStatus.SENT), None),
        (RecordAck(SESSION, "3EB0a", Ack.READ), None),
        (RecordIncoming(SESSION, ()), ()),
        (RecordIncoming(SESSION, ()), (notice(Noticed.CALL), notice(Noticed.EDITED, from_me=True))),
        (DeleteAccount(SESSION), False),
        (SaveAccount(NEW), (NEW, True)),
    ):
        assert not policy.of(operation, result), operation


def test_only_what_arrives_is_noted_where_that_is_wanted():
    policy = Mirrored(lambda: None, outgoing=False)
    assert not policy.of(AcceptMessage(outgoing("a"), None), Accepted(outgoing("a")))
    assert policy.of(RecordIncoming(SESSION, ()), (incoming("b"),))


def account_change(seq: int, **fixed: object) -> MirrorChange:
    return MirrorChange(ACCOUNT, SESSION, {"columns": ["last_seen"], **fixed}, seq)  # type: ignore[dict-item]


def message_change(seq: int, name: str, direction: str = "in") -> MirrorChange:
    return MirrorChange(MESSAGE, name, {"session": SESSION, "direction": direction}, seq)


def test_a_plan_makes_one_of_many_and_keeps_the_order():
    found = plan(
        [
            message_change(1, "a"),
            account_change(2, status="ready"),
            message_change(3, "b"),
            account_change(4, status="error", error_message="LOGOUT"),
            message_change(5, "a"),
        ]
    )
    (segment,) = found.segments
    assert [(key.wa_message_id, seqs) for key, seqs in segment.messages.items()] == [
        ("a", [1, 5]),
        ("b", [3]),
    ]
    write = segment.accounts[SESSION]
    assert (write.seqs, write.fixed) == ([2, 4], {"status": "error", "error_message": "LOGOUT"})


def test_a_deletion_comes_after_what_was_before_it_and_before_what_came_after():
    changes = [
        message_change(1, "old"),
        MirrorChange(DELETED, SESSION, {}, 2),
        MirrorChange(DELETED, "other", {}, 3),
        message_change(4, "new"),
    ]
    first, second = plan(changes).segments
    assert (list(first.messages.values()), first.deletions) == ([[1]], {SESSION: [2], "other": [3]})
    assert (list(second.messages.values()), second.deletions) == ([[4]], {})


@pytest.mark.parametrize(
    "change",
    [
        MirrorChange("from_the_future", "x", {}, 7),
        MirrorChange(MESSAGE, "x", {"session": SESSION, "direction": "sideways"}, 7),
        MirrorChange(ACCOUNT, "x", {}, 7),
    ],
)
def test_what_this_version_does_not_know_is_named_and_stops_nothing(change):
    found = plan([change, message_change(8, "a")])
    assert found.strange == (7,)
    assert len(found.segments) == 1


def test_a_copy_is_no_row_and_has_more_to_note():
    found = plan([MirrorChange(COPY, "x", {"in": [0, 9], "out": [0, 9]}, 3), message_change(4, "a")])
    assert (found.copy, found.strange, len(found.segments)) == (3, (), 1)


def parcel(number: int, size: int = 1, **more: object) -> Parcel:
    return Parcel(number, (number,), {"message": "x" * size, **more})  # type: ignore[dict-item]


def test_requests_are_neither_too_long_nor_too_large():
    many = [parcel(number) for number in range(2 * MOST_ROWS + 1)]
    assert [len(one) for one in parcels(Table.MESSAGES, many)] == [MOST_ROWS, MOST_ROWS, 1]
    large = [parcel(number, MOST_CHARACTERS // 2) for number in range(5)]
    assert [len(one) for one in parcels(Table.MESSAGES, large)] == [2, 2, 1]
    assert [len(one) for one in parcels(Table.MESSAGES, [parcel(1, 2 * MOST_CHARACTERS)])] == [1]
    assert list(parcels(Table.MESSAGES, [])) == []


def test_accounts_of_different_columns_go_apart():
    found = parcels(Table.ACCOUNTS, [parcel(1), parcel(2, status="ready"), parcel(3)])
    assert [[one.key for one in request] for request in found] == [[1, 3], [2]]


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "22P02", Verdict.ROWS),
        (400, "23514", Verdict.ROWS),
        (409, "23505", Verdict.ROWS),
        (400, "P0001", Verdict.ROWS),
        (400, "PGRST102", Verdict.ROWS),
        (413, "", Verdict.ROWS),
        (422, "", Verdict.ROWS),
        (500, "XX000", Verdict.PERHAPS_ROWS),
        (500, "P0004", Verdict.PERHAPS_ROWS),
        (400, "42703", Verdict.SETUP),
        (400, "PGRST204", Verdict.SETUP),
        (404, "PGRST205", Verdict.SETUP),
        (401, "PGRST301", Verdict.SETUP),
        (403, "42501", Verdict.SETUP),
        (302, "", Verdict.SETUP),
        (408, "", Verdict.AWAY),
        (429, "", Verdict.AWAY),
        (500, "", Verdict.AWAY),
        (500, "57014", Verdict.AWAY),
        (503, "PGRST001", Verdict.AWAY),
        (503, "53300", Verdict.AWAY),
        (522, "", Verdict.AWAY),
    ],
)
def test_whose_fault_an_answer_is(status, code, verdict):
    assert judge(status, code) is verdict


def test_what_is_kept_of_an_answer_never_holds_a_row():
    secret = "Failing row contains (491700000001, come at ten)"
    for code in ("22P02", "P0001", "XX000", "", None, 7, ["23505"]):
        body = {"code": code, "message": f'invalid input: "{secret}"', "details": secret, "hint": secret}
        assert secret not in str(faults.answer(400, body))
    for body in (None, [], "x", {"message": secret, "details": secret, "code": "23514"}):
        found = str(faults.answer(400, body))
        assert "details" not in found
    kept = faults.answer(
        400, {"code": "23502", "message": 'null value in column "tenant"', "details": secret}
    )
    assert str(kept) == 'HTTP 400 23502 null value in column "tenant"'


def test_an_answer_becomes_the_error_that_says_what_follows():
    assert isinstance(faults.fault(faults.answer(400, {"code": "23514"})), RowsRefused)
    away: Fault = faults.fault(faults.answer(429, None, "7"))
    assert isinstance(away, MirrorAway)
    assert (away.retry_after, away.setup) == (7.0, False)
    for text in ("-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "", "٣"):
        assert faults.answer(429, None, text).retry_after is None
    assert faults.answer(429, None, "9" * 50).retry_after == faults.LONGEST_PAUSE


def test_pauses_double_up_to_a_minute_and_heed_what_the_server_asks():
    dice, pace = random.Random(1), Pace()
    for failures in range(1, 5000):
        most = min(60.0, 2.0 ** min(failures - 1, 20))
        assert most / 2 <= pause_after(failures, None, pace, dice) <= most
    assert pause_after(1, 30.0, pace, dice) == 30.0
    assert pause_after(1, 0.0, pace, dice) == pace.first_pause


def test_an_accounts_row_has_only_the_columns_that_are_to_be_written():
    write = AccountWrite(columns={"last_seen", "unheard_of"}, fixed={"status": "ready"})
    assert account_record(KNOWN, write) == {
        "id": "2",
        "user_id": "1",
        "session_id": SESSION,
        "last_seen": "2026-01-01T12:00:00+00:00",
        "status": "ready",
    }


def test_messages_rows_have_the_same_columns_and_name_the_other_person():
    own = Received(incoming("a", from_me=True, sender="491510000001"), SESSION, NOON)
    grouped = Received(incoming("b", is_group=True, chat_id="123@g.us"), SESSION, NOON)
    far = Received(incoming("c", timestamp=2**53), SESSION, NOON)
    sent = outgoing("d", to="123@g.us", type="image", created_at=NOON)
    rows = [*map(incoming_record, (own, grouped, far)), outgoing_record(sent)]
    assert len({tuple(row) for row in rows}) == 1
    assert [row["phone_number"] for row in rows] == ["491700000002"] * 3 + ["123"]
    assert (rows[3]["is_group"], rows[3]["has_media"], rows[3]["chat_id"]) == (True, True, "123@g.us")
    assert rows[2]["timestamp"] == "9999-12-31T23:59:59+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": "user_1_wa_3"},
        {"id": "../../etc"},
        {"id": ""},
        {"id": None},
        {"user_id": ["1"]},
        {"id": "x" * 100},
        {"id": "2\n"},
    ],
)
def test_a_row_whose_names_are_not_its_own_is_no_account(changes):
    row = {"id": "2", "user_id": "1", "session_id": SESSION} | changes
    if "session_id" not in changes:
        row["session_id"] = f"user_{row['user_id']}_wa_{row['id']}"
    assert stranger(row) is None


def test_an_account_that_only_supabase_knows_is_not_started():
    row = {"id": 2, "user_id": "1", "session_id": SESSION, "connected_at": "2026-11-22 02:56:51.17+00"}
    found = stranger(row | {"ai_enabled": "yes", "profile_name": 7, "last_seen": "yesterday"})
    assert found is not None
    assert (found.session_id, found.desired, found.profile_name, found.last_seen) == (
        SESSION,
        False,
        None,
        None,
    )
    assert found.connected_at == datetime(2026, 11, 22, 2, 56, 51, 170_000, UTC)
    assert not found.config.ai_enabled


@pytest.mark.parametrize("url", ["project.supabase.co", "ftp://x.y", "https://", ""])
def test_a_projects_url_must_be_one(url):
    with pytest.raises(ValueError, match="URL"):
        Project(url, "key")


def test_a_projects_key_is_never_shown():
    assert "sesame" not in repr(Project("https://x.supabase.co", "sesame"))
    with pytest.raises(ValueError, match="key"):
        Project("https://x.supabase.co", "two\nlines")
