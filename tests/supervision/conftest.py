"""Fixtures of the supervision tests: a virtual tree, and proof that nothing leaks."""

import logging
import threading
import time
from collections.abc import Iterator

import pykka
import pytest

from supervision.handle import ActorThread
from supervision.testing import VirtualTree


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No actor thread and no registered actor outlives its test."""
    yield
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        left = [t.name for t in threading.enumerate() if isinstance(t, ActorThread)]
        if not left and not pykka.ActorRegistry.get_all():
            return
        time.sleep(0.005)
    pytest.fail(f"leaked threads {left}, actors {pykka.ActorRegistry.get_all()}")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Scripted crashes are expected: keep their tracebacks out of the report."""
    logging.getLogger("pykka").setLevel(logging.WARNING)
    caplog.set_level(logging.INFO, logger="supervision")


@pytest.fixture
def tree() -> Iterator[VirtualTree]:
    with VirtualTree(seed=1) as made:
        yield made
