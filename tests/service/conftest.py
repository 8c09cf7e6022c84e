import asyncio

import aiohttp
import pytest

from tests.service.house import Client, House, ours, settings_for
from wahook.service import Service
from wahook.simulator import SimulatorThread


@pytest.fixture
def simulator():
    with SimulatorThread(delivery_after=0.02, read_after=0.2) as running:
        yield running


@pytest.fixture
async def open_house(simulator, tmp_path):
    """A function that starts a service on this test's data; all are stopped, and must leave nothing."""
    houses = []
    async with aiohttp.ClientSession() as http:

        async def start(**settings):
            service = Service(settings_for(tmp_path / "data", simulator.url, **settings))
            address = await asyncio.to_thread(service.start)
            houses.append(House(service, simulator, Client(f"http://{address}", simulator.url, http)))
            return houses[-1]

        yield start
        for house in houses:
            await house.close()
            await asyncio.to_thread(house.service.stop)
    assert ours(tmp_path / "data") == []


@pytest.fixture
async def house(open_house):
    return await open_house()
