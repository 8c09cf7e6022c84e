"""The round: every check, each with a deadline, in the order in which people read them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from wahook.doctor import browser, machine, mirror, network, stores
from wahook.doctor.findings import Finding, broken
from wahook.settings import Settings

Check = Callable[[Settings], Finding]
DEADLINE = 60.0  # every check has shorter ones of its own; this one is for what they missed

CHECKS: Sequence[tuple[str, Check]] = (
    ("volume", machine.check_volume),
    ("profiles", machine.check_profiles),
    ("memory", machine.check_memory),
    ("api key", machine.check_key),
    ("service", machine.check_service),
    ("chromium", browser.check_chromium),
    ("chromedriver", browser.check_chromedriver),
    ("wa-js", browser.check_wa_js),
    ("dashboard", browser.check_dashboard),
    ("redis", stores.check_redis),
    ("database", stores.check_database),
    ("supabase", mirror.check_mirror),
    ("network", network.check_whatsapp),
)


def visit(settings: Settings, checks: Sequence[tuple[str, Check]] = CHECKS) -> list[Finding]:
    """All findings, in order. The checks run side by side; never raises."""
    running = [(name, _begin(name, partial(check, settings))) for name, check in checks]
    return [_settled(name, future) for name, future in running]


def _begin(name: str, check: Callable[[], Finding]) -> Future[Finding]:
    future: Future[Finding] = Future()

    def run() -> None:
        try:
            future.set_result(check())
        except Exception as error:  # noqa: BLE001  # a check that breaks is a finding, too
            future.set_exception(error)

    threading.Thread(target=run, name=f"doctor {name}", daemon=True).start()
    return future


def _settled(name: str, future: Future[Finding]) -> Finding:
    try:
        return future.result(DEADLINE)
    except TimeoutError:
        return broken(name, f"no result within {DEADLINE:.0f} s", "look at the machine: disk, memory, load")
    except Exception as error:  # noqa: BLE001
        # its text may hold an address with a password
        return broken(name, f"the check itself failed: {type(error).__name__}", "please report this")
