"""Everything that all sessions' browsers share, made from the settings; hands out one client per session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from actors.errors import ProcessError
from wahook.browser.driver import ChromeDriver
from wahook.browser.finding import BrowserFinding, BrowserKind, find_browser, find_chromedriver
from wahook.browser.makers import BrowserMaker, LocalMaker
from wahook.browser.proxy import parse_proxy
from wahook.browser.stealth import patched_driver
from wahook.loop import LoopThread
from wahook.processes import owner_of
from wahook.settings import Settings
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.plan import Deadlines, Plan
from wahook.whatsapp.preload import Preload, find_wa_js

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Browsers:
    """`driver` is to be supervised by its own actor; None: there is no ChromeDriver, DevTools does it all."""

    loop: LoopThread
    owner: str
    maker: BrowserMaker
    driver: ChromeDriver | None
    preload: Preload
    url: str
    deadlines: Deadlines
    media: Path = Path()

    @classmethod
    def from_settings(cls, settings: Settings, loop: LoopThread) -> Browsers:
        """Find the programs and read the scripts. ProcessError says what is missing and what to do."""
        owner = owner_of(settings.data)
        finding = find_browser(settings.chromium_path, settings.browser_kind)
        driver = _find_driver(settings, finding, owner)
        return cls(
            loop=loop,
            owner=owner,
            maker=LocalMaker(finding, owner=owner),
            driver=None if driver is None else ChromeDriver(driver, loop=loop, owner=owner),
            preload=Preload.read(find_wa_js(settings.wa_js_path)),
            url=settings.whatsapp_url,
            deadlines=Deadlines(
                open=settings.open_deadline, call=settings.page_call_deadline, close=settings.stop_deadline
            ),
            media=settings.media_path,
        )

    def client(self, session_id: str, profile: Path, proxy: str | None = None) -> PageClient:
        """A session's client; nothing runs yet. RuleBroken("bad_proxy")."""
        plan = Plan(
            session_id, profile, self.url, parse_proxy(proxy) if proxy else None, deadlines=self.deadlines
        )
        return PageClient(
            plan,
            loop=self.loop,
            maker=self.maker,
            driver=self.driver,
            preload=self.preload,
            media=self.media,
        )


def _find_driver(settings: Settings, finding: BrowserFinding, owner: str) -> Path | None:
    try:
        driver = find_chromedriver(settings.chromedriver_path)
    except ProcessError as error:
        if settings.chromedriver_path is not None or finding.kind is BrowserKind.UNDETECTED:
            raise
        log.warning("selenium.no_chromedriver", reason=str(error))
        return None
    if finding.kind is not BrowserKind.UNDETECTED:
        return driver
    return patched_driver(driver, settings.data / "stealth", owner=owner)
