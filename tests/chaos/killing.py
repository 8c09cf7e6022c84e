"""What chaos does to processes: by the seed, to whoever is alive."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil


def browsers(house) -> list[int]:
    """The main process of every session's browser."""
    sessions = house.service.system.snapshot(order="start").find("sessions")["children"]
    return [pid for one in sessions for child in one.get("children", [])[:1] for pid in _pids(child)]


def renderers(house) -> list[int]:
    """The renderers of every session's browser."""
    found = []
    for pid in browsers(house):
        with suppress(psutil.Error):
            found += [
                child.pid
                for child in psutil.Process(pid).children(recursive=True)
                if "--type=renderer" in child.cmdline()
            ]
    return found


def chromedrivers(house) -> list[int]:
    """The one ChromeDriver."""
    return _pids(house.service.system.snapshot().find("chromedriver"))


def redis(house) -> list[int]:
    """The embedded Redis."""
    return _pids(house.service.system.snapshot().find("redis"))


def _pids(node) -> list[int]:
    return (node.get("os") or {}).get("pids", []) if node else []


VICTIMS = {"browser": browsers, "renderer": renderers, "chromedriver": chromedrivers, "redis": redis}


def kill(house, kind: str, rng, number: int = signal.SIGKILL) -> bool:
    """Send the signal to one of that kind; False when none is alive at this moment."""
    pids = VICTIMS[kind](house)
    if not pids:
        return False
    with suppress(ProcessLookupError):
        os.kill(rng.choice(pids), number)
        return True
    return False
