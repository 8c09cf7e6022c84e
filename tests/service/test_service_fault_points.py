"""The service, Redis or Chromium killed with SIGKILL at each step of a send; the ledger says what came of it.

Three messages go out, the second one to a chat in which nobody has written; while it goes, one of them dies.
What heals by itself does so, the service is started again, and a program that got no answer asks again under
the same key. Then each was on the wire once, in the order of acceptance, and no queue holds anything.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial

import aiohttp
import psutil
import pytest

from actors import tree
from supervision import BackOff
from tests.service.house import API, until
from tests.service.steps import AT_WHATSAPP, STEPS, Lost, Trap, tell, tell_whatsapp
from tests.service.test_service_survives import process  # noqa: F401  # a fixture
from wahook import assembly
from wahook.outbox.connection import connect
from wahook.outbox.courier import Courier
from wahook.outbox.queues import LaneQueues
from wahook.outbox.retries import RetryPolicy
from wahook.outbox.server import socket_path
from wahook.service import calendar

PHONE = "491510000001"
FRIEND = "491769999999"
pytestmark = [pytest.mark.browser, pytest.mark.chaos, pytest.mark.timeout(180)]


def kill(pid):
    """Returns when nothing of it runs any more; who waits for its end is left to collect it."""
    os.kill(pid, signal.SIGKILL)
    ends = time.monotonic() + 30
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < ends, "it lives on"
            time.sleep(0.001)


class Stage:
    """A linked session, and a trap at every step of its sends. `rounds` make each message another one."""

    def __init__(self, data, client, session_id, trap):
        self.data = data
        self.client = client
        self.session_id = session_id
        self.trap = trap
        self.rounds = 0
        self.rows = []

    def messages(self):
        """What is to be sent in this round: key and body of each request."""
        self.rounds += 1
        new = f"4917600000{self.rounds:02}"
        return [
            (f"{self.rounds}.{number}", {"to": to, "text": f"round {self.rounds}, number {number}"})
            for number, to in enumerate((FRIEND, new, FRIEND))
        ]

    async def post(self, key, body):
        path = f"{API}/{self.session_id}/messages"
        return await self.client.ok("POST", path, body, **{"Idempotency-Key": key})

    async def judge(self):
        """Once each on the wire, in order; done in the journal; nothing left in Redis."""
        for row in self.rows:
            await self.client.delivered(self.session_id, row["messageId"])
        ledger = [(entry["id"], entry["count"]) for entry in await self.client.ledger(PHONE)]
        assert ledger == [(row["waMessageId"], 1) for row in self.rows]
        page = await self.client.ok("GET", f"{API}/{self.session_id}/messages?direction=out&limit=1000")
        accepted = [one["messageId"] for one in reversed(page["messages"])]
        assert accepted == [row["messageId"] for row in self.rows]
        await until("nothing is queued", self.idle)

    async def idle(self):
        with connect(f"unix://{socket_path(self.data / 'redis')}") as redis:
            depths = LaneQueues(redis, self.session_id, calendar).look()
        return depths.marked and (depths.queued, depths.scheduled, depths.taken) == (0, 0, 0)


class Within(Stage):
    """The service is in this process; Redis and Chromium are not."""

    def __init__(self, house, session_id, trap):
        super().__init__(house.service.settings.data, house.client, session_id, trap)
        self.house = house

    def pid(self, victim):
        if victim == "redis":
            return self.house.service._embedded.pid
        return next(iter(self.house.pids(self.session_id)), None)

    async def fall(self, victim, step):
        before = self.pid(victim)

        def strike():
            kill(before)
            if victim == "chromium" and step in AT_WHATSAPP:
                raise Lost("the page is dead")

        async def back():
            return self.pid(victim) not in {None, before}

        await self.under(step, strike)
        await until(f"{victim} is back", back)
        await self.client.status(self.session_id, "ready")
        await self.judge()

    async def wiped(self, step):
        def strike():
            with connect(f"unix://{socket_path(self.data / 'redis')}") as redis:
                redis.flushall()

        await self.under(step, strike)
        await self.judge()

    async def under(self, step, strike):
        """Send while that happens at that step of the second message."""
        self.trap.set(step, 2, strike)
        self.rows += [await self.post(key, body) for key, body in self.messages()]

        async def struck():
            return self.trap.sprung.is_set()

        await until(f"{step} is reached", struck)


class Outside(Stage):
    """The service is a process of its own, which comes with a trap inside."""

    def __init__(self, service, trap):
        super().__init__(service.data, None, None, trap)
        self.service = service
        self.order = service.data.with_name("order")
        service.command = [sys.executable, "-m", "tests.service.steps", str(self.order)]

    async def start(self):
        self.client = await self.service.start()

    def arm(self, step, count=2):
        if step in AT_WHATSAPP:
            self.trap.set(step, count, self.strike)
            return
        written = self.order.with_suffix(".new")
        written.write_text(f"{step} {count}", encoding="utf-8")
        written.rename(self.order)

    def strike(self):
        kill(self.service.process.pid)
        raise Lost("the service is dead, and the page with it")

    async def again(self):
        """Once it is dead, start it anew."""
        assert await asyncio.to_thread(self.service.process.wait, 30) == -signal.SIGKILL
        self.order.unlink(missing_ok=True)
        await self.start()

    async def fall(self, step):
        self.arm(step)
        messages = self.messages()
        answered = {}
        try:
            for key, body in messages:
                answered[key] = await self.post(key, body)
        except aiohttp.ClientError:
            pass  # it is dead, or dies at this moment
        await self.again()
        rows = {key: await self.post(key, body) for key, body in messages}
        assert {key: row["messageId"] for key, row in answered.items()}.items() <= {
            (key, row["messageId"]) for key, row in rows.items()
        }
        self.rows += rows.values()
        await self.client.status(self.session_id, "ready")
        await self.judge()


@pytest.fixture
def trap(monkeypatch):
    """Before the simulator."""
    made = Trap()
    tell_whatsapp(made, monkeypatch.setattr)
    return made


@pytest.fixture
async def within(trap, open_house, monkeypatch):
    tell(trap, monkeypatch.setattr)
    monkeypatch.setattr(tree, "SERVERS", BackOff(min=0.05, max=0.2, retry_first_start=True))
    house = await open_house(reconnect_max_delay=0.5)
    return Within(house, await house.client.linked("1", "2", PHONE), trap)


@pytest.fixture
async def outside(trap, process):  # noqa: F811
    stage = Outside(process, trap)
    await stage.start()
    stage.session_id = await stage.client.linked("1", "2", PHONE)
    return stage


async def test_redis_and_chromium_die_at_some_steps_of_a_send(within):
    for step in ("queued", "after_begin", "on_wire", "after_end"):
        await within.fall("redis", step)
    for step in ("after_pop", "acked", "after_job"):
        await within.wiped(step)
    for step in ("called", "on_wire"):
        await within.fall("chromium", step)


async def test_the_service_dies_at_some_steps_of_a_send(outside):
    for step in ("journaled", "on_wire"):
        await outside.fall(step)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("victim", ["redis", "chromium"])
async def test_redis_or_chromium_dies_at_a_step_of_a_send(within, victim, step):
    await within.fall(victim, step)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
async def test_redis_is_wiped_at_a_step_of_a_send(within, step):
    await within.wiped(step)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
async def test_the_service_dies_at_a_step_of_a_send(outside, step):
    await outside.fall(step)


@pytest.mark.long
async def test_a_bulk_send_that_a_kill_cut_short_is_completed_by_the_same_request(outside):
    path, key = f"{API}/{outside.session_id}/messages/bulk", {"Idempotency-Key": "newsletter"}
    some = {"messages": [{"to": f"4917600{number:05}", "text": "news"} for number in range(120)]}
    outside.arm("journaled", 90)  # a hundred are accepted at once, so the last twenty never were
    with pytest.raises(aiohttp.ClientError):
        await outside.client.ok("POST", path, some, **key)
    await outside.again()
    answer = await outside.client.ok("POST", path, some, **key)
    assert (answer["accepted"], answer["refused"]) == (120, 0)
    outside.rows = answer["messages"]
    await outside.judge()


@pytest.fixture
def lost(monkeypatch):
    """By sender, at which step its first message gets no answer, though nobody dies."""
    steps = {"491510000001": "called", "491510000002": "on_wire"}

    def passed(step, sender):
        if steps.get(sender) == step:
            del steps[sender]
            raise Lost("nobody knows")

    tell_whatsapp(passed, monkeypatch.setattr)
    monkeypatch.setattr(assembly, "Courier", partial(Courier, retries=RetryPolicy(base=0.1)))
    return steps


async def test_a_send_without_an_answer_is_looked_for_and_goes_again_only_if_it_never_went(lost, open_house):
    house = await open_house(send_deadline=1.0)
    client, phones = house.client, tuple(lost)
    sessions = [await client.linked(str(number), "1", phone) for number, phone in enumerate(phones)]
    rows = {one: [await client.send(one, FRIEND, text) for text in ("lost", "next")] for one in sessions}
    for session_id, phone in zip(sessions, phones, strict=True):
        first, second = [await client.delivered(session_id, row["messageId"]) for row in rows[session_id]]
        assert (first["attempts"] > 1, second["attempts"]) == (True, 1)
        wire = [(entry["id"], entry["count"]) for entry in await client.ledger(phone)]
        assert wire == [(first["waMessageId"], 1), (second["waMessageId"], 1)]
    assert not lost
