"""A real Chromium: launched, attached to by Selenium, killed, and nothing left."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.errors import Fault, ProcessError
from wahook.browser.channel import DevToolsChannel
from wahook.browser.driver import ChromeDriver, SeleniumFault, SeleniumSeat
from wahook.browser.finding import FULL, BrowserFinding, BrowserKind, find_browser
from wahook.browser.makers import LaunchedBrowser, LocalMaker
from wahook.browser.page import Page
from wahook.browser.singletons import release_dead_singletons
from wahook.loop import LoopThread

pytestmark = pytest.mark.browser
PATIENCE = 50.0  # seconds, on a busy machine
CALL = 20.0


@contextlib.contextmanager
def browser(
    loop: LoopThread, maker: LocalMaker, profile: Path, name: str = "browser:x"
) -> Iterator[LaunchedBrowser]:
    launched = loop.submit(maker.launch(name, profile)).result(PATIENCE)
    try:
        yield launched
    finally:
        launched.process.kill_group()
        loop.submit(launched.process.ended(5)).result(PATIENCE)
        loop.submit(maker.clean(name, profile)).result(PATIENCE)


async def user_agent_in(endpoint: str) -> tuple[str, bool]:
    channel = await DevToolsChannel.connect(endpoint, CALL)
    page = await Page.attach(channel, CALL)
    await page.wake(CALL)
    answer = (
        await page.evaluate("navigator.userAgent", CALL),
        await page.evaluate("document.hasFocus()", CALL),
    )
    await channel.close()
    return answer


def test_each_kind_of_browser_launches_and_does_not_say_that_it_is_headless(
    loop: LoopThread, maker: LocalMaker, tmp_path: Path
):
    with browser(loop, maker, tmp_path / "profile") as launched:
        agent, focused = loop.submit(user_agent_in(launched.endpoint)).result(PATIENCE)
    assert "Headless" not in agent
    assert "Chrome/" in agent
    assert focused, "a page that believes nobody looks is throttled"


def test_killing_the_browser_leaves_no_process_and_no_lock(
    loop: LoopThread, maker: LocalMaker, tmp_path: Path
):
    with browser(loop, maker, tmp_path) as launched:
        family = psutil.Process(launched.process.pid).children(recursive=True)
        # A full Chromium locks its profile; the headless shell does not.
        assert (tmp_path / "SingletonLock").is_symlink() == (maker.finding.kind in FULL)
        os.kill(launched.process.pid, signal.SIGKILL)
        loop.submit(launched.process.ended(5)).result(PATIENCE)
        assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not list(tmp_path.glob("Singleton*"))


def test_a_new_incarnation_kills_the_one_that_still_holds_the_profile(
    loop: LoopThread, maker: LocalMaker, tmp_path: Path
):
    with browser(loop, maker, tmp_path) as old, browser(loop, maker, tmp_path) as new:
        assert loop.submit(old.process.ended(5)).result(PATIENCE) == -signal.SIGKILL
        assert new.process.alive


def test_what_is_no_chromium_fails_within_its_deadline_and_tells_what_it_said(
    loop: LoopThread, owner: str, tmp_path: Path
):
    path = tmp_path / "chromium"
    path.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 1\n")
    path.chmod(0o755)
    maker = LocalMaker(BrowserFinding(path, BrowserKind.CHROMIUM), owner=owner, start_deadline=5)
    with pytest.raises(ProcessError, match="cannot open display"):
        loop.submit(maker.launch("browser:y", tmp_path / "p")).result(PATIENCE)


def test_selenium_attaches_takes_a_screenshot_shows_itself_unless_undetected_and_leaves_the_browser_alive(
    loop: LoopThread, maker: LocalMaker, driver: ChromeDriver, tmp_path: Path
):
    with browser(loop, maker, tmp_path) as launched:
        seat = SeleniumSeat(driver, launched.debugger_address)
        loop.submit(seat.navigate("data:text/html,<h1>hello</h1>", CALL)).result(PATIENCE)
        loop.submit(until_loaded(launched.endpoint, "data:text/html")).result(PATIENCE)
        assert loop.submit(seat.screenshot(CALL)).result(PATIENCE).startswith(b"\x89PNG")
        signs = loop.submit(until_loaded(launched.endpoint, "data:text/html", SIGNS)).result(PATIENCE)
        assert signs == [maker.finding.kind is not BrowserKind.UNDETECTED] * 2, "what a page sees of a driver"
        loop.submit(seat.leave()).result(PATIENCE)
        assert launched.process.alive
        loop.submit(until_loaded(launched.endpoint, "data:text/html")).result(PATIENCE)


SIGNS = "[navigator.webdriver, Object.getOwnPropertyNames(window).some((name) => name.startsWith('cdc_'))]"


async def until_loaded(endpoint: str, beginning: str, expression: str = "null") -> Any:
    """What the expression is worth once the page is there."""
    channel = await DevToolsChannel.connect(endpoint, CALL)
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Fault):  # in the middle of its navigation
                page = await Page.attach(channel, CALL)
                address = await page.evaluate("document.readyState === 'complete' && location.href", CALL)
                if str(address).startswith(beginning):
                    found = await page.evaluate(expression, CALL)
                    break
            await asyncio.sleep(0.02)
    await channel.close()
    return found


def test_a_seat_attaches_by_itself_to_the_chromedriver_that_replaced_a_dead_one(
    loop: LoopThread, owner: str, maker: LocalMaker, driver_path: Path, tmp_path: Path
):
    own = ChromeDriver(driver_path, loop=loop, owner=f"{owner}x")
    own.start(lambda _: None).result(PATIENCE)
    with browser(loop, maker, tmp_path) as launched:
        seat = SeleniumSeat(own, launched.debugger_address)
        loop.submit(seat.attach(CALL)).result(PATIENCE)
        own.kill()
        loop.submit(wait_dead(own)).result(PATIENCE)
        with pytest.raises(SeleniumFault, match="no ChromeDriver"):
            loop.submit(seat.screenshot(5)).result(PATIENCE)
        own.start(lambda _: None).result(PATIENCE)
        assert loop.submit(seat.screenshot(CALL)).result(PATIENCE).startswith(b"\x89PNG")
    own.stop().result(PATIENCE)


async def wait_dead(server: ChromeDriver) -> None:
    assert server._process is not None
    await server._process.ended(5)


def test_the_lock_of_a_living_holder_is_refused_and_of_any_other_number_removed(tmp_path: Path):
    lock = tmp_path / "SingletonLock"
    assert release_dead_singletons(tmp_path) is False
    lock.symlink_to(f"{socket.gethostname()}-{os.getpid()}")  # alive, but no browser on this profile
    (tmp_path / "SingletonCookie").symlink_to("1")
    assert release_dead_singletons(tmp_path) is True
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_browser_that_lives_on_this_profile_is_not_touched(
    loop: LoopThread, owner: str, tmp_path: Path
):
    full = LocalMaker(find_browser(kind=BrowserKind.CHROMIUM), owner=owner)
    with browser(loop, full, tmp_path), pytest.raises(ProcessError, match="in use"):
        release_dead_singletons(tmp_path)
