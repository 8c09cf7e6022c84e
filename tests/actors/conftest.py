"""A session with hand-driven parts, new and ready."""

import pytest

from actors.messages import StateChanged
from supervision.testing import VirtualTree
from tests.actors.parts import CONNECTED, World


@pytest.fixture
def world():
    with VirtualTree() as tree:
        yield World(tree)


@pytest.fixture
def ready(world):
    world.start()
    world.answer("open")
    world.page(StateChanged(CONNECTED))
    world.answer("recent_incoming", ())
    world.events.clear()
    world.lane.clear()
    return world
