"""The browser parts without WhatsApp: real Chromium, a page served from here."""

import uuid
from collections.abc import Iterator

import pytest

from wahook.browser.finding import find_browser
from wahook.browser.makers import LocalMaker
from wahook.loop import LoopThread
from wahook.processes import sweep


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("test-browser-loop")
    thread.start()
    yield thread
    assert thread.stop(5)


@pytest.fixture(scope="module")
def owner() -> Iterator[str]:
    name = uuid.uuid4().hex[:12]
    yield name
    assert sweep(name) == [], "something was left behind"


@pytest.fixture(scope="module")
def maker(owner: str) -> LocalMaker:
    return LocalMaker(find_browser(), owner=owner)
