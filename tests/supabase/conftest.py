"""The mirror before a server that obeys the test, or a real one (`-m supabase`, `make supabase`)."""

from collections.abc import AsyncIterator

import pytest

from .house import House
from .postgrest import KEY, Postgrest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave those with the real server out of the default run: it is a large install for nothing else."""
    if "supabase" in config.option.markexpr:
        return
    chosen = [item for item in items if item.get_closest_marker("supabase") is None]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
async def postgrest() -> AsyncIterator[Postgrest]:
    server = Postgrest()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def open_house(tmp_path, postgrest):
    """A function that starts a house on this test's data; all are stopped."""
    houses = []

    def start(**changes) -> House:
        values = {"data": tmp_path, "url": postgrest.url, "key": KEY} | changes
        houses.append(House(**values).start())
        return houses[-1]

    yield start
    for house in houses:
        house.stop()


@pytest.fixture
def house(open_house) -> House:
    return open_house()
