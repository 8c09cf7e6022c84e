"""A real Valkey for all tests of the outbox, and one for each test that hurts it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.outbox.house import DEADLINE, House, living
from wahook.loop import LoopThread
from wahook.outbox.connection import connect
from wahook.outbox.server import EmbeddedRedis


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("outbox-tests")
    thread.start()
    yield thread
    assert thread.stop(DEADLINE)


@pytest.fixture(scope="session")
def shared_server(loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"), loop=loop, owner=f"outbox-tests-{os.getpid()}")
    server.start(lambda _: None).result(DEADLINE)
    yield server
    server.stop().result(DEADLINE)


@pytest.fixture
def owner() -> str:
    """Nobody else's: a server that starts kills what carries its owner's mark, also that of another run."""
    return f"outbox-{uuid4().hex[:12]}"


@pytest.fixture
def server(loop: LoopThread, tmp_path: Path, owner: str) -> Iterator[EmbeddedRedis]:
    """A server of this test's own, not started."""
    made = EmbeddedRedis(tmp_path / "redis", loop=loop, owner=owner)
    yield made
    made.stop().result(DEADLINE)


@pytest.fixture
def url(shared_server: EmbeddedRedis) -> str:
    """The shared server, emptied."""
    connect(shared_server.url).flushall()
    return shared_server.url


@pytest.fixture
def make_house(tmp_path: Path, url: str) -> Iterator[Callable[..., House]]:
    with ExitStack() as stack:

        def make(**more: Any) -> House:
            return stack.enter_context(living(House(tmp_path, more.pop("url", url), **more)))

        yield make


def eventually(condition: Callable[[], Any], deadline: float = DEADLINE) -> None:
    """Wait for what nobody can be told of: another process's state."""
    until = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.005)
