"""A mirror that is set up later is given what there is, once, also over outages and restarts."""

import asyncio
from dataclasses import replace

import pytest

from actors import mirror, tree
from actors.durable import BeginCopy, ForgetCopies
from actors.messages import AcceptMessage, AccountChanges, RecordIncoming, SaveAccount, UpdateAccount
from actors.model import Account
from wahook.journal import open_journal
from wahook.journal.opening import utc_now

from .house import QUICK, SESSION, House, incoming, outgoing, until


def lived(folder, messages: int) -> list[str]:
    """A service that had no mirror; the WhatsApp ids of its messages in the order in which they came."""
    ids = []
    with open_journal(f"sqlite:///{folder}/wahook.db") as journal:
        for account in (Account(SESSION, "1", "2"), Account("user_9_wa_9", "9", "9")):
            journal.writer.write([SaveAccount(account)])
        now = utc_now()
        known = AccountChanges(phone_number="491510000001", connected_at=now, last_seen=now)
        journal.writer.write([UpdateAccount(SESSION, known)])
        for number in range(messages):
            if number % 2:
                journal.writer.write([RecordIncoming(SESSION, (incoming(f"in{number}"),))])
                ids.append(f"in{number}")
            else:
                journal.writer.write([AcceptMessage(outgoing(f"{number}"), None)])
                ids.append(f"3EB0{number}")
    return ids


async def copied(house: House) -> None:
    """All of it has been noted and shipped."""
    await until(lambda: house.report().get("copying") is False and house.journal.queues.copied())
    await house.settled()


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(mirror, "COPIED_AT_ONCE", 3)


async def test_what_was_there_before_the_mirror_is_copied_in_order(
    open_house, postgrest, tmp_path, few_at_once
):
    ids = lived(tmp_path, 10)
    house = open_house()
    await house.arrive("new")
    await copied(house)
    there = postgrest.rows("messages", "wa_message_id")
    assert sorted(there) == sorted([*ids, "new"])
    assert [one for one in there if one != "new"] == ids
    accounts = postgrest.rows("whatsapp_accounts", "session_id", "phone_number", "status")
    assert accounts == [(SESSION, "491510000001", None)], "one that was never ready is not written"


async def test_it_is_copied_once_for_each_project_and_again_when_asked(open_house, postgrest, tmp_path):
    ids = lived(tmp_path, 3)
    first = open_house()
    await copied(first)
    assert postgrest.rows("messages", "wa_message_id") == ids
    postgrest.tables["messages"].clear()
    await asyncio.to_thread(first.stop)
    first.stop = lambda: None

    second = open_house()
    await second.arrive("later")
    await second.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["later"], "this project had everything"
    assert await second.write(BeginCopy(second.place)) is None
    assert len(await second.write(BeginCopy(second.place, again=True))) == 1
    await copied(second)
    assert sorted(postgrest.rows("messages", "wa_message_id")) == sorted([*ids, "later"])
    await asyncio.to_thread(second.stop)
    second.stop = lambda: None

    postgrest.tables["messages"].clear()
    third = open_house(place="another project")
    await copied(third)
    assert sorted(postgrest.rows("messages", "wa_message_id")) == sorted([*ids, "later"])


async def test_what_came_while_there_was_no_mirror_is_copied_when_there_is_one_again(
    open_house, postgrest, tmp_path
):
    first = open_house()
    await copied(first)
    await asyncio.to_thread(first.stop)
    first.stop = lambda: None
    with open_journal(f"sqlite:///{tmp_path}/wahook.db") as journal:
        assert journal.queues.copied()
        journal.writer.write([ForgetCopies()])  # as `OptionalMirror` does without a mirror
        assert not journal.queues.copied()
    ids = lived(tmp_path, 2)
    second = open_house()
    await copied(second)
    assert postgrest.rows("messages", "wa_message_id") == ids


async def test_an_outage_and_a_restart_in_the_middle_of_a_copy_lose_nothing(
    open_house, postgrest, tmp_path, few_at_once
):
    ids = lived(tmp_path, 20)
    taken = postgrest._upsert

    def break_after_five(table, rows, request):
        answer = taken(table, rows, request)
        if len(postgrest.tables["messages"]) >= 5:
            asyncio.get_running_loop().create_task(postgrest.stop())
        return answer

    postgrest._upsert = break_after_five
    first = open_house()
    await until(lambda: first.report().get("failures_in_a_row", 0) >= 2, first.report)
    waiting, _ = first.journal.queues.count_changes()
    assert waiting <= 5, "while Supabase is away no more of it is noted"
    await asyncio.to_thread(first.stop)
    first.stop = lambda: None
    postgrest._upsert = taken
    await postgrest.start()
    second = open_house()
    await copied(second)
    assert postgrest.rows("messages", "wa_message_id") == ids


async def test_what_happens_meanwhile_goes_before_what_is_copied(open_house, postgrest, tmp_path):
    lived(tmp_path, 4)
    await postgrest.stop()
    house = open_house(pace=replace(QUICK, linger=0.0))
    await house.arrive(*(f"new{number}" for number in range(3)))
    await until(lambda: house.report().get("failures_in_a_row", 0) >= 1, house.report)
    await postgrest.start()
    await copied(house)
    assert [one[:3] for one in postgrest.rows("messages", "wa_message_id")][:3] == ["new"] * 3


async def test_a_mirror_that_crashes_while_it_copies_goes_on(open_house, postgrest, tmp_path, few_at_once):
    ids = lived(tmp_path, 12)
    postgrest.script.extend([0.05] * 3)
    house = open_house()
    await until(lambda: not postgrest.script)
    await house.system.kill(tree.MIRROR, "test")
    await copied(house)
    assert postgrest.rows("messages", "wa_message_id") == ids
