"""The service's processes as an outsider finds them: by the marker that each carries in its environment."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from wahook.processes import owner_of


def marked(data: Path) -> dict[str, list[psutil.Process]]:
    """By the marker's name (`redis`, `chromedriver`, `browser:<session>`), leaders first; no zombies."""
    prefix, found = f"{owner_of(data)}:", {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            mark = process.environ().get("WAHOOK_OWNED", "")
            if mark.startswith(prefix) and process.status() != psutil.STATUS_ZOMBIE:
                found.setdefault(mark.removeprefix(prefix), []).append(process)
    for group in found.values():
        group.sort(key=lambda process: process.pid)
        _add_renderers(group)
    return found


def _add_renderers(group: list[psutil.Process]) -> None:
    """A renderer writes its title over its environment."""
    known = {process.pid for process in group}
    with suppress(psutil.Error):
        children = group[0].children(recursive=True)
        group += [one for one in children if one.pid not in known and one.status() != psutil.STATUS_ZOMBIE]


def victim(data: Path, kind: str, session_id: str) -> int | None:
    """The pid of that kind of process, of that session if it is a session's; None when there is none now."""
    group = marked(data).get(f"browser:{session_id}" if kind in ("browser", "renderer") else kind, [])
    for process in group:
        with suppress(psutil.Error):
            if kind != "renderer" or "--type=renderer" in process.cmdline():
                return process.pid
    return None


def strike(pid: int, how: str) -> None:
    """`kill`, `term` or `hang`."""
    number = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "hang": signal.SIGSTOP}[how]
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def frozen(data: Path) -> list[str]:
    """What still stands still after a SIGSTOP."""
    return [
        f"{name} {process.pid}"
        for name, group in marked(data).items()
        for process in group
        if process.is_running() and process.status() == psutil.STATUS_STOPPED
    ]
