"""The browser parts without WhatsApp: real Chromium of each kind, a page served from here."""

import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from actors.errors import ProcessError
from wahook.browser.driver import ChromeDriver
from wahook.browser.finding import BrowserFinding, BrowserKind, find_browser, find_chromedriver
from wahook.browser.makers import LocalMaker
from wahook.browser.stealth import LIBRARY, patched_driver
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


@pytest.fixture(scope="module", params=list(BrowserKind), ids=str)
def finding(request: pytest.FixtureRequest) -> BrowserFinding:
    """Each kind of browser in turn; skipped where it is not installed."""
    if request.param is BrowserKind.UNDETECTED and find_spec(LIBRARY) is None:
        pytest.skip("undetected-chromedriver is not installed: the extra `stealth`")
    try:
        return find_browser(kind=request.param)
    except ProcessError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def maker(owner: str, finding: BrowserFinding) -> LocalMaker:
    return LocalMaker(finding, owner=owner, start_deadline=40)


@pytest.fixture(scope="module")
def driver_path(owner: str, finding: BrowserFinding, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ChromeDriver that goes with it."""
    path = find_chromedriver()
    if finding.kind is not BrowserKind.UNDETECTED:
        return path
    return patched_driver(path, tmp_path_factory.mktemp("stealth"), owner=owner)


@pytest.fixture(scope="module")
def driver(loop: LoopThread, owner: str, driver_path: Path) -> Iterator[ChromeDriver]:
    process = ChromeDriver(driver_path, loop=loop, owner=owner)
    process.start(lambda _: None).result(40)
    yield process
    process.stop().result(40)
