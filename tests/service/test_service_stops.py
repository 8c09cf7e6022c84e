"""SIGTERM while everything is busy or hangs: it ends in time all the same, and nothing is lost."""

import asyncio
import os
import signal

import pytest

from tests.service.house import ours, until
from tests.service.test_service_survives import process  # noqa: F401  # a fixture

pytestmark = [pytest.mark.browser]
PHONES = ["491510000001", "491510000002"]
FRIEND = "491769999999"
STRANGER = "491768888888"


@pytest.fixture
async def abyss():
    """A server that takes requests and never says a word: its port, and what was asked of it."""
    asked, writers = set(), []

    async def take(reader, writer):
        writers.append(writer)
        asked.add((await reader.readline()).decode().split(" ")[1].split("/")[1])
        await reader.read()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], asked
    server.close()
    for writer in writers:
        writer.transport.abort()


@pytest.mark.timeout(180)
async def test_a_service_whose_neighbours_and_page_hang_ends_in_time_and_loses_nothing(
    process,  # noqa: F811
    abyss,
):
    port, asked = abyss
    process.more = {
        "HEARTBEAT_INTERVAL": "1",
        "WATCHDOG_INTERVAL": "60",
        "WEBHOOKS": f"http://127.0.0.1:{port}/hook",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SUPABASE_URL": f"http://127.0.0.1:{port}",
        "SUPABASE_SERVICE_KEY": "sb_secret_test",
        "MAIL_ENDPOINT": f"http://127.0.0.1:{port}/mail",
        "AI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "AI_MODEL": "small",
        "AI_GATHER": "0.1",
    }
    client = await process.start()
    hangs = await client.linked("1", "1", PHONES[0])
    busy = await client.create("1", "2", aiEnabled=True)
    await client.link(busy, PHONES[1])
    await client.phone(f"{PHONES[1]}/faults", {"kind": "slow_ack", "seconds": 20})
    accepted = [await client.send(busy, FRIEND, f"number {number}") for number in range(5)]

    async def sending():
        return (await client.message(busy, accepted[0]["messageId"]))["status"] == "sending"

    await until("a message in flight", sending)
    await client.write(PHONES[1], STRANGER, "are you open?")
    tree = await client.ok("GET", "/api/supervision/tree")
    os.kill(browser_of(tree, hangs), signal.SIGSTOP)

    async def neighbours():
        return asked >= {"hook", "rest", "mail", "v1"}

    await until("all neighbours to be waited for", neighbours)

    async def beating():
        found = await client.ok("GET", "/api/supervision/tree")
        beat = node_of(found, f"sessions/{hangs}/keepalive/heartbeat")
        return beat["current"] is not None

    await until("a heartbeat that waits for the page", beating)
    code, took = await process.end(signal.SIGTERM)
    assert (code, took < 10) == (0, True), took
    assert ours(process.data) == []

    process.more = {}
    again = await process.start()
    for session_id in (hangs, busy):
        await again.status(session_id, "ready")
    for message in accepted:
        await again.delivered(busy, message["messageId"])
    wire = await again.on_wire()
    assert [wire[message["waMessageId"]] for message in accepted] == [1] * 5


def node_of(tree, path):
    """A node of the tree's document."""
    waiting = [tree["tree"]]
    while waiting:
        node = waiting.pop()
        if node["path"].strip("/") == path:
            return node
        waiting += node.get("children") or ()
    raise AssertionError(f"no {path}")


def browser_of(tree, session_id):
    (pid,) = node_of(tree, f"sessions/{session_id}/session")["os"]["pids"]
    return pid
