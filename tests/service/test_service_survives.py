"""What must survive the end of the service itself, clean or not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque

import aiohttp
import pytest

from tests.service.house import API, Client, ours, until

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


class Process:
    """`wahook serve` as an operator runs it, in a process of its own."""

    def __init__(self, data, simulator_url, http):
        self.data = data
        self.simulator_url = simulator_url
        self.http = http
        self.process = None
        self.more = {}
        self.command = [sys.executable, "-m", "wahook", "serve"]

    async def start(self):
        environment = {
            **os.environ,
            "WAHOOK_DATA": str(self.data),
            "WHATSAPP_URL": self.simulator_url,
            "WAHOOK_API_KEY": "the-key",
            "PORT": "0",
            "RECONNECT_BASE_DELAY": "0.2",
            "SESSION_RATE_LIMIT": "1000/second",
            "USER_RATE_LIMIT": "1000/second",
            "LOG_FORMAT": "json",
            **self.more,
        }
        self.process = subprocess.Popen(self.command, env=environment, stderr=subprocess.PIPE, text=True)
        base = await asyncio.wait_for(asyncio.to_thread(self._address), 30)
        self.reader = asyncio.create_task(asyncio.to_thread(self._drain))
        return Client(base, self.simulator_url, self.http)

    def _address(self):
        said = deque(maxlen=20)
        for line in self.process.stderr:
            if "listening on " in line:
                return line.split("listening on ")[1].strip()
            said.append(line)
        raise AssertionError(f"the service ended with {self.process.wait()}\n{''.join(said)}")

    def _drain(self):
        self.log = self.process.stderr.read()

    async def end(self, number):
        began = time.monotonic()
        self.process.send_signal(number)
        code = await asyncio.wait_for(asyncio.to_thread(self.process.wait), 30)
        return code, time.monotonic() - began


@pytest.fixture
async def process(simulator, tmp_path):
    async with aiohttp.ClientSession() as http:
        process = Process(tmp_path / "data", simulator.url, http)
        yield process
        if process.process is not None and process.process.poll() is None:
            process.process.kill()
            process.process.wait()
    await until("strays gone", lambda: _none_left(tmp_path / "data"))


async def _none_left(data):
    return ours(data) == []


async def test_a_killed_service_leaves_no_process_and_loses_nothing(process):
    client = await process.start()
    session_id = await client.linked("1", "2", PHONE)
    await client.ok("POST", f"{API}/{session_id}/stop")
    accepted = [await client.send(session_id, FRIEND, f"number {n}") for n in range(5)]
    await client.ok("POST", f"{API}/{session_id}/start")
    await process.end(signal.SIGKILL)
    await until("children die with the service", lambda: _none_left(process.data))
    missed = await client.write(PHONE, FRIEND, "while the service was dead")

    again = await process.start()
    await again.status(session_id, "ready")
    for message in accepted:
        await again.delivered(session_id, message["messageId"])
    wire = await again.on_wire()
    assert [wire[message["waMessageId"]] for message in accepted] == [1] * 5

    async def arrived():
        return [one["waMessageId"] for one in await again.incoming(session_id)] == [missed]

    await until("the message that came meanwhile", arrived)


async def test_a_service_that_is_asked_to_stop_does_so_quickly_and_comes_back_as_it_was(process):
    client = await process.start()
    up = await client.linked("1", "1", "491510000001")
    down = await client.linked("1", "2", "491510000002")
    await client.ok("POST", f"{API}/{down}/stop")
    code, took = await process.end(signal.SIGTERM)
    assert code == 0
    assert took < 10
    assert ours(process.data) == []

    again = await process.start()
    await again.status(up, "ready")
    assert (await again.session(down))["status"] == "stopped"


async def test_a_service_that_is_asked_to_stop_keeps_its_queues(process):
    client = await process.start()
    session_id = await client.linked("1", "2", PHONE)
    await client.ok("POST", f"{API}/{session_id}/stop")
    accepted = [await client.send(session_id, FRIEND, f"number {n}") for n in range(5)]
    code, took = await process.end(signal.SIGTERM)
    assert (code, took < 10) == (0, True)

    again = await process.start()
    for message in accepted:
        assert (await again.message(session_id, message["messageId"]))["status"] == "queued"
    await again.ok("POST", f"{API}/{session_id}/start")
    for message in accepted:
        await again.delivered(session_id, message["messageId"])
    ledger = sorted(await again.ledger(), key=lambda entry: entry["at"])
    assert [entry["id"] for entry in ledger] == [message["waMessageId"] for message in accepted]
    assert {entry["count"] for entry in ledger} == {1}


async def test_a_second_service_on_the_same_data_is_refused(process):
    await process.start()
    second = Process(process.data, process.simulator_url, process.http)
    with pytest.raises(AssertionError, match="ended with 1"):
        await second.start()


async def test_the_log_tells_no_secrets(process):
    client = await process.start()
    session_id = await client.linked("1", "2", PHONE)
    sent = await client.send(session_id, FRIEND, "between you and me")
    await client.delivered(session_id, sent["messageId"])
    await client.write(PHONE, FRIEND, "and the reply")
    await until("reply", lambda: client.incoming(session_id))
    await process.end(signal.SIGTERM)
    await asyncio.wait_for(process.reader, 10)
    for secret in ("between you and me", "and the reply", "the-key", PHONE, FRIEND):
        assert secret not in process.log
    lines = [json.loads(line) for line in process.log.splitlines() if line.startswith("{")]
    assert {"session.status", "browser.launched", "service.stopped"} <= {line["event"] for line in lines}
