"""The mirror and everything that can be wrong with the other side."""

import asyncio
import time
from dataclasses import replace

import pytest
from aiohttp import web

from actors import tree
from actors.messages import AccountChanges, DeleteAccount, RecordAck, UpdateAccount
from actors.model import Ack
from wahook.supabase.changes import DELETED
from wahook.supabase.parting import TRIES

from .house import QUICK, SESSION, until
from .postgrest import Refusal


async def test_what_is_journaled_is_soon_there(house, postgrest):
    await house.ready()
    await house.arrive("a", "b")
    await house.send("c")
    await house.settled()
    columns = ("id", "user_id", "session_id", "status", "phone_number", "profile_name")
    assert postgrest.rows("whatsapp_accounts", *columns) == [
        ("2", "1", SESSION, "ready", "491510000001", "Ana")
    ]
    assert postgrest.rows("messages", "wa_message_id", "direction", "message", "status") == [
        ("a", "in", "hello", None),
        ("b", "in", "hello", None),
        ("3EB0c", "out", "body c", "sent"),
    ]


async def test_an_outage_loses_nothing_keeps_the_order_and_slows_nothing(house, postgrest):
    await house.ready()
    await house.arrive("before")
    await house.settled()
    await postgrest.stop()
    took = []
    for number in range(300):
        began = time.perf_counter()
        await house.send(f"{number:03}")
        took.append(time.perf_counter() - began)
    await until(lambda: house.report().get("failures_in_a_row", 0) >= 3, house.report)
    assert house.journal.queues.count_changes() == (600, 0)
    assert house.shipper.health()[0] is False
    await postgrest.start()
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["before", *(f"3EB0{n:03}" for n in range(300))]
    assert set(postgrest.rows("messages", "status")[1:]) == {"sent"}
    assert sorted(took)[len(took) // 2] < house.deadline, "a send waited for Supabase"
    await until(lambda: house.shipper.health()[0])


async def test_a_restart_in_an_outage_loses_nothing_either(open_house, postgrest):
    first = open_house()
    await first.ready()
    await first.settled()
    await postgrest.stop()
    await first.arrive("a", "b", "c")
    await asyncio.to_thread(first.stop)
    await postgrest.start()
    second = open_house()
    await second.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a", "b", "c"]
    first.stop = lambda: None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500, text="<html>oops</html>", content_type="text/html"),
        lambda: web.Response(status=503),
        lambda: web.json_response({"code": "57014", "message": "canceling statement"}, status=500),
        lambda: web.json_response({"code": "XX000", "message": "who knows"}, status=500),
        lambda: web.Response(status=429, headers={"Retry-After": "0"}),
        lambda: web.Response(status=302, headers={"Location": "/elsewhere"}),
        lambda: web.Response(status=200, text="<html>log in to the hotel</html>", content_type="text/html"),
        lambda: web.json_response({"message": "JWT expired", "code": "PGRST301"}, status=401),
        lambda: web.json_response({"message": "no such column", "code": "PGRST204"}, status=400),
    ],
    ids=["500", "503", "timeout-there", "unknown-500", "429", "redirect", "portal", "401", "no-column"],
)
async def test_an_answer_that_is_no_rows_fault_only_delays(house, postgrest, answer):
    await house.ready()
    await house.settled()
    postgrest.script.extend(answer() for _ in range(6))
    await house.arrive("a")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a"]
    assert not postgrest.script
    assert house.journal.queues.set_aside_changes() == []


async def test_a_server_that_does_not_answer_in_time_is_asked_again(open_house, postgrest):
    house = open_house(deadline=0.5)
    await house.ready()
    await house.settled()
    postgrest.script.extend([5.0, 5.0])
    await house.arrive("a")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a"]


async def test_a_request_whose_answer_was_lost_changes_nothing_the_second_time(open_house, postgrest):
    house = open_house(deadline=0.2)
    await house.ready()
    await house.settled()
    postgrest.script.append(web.Response(status=502))
    taken = postgrest._upsert

    def take_and_break(table, rows, request):
        postgrest._upsert = taken
        taken(table, rows, request)
        return web.Response(status=502)

    postgrest._upsert = take_and_break
    await house.arrive("a", "b")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a", "b"]


async def test_a_poisoned_row_is_set_aside_and_the_rest_goes_on_in_order(house, postgrest):
    await house.ready()
    await house.settled()
    refused = []

    def refuse(table, row):
        if row.get("message") == "poison":
            refused.append(row["wa_message_id"])
            return Refusal(400, "22P05", "unsupported Unicode escape sequence: poison")
        return None

    postgrest.refuse = refuse
    await house.arrive(*(f"a{n}" for n in range(10)))
    await house.arrive("bad", body="poison")
    await house.arrive(*(f"b{n}" for n in range(10)))
    await house.settled()
    names = [f"{letter}{n}" for letter in "ab" for n in range(10)]
    assert postgrest.rows("messages", "wa_message_id") == names
    (aside,) = house.journal.queues.set_aside_changes()
    assert aside.key == "bad"
    assert aside.error == "HTTP 400 22P05"
    assert refused.count("bad") >= TRIES
    await until(lambda: house.report()["set_aside"] == 1, house.report)

    postgrest.refuse = lambda table, row: None
    await house.system.restart(tree.MIRROR, "an operator")
    await until(lambda: "bad" in postgrest.rows("messages", "wa_message_id"))
    await until(lambda: house.journal.queues.count_changes() == (0, 0))


async def test_a_row_that_breaks_a_trigger_is_set_aside_once_others_pass(house, postgrest):
    await house.ready()
    await house.settled()
    postgrest.refuse = lambda table, row: Refusal(500, "XX000") if row.get("message") == "bad" else None
    await house.arrive("a", body="bad")
    await until(lambda: house.report().get("failures_in_a_row", 0) > TRIES, house.report)
    assert house.journal.queues.count_changes() == (1, 0), "nothing proves that it is this row's fault"
    await house.arrive("b")
    await house.arrive("c")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["b", "c"]
    assert [one.error for one in house.journal.queues.set_aside_changes()] == ["HTTP 500 XX000"]


async def test_a_table_that_takes_no_row_at_all_waits_for_its_owner_and_loses_none(house, postgrest):
    await house.ready()
    await house.settled()
    postgrest.refuse = lambda table, row: Refusal(400, "23502", 'null value in column "tenant"')
    await house.arrive(*(f"{n:02}" for n in range(40)))
    await until(lambda: house.report().get("failures_in_a_row", 0) > TRIES + 1, house.report)
    assert house.journal.queues.count_changes() == (40, 0)
    assert house.report()["last_error"].startswith("messages takes no row")
    postgrest.refuse = lambda table, row: None
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == [f"{n:02}" for n in range(40)]


async def test_one_row_that_is_too_large_does_not_hold_up_its_batch(house, postgrest):
    await house.ready()
    await house.settled()
    postgrest.refuse = lambda table, row: Refusal(413, "") if len(row.get("message") or "") > 1000 else None
    await house.arrive("a")
    await house.arrive("large", body="x" * 5000)
    await house.arrive("b")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a", "b"]
    assert [one.error for one in house.journal.queues.set_aside_changes()] == ["HTTP 413"]


async def test_many_changes_of_one_message_are_shipped_as_one_row(open_house, postgrest):
    await postgrest.stop()
    house = open_house()
    await house.ready()
    await house.send("a")
    for ack in (Ack.DEVICE, Ack.READ):
        await house.write(RecordAck(SESSION, "3EB0a", ack))
    failures = house.report().get("failures_in_a_row", 0)
    await until(lambda: house.report()["failures_in_a_row"] >= failures + 2)  # a round has seen it all
    await postgrest.start()
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id", "status") == [("3EB0a", "read")]
    assert [one for one in postgrest.requests if one[:2] == ("POST", "messages")] == [("POST", "messages", 1)]


async def test_a_deleted_session_goes_with_its_messages_and_one_made_anew_stays(house, postgrest):
    await house.ready()
    await house.arrive("old")
    await house.settled()
    await postgrest.stop()
    await house.arrive("unseen")
    await house.write(DeleteAccount(SESSION))
    assert DELETED in [one.kind for one in house.journal.queues.open_changes()]
    await house.ready(phone="491510000002")
    await house.arrive("new")
    await postgrest.start()
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["new"]
    assert postgrest.rows("whatsapp_accounts", "phone_number") == ["491510000002"]


async def test_a_row_that_the_frontend_made_is_adopted_only_by_its_user(house, postgrest):
    postgrest.tables["whatsapp_accounts"] += [
        {"id": "2", "user_id": "1", "session_id": None},
        {"id": "7", "user_id": "somebody-else", "session_id": None},
    ]

    def refuse(table, row):
        taken = {one["id"] for one in postgrest.tables[table]} if table == "whatsapp_accounts" else set()
        return Refusal(409, "23505", "duplicate key value") if row.get("id") in taken else None

    postgrest.refuse = refuse
    await house.ready("1", "2")
    await house.ready("1", "7")
    await house.settled()
    rows = postgrest.rows("whatsapp_accounts", "id", "user_id", "session_id")
    assert rows == [("2", "1", SESSION), ("7", "somebody-else", None)]
    assert [one.key for one in house.journal.queues.set_aside_changes()] == ["user_1_wa_7"]


async def test_accounts_that_only_supabase_knows_are_there_to_be_started(house, postgrest):
    def row(user, account, session_id, **more):
        return {"id": account, "user_id": user, "session_id": session_id, "status": "ready"} | more

    postgrest.tables["whatsapp_accounts"] += [
        row("8", "9", "user_8_wa_9", phone_number="491510000009", ai_enabled=True),
        row("8", "10", "user_6_wa_1"),  # a name that is not its own
        row("../..", "1", "user_../.._wa_1"),
        row("4", "5", None),
    ]
    await until(lambda: house.found)
    (account,) = house.journal.reader.accounts()
    assert (account.session_id, account.desired, account.phone_number) == (
        "user_8_wa_9",
        False,
        "491510000009",
    )
    assert account.config.ai_enabled
    assert [one.session_id for one in house.found] == ["user_8_wa_9"]


async def test_a_session_deleted_in_an_outage_does_not_come_back_from_supabase(open_house, postgrest):
    first = open_house()
    await first.ready()
    await first.settled()
    await postgrest.stop()
    await first.write(DeleteAccount(SESSION))
    await asyncio.to_thread(first.stop)
    await postgrest.start()
    second = open_house()
    await until(lambda: not postgrest.tables["whatsapp_accounts"])
    await second.ready("3", "4")
    await second.settled()
    assert [one.session_id for one in second.journal.reader.accounts()] == ["user_3_wa_4"]
    assert second.found == []
    first.stop = lambda: None


async def test_neither_a_code_nor_a_loss_that_heals_is_written(house, postgrest):
    session_id = await house.session()
    await house.write(UpdateAccount(session_id, AccountChanges(last_error="renderer_crashed")))
    await house.write(UpdateAccount(session_id, AccountChanges(desired=True)))
    await house.ready("3", "4")
    await house.settled()
    assert postgrest.rows("whatsapp_accounts", "session_id") == ["user_3_wa_4"]


async def test_a_crash_of_the_mirror_is_followed_by_another_that_goes_on(house, postgrest):
    await house.ready()
    await house.settled()
    postgrest.script.append(0.3)
    await house.arrive("a", "b")
    await until(lambda: not postgrest.script)
    await house.system.kill(tree.MIRROR, "test")
    await house.arrive("c")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a", "b", "c"]


async def test_a_writer_that_crashes_as_a_round_ends_only_has_it_shipped_again(house, postgrest):
    await house.ready()
    await house.settled()
    taken = asyncio.Event()
    upsert = postgrest._upsert

    def take(*parts):
        taken.set()
        return upsert(*parts)

    postgrest._upsert = take
    await house.arrive("a", "b")
    await taken.wait()
    await house.system.kill(tree.WRITER, "test")
    await until(lambda: "b" in postgrest.rows("messages", "wa_message_id"))
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a", "b"]


async def test_accounts_are_asked_for_again_when_the_first_time_failed(house, postgrest):
    await postgrest.stop()
    known = {"id": "9", "user_id": "8", "session_id": "user_8_wa_9", "status": "ready"}
    postgrest.tables["whatsapp_accounts"].append(known)
    await postgrest.start()
    select, failures = postgrest._select, [1, 2]

    def fail_twice(table, query):
        if "order" in query and failures:
            failures.pop()
            return web.Response(status=503)
        return select(table, query)

    postgrest._select = fail_twice
    await until(lambda: house.found)
    assert not failures


async def test_a_deletion_that_is_refused_is_set_aside_and_holds_up_nothing(house, postgrest):
    await house.ready()
    await house.ready("3", "4")
    await house.settled()
    postgrest.refuse_deletion = Refusal(409, "23503", 'violates foreign key constraint "orders_session"')
    await house.write(DeleteAccount(SESSION))
    await house.arrive("a", session_id="user_3_wa_4")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a"]
    (aside,) = house.journal.queues.set_aside_changes()
    assert (aside.kind, aside.key) == (DELETED, SESSION)
    assert "orders_session" in (aside.error or "")
    await until(lambda: "orders_session" in (house.report()["last_refusal"] or ""), house.report)


async def test_an_account_that_can_be_neither_written_nor_adopted_is_set_aside(house, postgrest):
    postgrest.refuse = lambda table, row: Refusal(409, "23505") if table == "whatsapp_accounts" else None
    postgrest._update = lambda *_: Refusal(400, "22P02", "invalid uuid").answer()
    await house.ready()
    await house.arrive("a")
    await house.settled()
    assert postgrest.rows("messages", "wa_message_id") == ["a"]
    assert [one.key for one in house.journal.queues.set_aside_changes()] == [SESSION]


async def test_a_refused_row_whose_session_is_deleted_meanwhile_is_forgotten(open_house, postgrest):
    house = open_house(pace=replace(QUICK, parting=0.5))
    await house.ready()
    await house.settled()
    postgrest.refuse = lambda table, row: Refusal(400, "23514") if table == "messages" else None
    await house.arrive("a")
    await until(lambda: house.shipper._parting.doubtful == 1)
    await house.write(DeleteAccount(SESSION))
    await house.settled()
    await until(lambda: house.shipper._parting.doubtful == 0)
    assert house.journal.queues.set_aside_changes() == []


async def test_a_stop_does_not_wait_for_a_server_that_hangs(open_house, postgrest):
    house = open_house(deadline=60.0)
    await house.ready()
    await house.settled()
    postgrest.script.append(60.0)
    await house.arrive("a")
    await until(lambda: not postgrest.script)
    began = time.perf_counter()
    await asyncio.to_thread(house.stop)
    assert time.perf_counter() - began < 40
    house.stop = lambda: None
