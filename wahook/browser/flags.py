"""Chromium's command line: measured to be lean, the same for every session but for profile and proxy. Pure.

`chromium-headless-shell` with these takes about 53 MB beside a page; a full Chromium in new headless mode is
the whole browser, and the features switched off here keep its hidden pages from opening.
"""

from __future__ import annotations

from pathlib import Path

from wahook.browser.finding import FULL, BrowserKind
from wahook.browser.proxy import Proxy

DISK_CACHE_BYTES = 16 * 1024 * 1024  # a profile stays small on a small volume

LEAN = (
    "--disable-gpu",
    "--in-process-gpu",
    "--disable-dev-shm-usage",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-client-side-phishing-detection",
    "--disable-domain-reliability",
    "--disable-hang-monitor",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    # What a page stores is on disk after 1 s; without it after 5 s at first, later after minutes.
    "--enable-aggressive-domstorage-flushing",
    "--noerrdialogs",
)
# A page nobody looks at must still keep its timers: WhatsApp's own keep-alive runs on them.
AWAKE = (
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
ENABLED = ("NetworkServiceInProcess2",)
DISABLED = (
    "Translate",
    "MediaRouter",
    "OptimizationHints",
    "IntensiveWakeUpThrottling",
    "CalculateNativeWinOcclusion",
)
# The hidden pages of a full Chromium; each holds a renderer of its own.
DISABLED_FULL = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "Glic",
    "InterestFeedContentSuggestions",
    "AutofillServerCommunication",
)


UNDETECTED = (
    # Else `navigator.webdriver` is true in every headless browser, and in every one with a DevTools port.
    "--disable-blink-features=AutomationControlled",
    "--screen-info={1024x768}",  # the default is a screen that is smaller than the window on it
)


def headless(kind: BrowserKind) -> str:
    """How a program is told to open no window."""
    return "--headless=new" if kind in FULL else "--headless"


def arguments(
    kind: BrowserKind,
    profile: Path,
    *,
    user_agent: str | None,
    sandbox: bool,
    proxy: Proxy | None = None,
) -> tuple[str, ...]:
    """Everything after the program's name. `user_agent` None: Chromium's own, which says headless."""
    disabled = DISABLED + (DISABLED_FULL if kind in FULL else ())
    return (
        headless(kind),
        *LEAN,
        *AWAKE,
        f"--enable-features={','.join(ENABLED)}",
        f"--disable-features={','.join(disabled)}",
        # The zygote is what the sandbox is made from; without a sandbox it is 8 MB for nothing.
        *(() if sandbox else ("--no-sandbox", "--no-zygote")),
        *((f"--user-agent={user_agent}",) if user_agent else ()),
        *(UNDETECTED if kind is BrowserKind.UNDETECTED else ()),
        *(proxy.arguments if proxy else ()),
        f"--disk-cache-size={DISK_CACHE_BYTES}",
        "--window-size=1024,768",
        "--remote-debugging-port=0",
        "--remote-debugging-address=127.0.0.1",
        f"--user-data-dir={profile}",
        "about:blank",
    )


def honest_user_agent(own: str) -> str:
    """Chromium's own user agent as a window of it would send it: not headless, its version reduced."""
    text = own.replace("HeadlessChrome/", "Chrome/")
    head, found, rest = text.partition("Chrome/")
    if not found:
        return text
    version, _, tail = rest.partition(" ")
    return f"{head}Chrome/{version.split('.')[0]}.0.0.0 {tail}".rstrip()
