"""Chromium really starts and runs a page; ChromeDriver fits it; the scripts for the page are there."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from actors.errors import Fault, ProcessError
from wahook.browser.channel import DevToolsChannel
from wahook.browser.finding import BrowserFinding, BrowserKind, find_browser, find_chromedriver
from wahook.browser.makers import LocalMaker, sandbox_available
from wahook.browser.page import Page
from wahook.browser.stealth import require_extra
from wahook.doctor.findings import Finding, broken, doubtful, fine
from wahook.loop import LoopThread
from wahook.npm import find_module_file
from wahook.processes import owner_of, sweep
from wahook.settings import Settings
from wahook.whatsapp.preload import Preload, find_wa_js

START_SECONDS = 20.0
CALL_SECONDS = 10.0
VERSION_SECONDS = 10.0


def check_chromium(settings: Settings) -> Finding:
    """Find it, start it as a session would, and run a script in its page."""
    try:
        finding = find_browser(settings.chromium_path, settings.browser_kind)
    except ProcessError as error:
        return broken("chromium", "not found", str(error).rpartition(": ")[2] or str(error))
    try:
        if finding.kind is BrowserKind.UNDETECTED:
            require_extra()
    except ProcessError as error:
        what, _, remedy = str(error).partition(": ")
        return broken("chromium", what, remedy)
    try:
        version = _run_a_page(finding)
    except (Fault, TimeoutError) as error:
        reason = _last_line(str(error)) or type(error).__name__
        return broken("chromium", f"{finding.path} does not start: {reason}", _remedy(reason))
    sandbox = "sandboxed" if sandbox_available() else "without its sandbox (root, or no user namespaces)"
    return fine("chromium", f"{finding.kind} {version} at {finding.path}, {sandbox}")


def _run_a_page(finding: BrowserFinding) -> str:
    scratch = Path(tempfile.mkdtemp(prefix="wahook-doctor-"))
    loop = LoopThread("doctor")
    loop.start()
    owner = owner_of(scratch)
    try:
        return loop.submit(_visit(LocalMaker(finding, owner=owner), scratch)).result(4 * START_SECONDS)
    finally:
        loop.stop(5.0)
        sweep(owner)
        shutil.rmtree(scratch, ignore_errors=True)


async def _visit(maker: LocalMaker, scratch: Path) -> str:
    async with asyncio.timeout(2 * START_SECONDS):
        browser = await maker.launch("doctor", scratch / "profile")
        try:
            channel = await DevToolsChannel.connect(browser.endpoint, CALL_SECONDS)
            page = await Page.attach(channel, CALL_SECONDS)
            if await page.evaluate("6 * 7", CALL_SECONDS) != 42:
                raise ProcessError("its page does not calculate")
            version = await channel.call("Browser.getVersion", {}, deadline=CALL_SECONDS)
            await channel.close()
        finally:
            browser.process.kill_group()
            await browser.process.ended(CALL_SECONDS)
    return str(version["product"]).rpartition("/")[2]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _remedy(reason: str) -> str:
    if "shared librar" in reason:
        return "install what it needs: apt-get install --reinstall chromium-headless-shell, or ldd it"
    return "start it by hand with --headless --dump-dom about:blank and read what it says"


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    major: str | None


def _version_of(program: Path) -> _Said:
    """What it says to --version. OSError or subprocess.SubprocessError."""
    done = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True, timeout=VERSION_SECONDS
    )
    found = re.search(r"(\d+)\.\d+\.\d+(?:\.\d+)?", done.stdout)
    return _Said(found[0] if found else done.stdout.strip()[:60], found[1] if found else None)


def check_chromedriver(settings: Settings) -> Finding:
    """It answers, and is of the browser's major version. Sessions do without it."""
    try:
        driver = find_chromedriver(settings.chromedriver_path)
    except ProcessError as error:
        if settings.chromedriver_path is not None:
            return broken("chromedriver", str(error), "correct CHROMEDRIVER_PATH or leave it out")
        return doubtful("chromedriver", "not found; DevTools does its work", "install chromium-driver")
    try:
        said = _version_of(driver)
        browser = _version_of(find_browser(settings.chromium_path, settings.browser_kind).path)
    except ProcessError:
        return fine("chromedriver", f"{said.text} at {driver}; no browser to compare it with")
    except (OSError, subprocess.SubprocessError) as error:
        return broken(
            "chromedriver", f"{driver} does not start: {type(error).__name__}", "reinstall chromium-driver"
        )
    if None not in (said.major, browser.major) and said.major != browser.major:
        return doubtful(
            "chromedriver",
            f"{said.text} at {driver}, but Chromium is {browser.text}",
            "install the same version of both; until then DevTools does its work",
        )
    return fine("chromedriver", f"{said.text} at {driver}")


def check_wa_js(settings: Settings) -> Finding:
    """The bundle is there and readable; its version."""
    try:
        path = find_wa_js(settings.wa_js_path)
        Preload.read(path)
    except ProcessError as error:
        return broken("wa-js", str(error), "run `make setup` (npm ci), or set WA_JS_PATH")
    return fine("wa-js", f"{_package_version(path)} at {path}")


def _package_version(bundle: Path) -> str:
    for folder in bundle.resolve().parents[:3]:
        try:
            return str(json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError):
            continue
    return "unknown version"


def check_dashboard(_: Settings) -> Finding:
    """The dashboard's Socket.IO client is there; without it the service does not start."""
    try:
        return fine("dashboard", str(find_module_file("socket.io-client/dist/socket.io.esm.min.js")))
    except ProcessError as error:
        return broken("dashboard", str(error), "run `make setup` (npm ci) where the service is started")
