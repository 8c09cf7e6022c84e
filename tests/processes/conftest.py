"""One loop for the folder; an owner of its own for each test, swept at the end."""

import uuid
from collections.abc import Iterator

import pytest

from wahook.loop import LoopThread
from wahook.processes import sweep


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("test-loop")
    thread.start()
    yield thread
    assert thread.stop(20)


@pytest.fixture
def owner() -> Iterator[str]:
    name = uuid.uuid4().hex[:12]
    yield name
    sweep(name)
