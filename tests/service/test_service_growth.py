"""Nothing grows with the messages that went through, nor with the restarts that were needed."""

import asyncio
import os
import signal

import aiohttp
import pytest

from tests.service.growth import MB, measured, simulator_process, slope, table
from tests.service.house import API, Client, House, ours, settings_for, until
from wahook.service import Service

PHONE = "491510000001"
FRIEND = "491769999999"

pytestmark = [pytest.mark.browser]


@pytest.fixture
async def house(tmp_path):
    async with simulator_process() as url, aiohttp.ClientSession() as http:
        service = Service(
            settings_for(tmp_path / "data", url, reconnect_base_delay=0.05, memory_limit_mb=4000)
        )
        address = await asyncio.to_thread(service.start)
        house = House(service, None, Client(f"http://{address}", url, http))
        yield house
        await asyncio.to_thread(service.stop)
    assert ours(tmp_path / "data") == []


async def exchange(client, session_id, count):
    """So many messages through the service, half in each direction, each seen to its end."""
    before = len(client.sent)
    for number in range(count // 2):
        accepted = await client.send(session_id, FRIEND, f"out {before} {number}")
        await client.write(PHONE, FRIEND, f"in {before} {number}")
    last_in = client.arrived[-1]

    async def through():
        row = await client.message(session_id, accepted["messageId"])
        page = await client.ok("GET", f"{API}/{session_id}/messages?direction=in&limit=10")
        here = {one["waMessageId"] for one in page["messages"]}
        return row["status"] in ("sent", "delivered", "read") and last_in in here

    await until("all are through", through, patience=120)


async def over_messages(house, warm_up, blocks, size):
    session_id = await house.client.linked()
    await exchange(house.client, session_id, warm_up)
    found = [await measured(house, session_id, 0)]
    for block in range(blocks):
        await exchange(house.client, session_id, size)
        found.append(await measured(house, session_id, (block + 1) * size))
    print(table(found))
    return found


async def restart(house, session_id, number):
    """By hand, by the death of the browser, or by recycling, in turn."""
    client, before = house.client, house.pids(session_id)
    if number % 2:
        os.kill(before[0], signal.SIGKILL)
    else:
        await client.ok("POST", f"{API}/{session_id}/restart")

    async def fresh():
        pids = house.pids(session_id)
        return pids and pids != before and (await client.session(session_id))["status"] == "ready"

    await until("a fresh browser", fresh)


async def over_restarts(house, warm_up, blocks, size):
    session_id, number = await house.client.linked(), 0
    for number in range(warm_up):
        await restart(house, session_id, number)
    found = [await measured(house, session_id, 0)]
    for block in range(blocks):
        for number in range(block * size, (block + 1) * size):
            await restart(house, session_id, number)
        found.append(await measured(house, session_id, (block + 1) * size))
    print(table(found))
    return found


def judge_process(found, *, objects_each, bytes_each=None):
    """`bytes_each`: only where the run is long enough for the process's own noise to even out."""
    assert bytes_each is None or slope(found, "rss") < bytes_each
    assert slope(found, "objects") < objects_each
    assert max(one.threads for one in found) - found[0].threads <= 2
    assert max(one.fds for one in found) - found[0].fds <= 4


async def test_nothing_grows_with_a_few_hundred_messages(house):
    found = await over_messages(house, warm_up=100, blocks=4, size=50)
    judge_process(found, objects_each=40)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_nothing_grows_with_two_thousand_messages(house):
    found = await over_messages(house, warm_up=2000, blocks=20, size=100)
    judge_process(found, bytes_each=2_000, objects_each=5)
    assert slope(found, "browser") < 8_000
    assert found[-1].browser - found[0].browser < 20 * MB


async def test_nothing_grows_with_a_dozen_restarts(house):
    found = await over_restarts(house, warm_up=4, blocks=3, size=4)
    judge_process(found, objects_each=500)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_nothing_grows_with_two_hundred_restarts(house):
    found = await over_restarts(house, warm_up=20, blocks=10, size=20)
    judge_process(found[2:], bytes_each=20_000, objects_each=20)  # the first forty fill caches
