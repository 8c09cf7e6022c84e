"""What arrives while the service dies, or unheard: it is in the page and not yet in the journal."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing

import aiohttp
import pytest

from actors import session
from actors.errors import DeadlinePassed
from actors.session_journal import SessionJournal
from tests.service.house import API, ours, until
from tests.service.test_service_survives import Process
from tests.webhooks.house import Receiver
from wahook.whatsapp.client import PageClient

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


@pytest.fixture
async def receiver():
    running = await Receiver().start()
    yield running
    await running.stop()


@pytest.fixture
async def process(simulator, tmp_path, receiver):
    async with aiohttp.ClientSession() as http:
        process = Process(tmp_path / "data", simulator.url, http)
        process.more = {"WEBHOOKS": receiver.url, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
        yield process
        if process.process is not None and process.process.poll() is None:
            process.process.kill()
            process.process.wait()

    async def none_left():
        return ours(process.data) == []

    await until("strays gone", none_left)


async def test_what_had_arrived_and_was_not_on_disk_at_the_kill_comes_once_and_in_order(process, receiver):
    client = await process.start()
    session_id = await client.linked("1", "2", PHONE)
    await client.write(PHONE, FRIEND, "on disk")

    async def delivered():  # else it is told again after the kill, as it may be
        page = await client.ok("GET", f"{API}/{session_id}/webhooks/deliveries?state=done")
        return "message:received" in [one["event"] for one in page["deliveries"]]

    await until("the first is delivered, and that is on disk", delivered)
    with closing(sqlite3.connect(process.data / "wahook.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")  # nobody else commits until the end of this
        for number in range(12):
            await client.write(PHONE, FRIEND, f"number {number}")
        await client.phone(f"{PHONE}/edit", {"from": FRIEND, "message": client.arrived[3], "text": "third"})

        async def taken():
            async with client.http.get(f"{client.simulator_url}/sim/phones/{PHONE}") as answer:
                return (await answer.json())["waiting"] == 0

        await until("the page has confirmed them", taken)
        assert len(await client.incoming(session_id)) == 1
        await process.end(signal.SIGKILL)

    again = await process.start()

    async def told():
        return set(receiver.messages()) == set(client.arrived)

    await until("all are delivered", told)
    # the one before may come twice: nobody could note that it was delivered
    assert list(dict.fromkeys(receiver.messages())) == client.arrived
    assert all(receiver.messages().count(one) == 1 for one in client.arrived[1:])
    rows = await again.incoming(session_id)
    assert [one["waMessageId"] for one in rows] == client.arrived
    assert rows[3]["body"] == "third"


@pytest.fixture
def no_history(monkeypatch):
    """From its first entry on no page gives a history, and nobody hears of what is named "missed"."""
    asked = []
    recent, arrived = PageClient._recent, SessionJournal.arrived

    async def refused(page, since, deadline):
        found = await recent(page, since, deadline)
        if asked:  # also of one that was under way
            asked.append(since)
            raise DeadlinePassed("no history")
        return found

    def heard(journal, one):
        if one.body != "missed":
            arrived(journal, one)

    monkeypatch.setattr(PageClient, "_recent", refused)
    monkeypatch.setattr(SessionJournal, "arrived", heard)
    monkeypatch.setattr(session, "TICK", 0.2)
    monkeypatch.setattr(session, "RECONCILE_EVERY", 0.2)
    return asked


def missed_since(house):
    with closing(sqlite3.connect(house.service.settings.data / "wahook.db")) as database:
        ((since,),) = database.execute("SELECT missed_since FROM accounts").fetchall()
        return since


async def test_what_was_missed_before_histories_failed_is_told_once_after_a_restart(
    open_house, receiver, no_history
):
    hooks = {"webhooks": receiver.url, "webhook_allowed_networks": "127.0.0.0/8"}
    house = await open_house(**hooks)
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    first = await client.write(PHONE, FRIEND, "heard")
    await client.received(session_id, first)
    no_history.append(0)
    missed = await client.write(PHONE, FRIEND, "missed")

    async def given_up():
        return len(no_history) > 3

    await until("three histories failed", given_up)
    much_later = {"from": FRIEND, "text": "live", "t": int(time.time()) + 7200}
    live = (await client.phone(f"{PHONE}/messages", much_later))["id"]
    await client.received(session_id, live)
    assert missed not in [one["waMessageId"] for one in await client.incoming(session_id)]
    await house.close()
    await asyncio.to_thread(house.service.stop)
    assert missed_since(house) is not None

    no_history.clear()
    again = (await open_house(**hooks)).client
    await again.received(session_id, missed)
    rows = [one["waMessageId"] for one in await again.incoming(session_id)]
    assert rows == [first, live, missed]

    async def told():
        return missed in receiver.messages()

    await until("the missed one is told", told)
    assert receiver.messages().count(missed) == 1
    assert missed_since(house) is None
