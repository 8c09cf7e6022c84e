"""Sessions' rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from actors.errors import RuleBroken
from actors.messages import (
    AcceptMessage,
    AccountChanges,
    DeleteAccount,
    RecordIncoming,
    SaveAccount,
    UpdateAccount,
)
from actors.model import Account, SessionConfig, Webhook
from wahook.journal.schema import accounts

from .conftest import NOON, OTHER, SESSION, Bench, account, incoming, message


def test_a_session_is_created_once_and_then_answered_as_it_is(bench: Bench):
    wanted = account("user_3_wa_3")
    created = bench.one(SaveAccount(wanted))
    assert created == (replace(wanted, created_at=NOON), True)
    bench.calendar.turn(1)
    again = bench.one(SaveAccount(replace(wanted, desired=False, profile_name="other")))
    assert again == (replace(wanted, created_at=NOON), False)


def test_every_field_of_a_session_survives(bench: Bench):
    full = Account(
        "user_3_wa_3",
        "3",
        "3",
        desired=False,
        phone_number="491700000001",
        profile_name="Ann 👋",
        last_error="LOGOUT",
        connected_at=NOON,
        last_seen=NOON + timedelta(seconds=1, microseconds=7),
        last_check=NOON + timedelta(seconds=2),
        created_at=NOON - timedelta(days=1),
        idle_since=NOON + timedelta(seconds=3),
        missed_since=1_767_268_800,
        config=SessionConfig(
            "http://user:pw@proxy:1", (Webhook("https://a"), Webhook("https://b")), take_over=True
        ),
    )
    bench.one(SaveAccount(full))
    assert bench.journal.reader.account("user_3_wa_3") == full


def test_an_id_that_two_pairs_make_belongs_to_the_first(bench: Bench):
    bench.one(SaveAccount(Account("user_1_wa_2_wa_3", "1", "2_wa_3")))
    result = bench.one(SaveAccount(Account("user_1_wa_2_wa_3", "1_wa_2", "3")))
    assert isinstance(result, RuleBroken)
    assert result.code == "session_taken"


def test_only_named_columns_change_and_none_is_written_as_such(bench: Bench):
    bench.one(UpdateAccount(SESSION, AccountChanges(phone_number="49", last_error="x", last_seen=NOON)))
    after = bench.one(UpdateAccount(SESSION, AccountChanges(last_error=None, desired=False)))
    assert isinstance(after, Account)
    assert (after.phone_number, after.last_error, after.last_seen, after.desired) == ("49", None, NOON, False)
    assert bench.journal.reader.account(SESSION) == after


def test_a_change_of_nothing_answers_the_row(bench: Bench):
    assert bench.one(UpdateAccount(SESSION, AccountChanges())) == bench.journal.reader.account(SESSION)


def test_a_config_is_replaced_as_a_whole(bench: Bench):
    config = SessionConfig(webhooks=(Webhook("https://a", ("ready",), (("X-Token", "t"),), ("new", "old")),))
    after = bench.one(UpdateAccount(SESSION, AccountChanges(config=config)))
    assert isinstance(after, Account)
    assert after.config == config


def test_a_config_of_another_version_is_read_as_far_as_it_is_understood(bench: Bench):
    with bench.journal.engines.write.begin() as connection:
        connection.execute(sa.update(accounts).values(config={"proxy": "p", "from_the_future": 1}))
    found = bench.journal.reader.account(SESSION)
    assert found is not None
    assert found.config == SessionConfig(proxy="p")


def test_an_unknown_session_cannot_be_changed(bench: Bench):
    assert bench.one(UpdateAccount("user_9_wa_9", AccountChanges(desired=False))) is None


def test_times_are_stored_in_utc_whatever_zone_they_came_in(bench: Bench):
    east = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=5)))
    bench.one(UpdateAccount(SESSION, AccountChanges(last_seen=east)))
    found = bench.journal.reader.account(SESSION)
    assert found is not None
    assert found.last_seen == east
    assert found.last_seen is not None
    assert found.last_seen.tzinfo is UTC


def test_a_time_without_a_zone_is_refused_and_the_rest_of_its_batch_written(bench: Bench):
    naive = NOON.replace(tzinfo=None)
    results = bench.write(
        UpdateAccount(SESSION, AccountChanges(last_seen=naive)),
        UpdateAccount(OTHER, AccountChanges(last_seen=NOON)),
    )
    assert isinstance(results[0], RuleBroken)
    assert results[0].code == "bad_value"
    assert isinstance(results[1], Account)
    found = bench.journal.reader.account(SESSION)
    assert found is not None
    assert found.last_seen is None


@pytest.mark.parametrize("name", ["nul \0", "half \ud83d"])
def test_a_name_that_cannot_be_stored_is_stored_with_replacements(bench: Bench, name: str):
    after = bench.one(UpdateAccount(SESSION, AccountChanges(profile_name=name)))
    assert isinstance(after, Account)
    assert after.profile_name == name[:-1] + "\N{REPLACEMENT CHARACTER}"


def test_a_deleted_session_takes_its_messages_along_and_leaves_others(bench: Bench):
    bench.write(
        AcceptMessage(message("a"), None),
        AcceptMessage(message("b", session_id=OTHER), None),
        RecordIncoming(SESSION, (incoming(),)),
        RecordIncoming(OTHER, (incoming(),)),
    )
    assert bench.write(DeleteAccount(SESSION), DeleteAccount(SESSION)) == [True, False]
    reader = bench.journal.reader
    assert [one.session_id for one in reader.accounts()] == [OTHER]
    assert reader.page(SESSION).messages == []
    assert reader.message("msg_a") is None
    assert len(reader.page(OTHER).messages) == 2


def test_sessions_are_listed_oldest_first(bench: Bench):
    bench.calendar.turn(-60)
    bench.one(SaveAccount(account("user_3_wa_3")))
    assert [one.session_id for one in bench.journal.reader.accounts()] == ["user_3_wa_3", SESSION, OTHER]


def test_an_unknown_session_is_none(bench: Bench):
    assert bench.journal.reader.account("user_9_wa_9") is None


def test_receivers_that_an_earlier_version_stored_as_urls_are_still_read(bench: Bench):
    with bench.journal.engines.write.begin() as connection:
        connection.execute(sa.update(accounts).values(config={"webhooks": ["https://a"]}))
    found = bench.journal.reader.account(SESSION)
    assert found is not None
    assert found.config == SessionConfig(webhooks=(Webhook("https://a"),))
