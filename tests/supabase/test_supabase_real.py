"""The mirror before a server that replays PostgREST's own specification, on a real PostgreSQL.

Not tested here, for no such server runs here: Supabase's own gateway and GoTrue, realtime, and its limits.
"""

import asyncio
import itertools
import re
from collections.abc import Iterator

import pytest

from actors import tree
from actors.durable import COPY, AddMirrorChanges
from actors.messages import AccountChanges, DeleteAccount, RecordAck, RecordIncoming, UpdateAccount
from actors.mirror import MirrorDue
from actors.model import Ack, SessionConfig
from tests.journal import postgres
from wahook.journal.opening import utc_now
from wahook.supabase.changes import ACCOUNT, Mirrored

from .house import SESSION, House, incoming, until
from .real import LITE, PUBLISHABLE, SECRET, Project
from .test_supabase_copying import copied, lived

pytestmark = [pytest.mark.supabase]
names = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    found = postgres.binaries()
    if found is None:
        pytest.skip("PostgreSQL's binaries are not installed (Debian: postgresql)")
    if not LITE.exists():
        pytest.skip("tests/supabase/server is not installed (make supabase)")
    running = postgres.Server(found)
    yield running
    running.stop()


@pytest.fixture
def bare_project(server) -> Iterator[Project]:
    number = next(names)
    project = Project(server, f"number_{number}" if number else "first")
    yield project
    project.close()


@pytest.fixture
def project(bare_project) -> Project:
    bare_project.start()  # it makes auth.uid(), which policies need
    bare_project.install()
    return bare_project


@pytest.fixture
def open_house(tmp_path, project):
    houses = []

    def start(**changes) -> House:
        values = {"data": tmp_path, "url": project.url, "key": SECRET, "deadline": 10.0} | changes
        houses.append(House(**values).start())
        return houses[-1]

    yield start
    for house in houses:
        house.stop()


@pytest.fixture
def house(open_house) -> House:
    return open_house()


async def test_a_life_of_a_session_is_mirrored_column_by_column(house, project):
    await house.ready()
    await house.settled()
    (row,) = project.sql("select * from whatsapp_accounts")
    columns = "id, user_id, session_id, status, phone_number, profile_name, error_message, ai_enabled"
    assert project.sql(f"select {columns} from whatsapp_accounts") == [
        ["2", "1", SESSION, "ready", "491510000001", "Ana", "", "f"]
    ]
    assert row.count("") == 2  # error_message and last_check

    now = utc_now()
    await house.write(UpdateAccount(SESSION, AccountChanges(last_seen=now, last_check=now)))
    await house.write(UpdateAccount(SESSION, AccountChanges(config=SessionConfig(ai_enabled=True))))
    await house.write(UpdateAccount(SESSION, AccountChanges(last_error="LOGOUT"), for_good=True))
    await house.settled()
    columns = "status, error_message, ai_enabled, last_check = last_seen, profile_name"
    assert project.sql(f"select {columns} from whatsapp_accounts") == [["error", "LOGOUT", "t", "t", "Ana"]]
    seen = project.sql(f"select last_seen = '{now.isoformat()}' from whatsapp_accounts")
    assert seen == [["t"]], "a time changed on its way"


async def test_messages_arrive_whole_in_order_and_once(house, project):
    await house.ready()
    body = 'Añ 😀 "q" \\ % \u202e {}' + "x" * 60_000
    await house.write(RecordIncoming(SESSION, (incoming("a", body), incoming("b", from_me=True))))
    await house.send("c")
    await house.write(RecordAck(SESSION, "3EB0c", Ack.READ))
    await house.settled()
    columns = "wa_message_id, direction, phone_number, from_me, is_group, type, has_media, status, message_id"
    assert project.sql(f"select {columns} from messages order by id") == [
        ["a", "in", "491700000002", "f", "f", "text", "f", "", ""],
        ["b", "in", "491700000002", "t", "f", "text", "f", "", ""],
        ["3EB0c", "out", "491700000002", "t", "f", "text", "f", "read", "msg_c"],
    ]
    assert project.sql("select message from messages where wa_message_id = 'a'") == [[body]]
    assert project.sql(
        "select extract(epoch from timestamp)::bigint from messages where wa_message_id = 'a'"
    ) == [["1767268800"]]


async def test_the_server_is_killed_for_a_while_and_nothing_is_lost_or_out_of_order(house, project):
    await house.ready()
    await house.settled()
    await asyncio.to_thread(project.stop)
    for number in range(1200):  # more than one round
        await house.arrive(f"{number:04}")
    await until(lambda: house.report()["failures_in_a_row"] > 1, house.report)
    await asyncio.to_thread(project.start)
    await house.settled()
    found = project.sql("select wa_message_id from messages order by id")
    assert found == [[f"{number:04}"] for number in range(1200)]


async def test_shipping_everything_twice_changes_nothing(house, project):
    await house.ready()
    await house.arrive("a", "b")
    await house.settled()
    before = project.sql("select * from messages order by id")
    policy = Mirrored(lambda: None)
    again = policy.of(RecordIncoming(SESSION, ()), (incoming("a"), incoming("b")))
    await house.write(AddMirrorChanges(tuple(again)))
    assert house.journal.queues.count_changes() == (2, 0)
    house.system.handle(tree.MIRROR).tell(MirrorDue())
    await house.settled()
    assert project.sql("select * from messages order by id") == before


async def test_a_row_that_a_rule_of_the_database_refuses_is_set_aside_without_its_content(house, project):
    project.sql("alter table messages add constraint no_such_word check (message <> 'poison')")
    await house.ready()
    await house.arrive("a")
    await house.arrive("bad", body="poison")
    await house.arrive("b")
    await house.settled()
    assert project.sql("select wa_message_id from messages order by id") == [["a"], ["b"]]
    (aside,) = house.journal.queues.set_aside_changes()
    # PostgREST says 400 23514 with the rule's name; this server has an answer of its own.
    assert aside.error == "HTTP 500 SUP" or re.fullmatch("HTTP 400 23514 .*no_such_word.*", aside.error or "")
    project.sql("alter table messages drop constraint no_such_word")
    await house.system.restart(tree.MIRROR, "an operator")
    await until(lambda: house.journal.queues.count_changes() == (0, 0))
    assert ["bad"] in project.sql("select wa_message_id from messages")


async def test_tables_that_are_missing_are_waited_for(tmp_path, bare_project):
    bare_project.start()
    house = House(tmp_path, bare_project.url, SECRET, deadline=10.0).start()
    try:
        await house.ready()
        await house.arrive("a")
        await until(lambda: house.report().get("failures_in_a_row", 0) > 2, house.report)
        assert house.report()["last_error"].startswith("HTTP 404 PGRST205")
        assert house.shipper.health()[0] is False
        bare_project.install()
        await asyncio.to_thread(bare_project.stop)  # this server learns of new tables only when it starts
        await asyncio.to_thread(bare_project.start)
        await house.settled()
        assert bare_project.sql("select wa_message_id from messages") == [["a"]]
        await until(lambda: house.shipper.health()[0])
    finally:
        house.stop()


@pytest.mark.parametrize("key", ["sb_secret_wrong", PUBLISHABLE], ids=["unknown", "publishable"])
async def test_a_key_that_may_not_write_loses_nothing(open_house, project, key):
    house = open_house(key=key)
    await house.ready()
    await until(lambda: house.report().get("failures_in_a_row", 0) > 2, house.report)
    waiting = [one.kind for one in house.journal.queues.open_changes() if one.kind != COPY]
    assert (waiting, house.journal.queues.set_aside_changes()) == ([ACCOUNT], [])
    assert project.sql("select * from whatsapp_accounts") == []


async def test_what_was_there_before_the_mirror_is_copied_in_order_with_the_status_left_alone(
    open_house, project, tmp_path
):
    ids = lived(tmp_path, 600)
    project.sql(
        "insert into whatsapp_accounts (id, user_id, session_id, status)"
        f" values ('2', '1', '{SESSION}', 'ready')"
    )
    house = open_house()
    await copied(house)
    assert [row[0] for row in project.sql("select wa_message_id from messages order by id")] == ids
    found = project.sql("select session_id, status, phone_number from whatsapp_accounts")
    assert found == [[SESSION, "ready", "491510000001"]]


async def test_users_read_what_is_theirs_and_write_nothing(house, project):
    ana, ana_token = project.user("ana@example.com")
    ben, ben_token = project.user("ben@example.com")
    for user, phone in ((ana, "491510000001"), (ben, "491510000002")):
        session_id = await house.ready(user, "1", phone)
        await house.arrive(f"to-{phone}", session_id=session_id)
    await house.settled()
    for token, phone in ((ana_token, "491510000001"), (ben_token, "491510000002")):
        for path, wanted in (
            ("whatsapp_accounts?select=phone_number", {"phone_number": phone}),
            ("messages?select=wa_message_id", {"wa_message_id": f"to-{phone}"}),
        ):
            status, rows = project.call("GET", f"/rest/v1/{path}", PUBLISHABLE, token=token)
            assert (status, rows) == (200, [wanted])
    before = project.sql("select * from whatsapp_accounts, messages order by 1, 2")
    for table, token in itertools.product(("whatsapp_accounts", "messages"), (ana_token, None)):
        if token is None:
            assert project.call("GET", f"/rest/v1/{table}", PUBLISHABLE)[1] == []
        path = f"/rest/v1/{table}?session_id=eq.user_{ana}_wa_1"
        for method, body in (("POST", {"session_id": "x"}), ("PATCH", {"session_id": "x"}), ("DELETE", None)):
            project.call(method, path, PUBLISHABLE, body, token)
    assert project.sql("select * from whatsapp_accounts, messages order by 1, 2") == before


@pytest.mark.parametrize("table", ["whatsapp_accounts", "messages"])
@pytest.mark.parametrize(
    ("role", "granted"),
    [("anon", ""), ("authenticated", "SELECT"), ("service_role", "DELETE,INSERT,SELECT,UPDATE")],
)
def test_roles_have_what_they_need_and_no_more(project, table, role, granted):
    kept = "'SELECT', 'INSERT', 'UPDATE', 'DELETE'"
    found = project.sql(
        "select string_agg(privilege_type, ',' order by privilege_type)"
        " from information_schema.role_table_grants"
        f" where table_name = '{table}' and grantee = '{role}' and privilege_type in ({kept})"
    )
    assert found == [[granted]]


async def test_a_deleted_session_goes_with_its_messages(house, project):
    await house.ready()
    await house.ready("3", "2", "491510000003")  # another user's account 2
    await house.arrive("a")
    await house.arrive("b", session_id="user_3_wa_2")
    await house.write(DeleteAccount(SESSION))
    await house.settled()
    assert project.sql("select session_id from whatsapp_accounts") == [["user_3_wa_2"]]
    assert project.sql("select wa_message_id from messages") == [["b"]]


async def test_accounts_that_only_supabase_knows_come_with_their_state(open_house, project):
    project.sql(
        "insert into whatsapp_accounts"
        " (id, user_id, session_id, status, phone_number, connected_at, ai_enabled) "
        "select n::text, 'u', 'user_u_wa_' || n, 'ready', '4915100000' || n, '2026-01-01 12:00+01', true "
        "from generate_series(1, 1203) n"
    )
    house = open_house()
    await until(lambda: len(house.found) == 1203)
    accounts = house.journal.reader.accounts()
    assert len(accounts) == 1203
    assert not any(one.desired for one in accounts)
    (one,) = [one for one in accounts if one.account_id == "7"]
    assert (one.phone_number, one.config.ai_enabled) == ("49151000007", True)
    assert one.connected_at.isoformat() == "2026-01-01T11:00:00+00:00"
    assert house.journal.queues.count_changes() == (0, 0)


async def test_the_original_services_tables_are_kept_and_their_rows_adopted(bare_project, tmp_path):
    """Its account row was made by the frontend, with a uuid; its messages had no WhatsApp id."""
    user, account = "6a9f3c1e-1111-4222-8333-444455556666", "0b7c9d2e-7777-4888-9999-000011112222"
    bare_project.start()
    bare_project.sql(
        "create table whatsapp_accounts (id uuid primary key default gen_random_uuid(),"
        " user_id uuid not null, name text, status text, phone_number text,"
        " created_at timestamptz default now());"
        "create table messages (id uuid primary key default gen_random_uuid(), session_id text not null,"
        " phone_number text, message text, type text, has_media boolean, timestamp timestamptz);"
        f"insert into whatsapp_accounts (id, user_id, name) values ('{account}', '{user}', 'shop');"
        "insert into messages (session_id, message) values ('old', 'one'), ('old', 'two')"
    )
    bare_project.install()
    bare_project.install()
    house = House(tmp_path, bare_project.url, SECRET, deadline=10.0).start()
    try:
        session_id = await house.ready(user, account)
        await house.arrive("a", session_id=session_id)
        await house.settled()
    finally:
        house.stop()
    rows = bare_project.sql("select name, session_id, status from whatsapp_accounts")
    assert rows == [["shop", f"user_{user}_wa_{account}", "ready"]]
    assert bare_project.sql("select count(*), count(wa_message_id) from messages") == [["3", "1"]]
