import threading

import pytest

from .house import House, Receiver


@pytest.fixture
async def receiver():
    running = await Receiver().start()
    yield running
    running.open.set()
    await running.stop()


@pytest.fixture
async def other():
    running = await Receiver().start()
    yield running
    running.open.set()
    await running.stop()


@pytest.fixture
def open_house(tmp_path):
    """A function that opens a house on this test's data folder; all are stopped, and leave no thread."""
    houses = []

    def start(**settings):
        houses.append(House(tmp_path, **settings).start())
        return houses[-1]

    yield start
    for house in houses:
        house.stop()
    left = [thread.name for thread in threading.enumerate() if thread.name == "webhooks"]
    assert left == []


@pytest.fixture
def house(open_house):
    return open_house()
