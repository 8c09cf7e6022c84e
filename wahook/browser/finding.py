"""Where a Chromium and a ChromeDriver are on this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from actors.errors import ProcessError

Which = Callable[[str], "str | None"]

SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DRIVER_NAMES = ("chromedriver", "chromium-driver", "chromium.chromedriver")
KNOWN_FOLDERS = (
    Path("/usr/bin"),
    Path("/usr/lib/chromium"),
    Path("/usr/lib/chromium-browser"),
    Path("/usr/local/bin"),
    Path("/opt/google/chrome"),
    Path("/snap/bin"),
)
NIX_STORE = Path("/nix/store")
SCRIPT_BYTES = 4096


class BrowserKind(StrEnum):
    """What of Chromium a program is; flags and memory differ (see `flags`)."""

    HEADLESS_SHELL = "chromium-headless-shell"
    CHROMIUM = "chromium"
    UNDETECTED = "undetected-chromedriver"  # a full Chromium that does not tell pages that it is driven


FULL = frozenset({BrowserKind.CHROMIUM, BrowserKind.UNDETECTED})


@dataclass(frozen=True, slots=True)
class BrowserFinding:
    """A program that can be launched."""

    path: Path
    kind: BrowserKind


def find_browser(
    configured: Path | None = None,
    kind: BrowserKind | None = None,
    *,
    which: Which = shutil.which,
    folders: Iterable[Path] = KNOWN_FOLDERS,
    nix_store: Path = NIX_STORE,
) -> BrowserFinding:
    """The configured program, else a headless shell, else a full Chromium. ProcessError says what to do.

    `kind` None: whatever is there, told by its name. A name is looked for on PATH, then in the known folders,
    then in the Nix store. A configured path may hold a `*`, as in `/nix/store/*/bin/chromium`; where nothing
    is like it, the setting came from another machine, and the search goes on.
    """
    if configured is not None and (path := _configured(configured, "CHROMIUM_PATH")) is not None:
        return BrowserFinding(unwrapped(path), _agreed(path, kind))
    places = tuple(folders)
    for names in _names(kind):
        for path in _candidates(names, which, places, nix_store):
            return BrowserFinding(unwrapped(path), kind or kind_of(path))
    package = "chromium" if kind in FULL else "chromium-headless-shell"
    raise ProcessError(f"no Chromium found: install {package} or set CHROMIUM_PATH")


def find_chromedriver(
    configured: Path | None = None,
    *,
    which: Which = shutil.which,
    folders: Iterable[Path] = KNOWN_FOLDERS,
    nix_store: Path = NIX_STORE,
) -> Path:
    """The configured ChromeDriver, else the first found. ProcessError says what to do."""
    if configured is not None and (path := _configured(configured, "CHROMEDRIVER_PATH")) is not None:
        return path
    for path in _candidates(DRIVER_NAMES, which, tuple(folders), nix_store):
        return path
    raise ProcessError("no ChromeDriver found: install chromium-driver or set CHROMEDRIVER_PATH")


def _names(kind: BrowserKind | None) -> tuple[tuple[str, ...], ...]:
    if kind is None:
        return SHELL_NAMES, CHROMIUM_NAMES
    return (CHROMIUM_NAMES,) if kind in FULL else (SHELL_NAMES,)


def _agreed(path: Path, kind: BrowserKind | None) -> BrowserKind:
    """The wish is believed, for a program may have any name; but a headless shell is no full browser."""
    found = kind_of(path)
    if kind in FULL and found is BrowserKind.HEADLESS_SHELL:
        raise ProcessError(f"BROWSER_KIND={kind} needs a full Chromium: CHROMIUM_PATH names a headless shell")
    return kind or found


def kind_of(path: Path) -> BrowserKind:
    """Told by the program's name, links followed."""
    names = {path.name, path.resolve().name}
    shell = any(name in SHELL_NAMES or "headless-shell" in name for name in names)
    return BrowserKind.HEADLESS_SHELL if shell else BrowserKind.CHROMIUM


def unwrapped(path: Path) -> Path:
    """The program that a one-line shell script starts without `exec`, as Debian's for the headless shell.

    Such a shell would stand between us and the browser: the kernel would kill the shell with the service, and
    the browser would live on.
    """
    with path.open("rb") as file:
        head = file.read(SCRIPT_BYTES)
    if not head.startswith(b"#!"):
        return path
    lines = [line.strip() for line in head.decode(errors="replace").splitlines()[1:]]
    commands = [line for line in lines if line and not line.startswith("#")]
    match = re.fullmatch(r'(/[^\s"$]+)\s+"\$@"', commands[0]) if len(commands) == 1 else None
    return Path(match.group(1)) if match and _runnable(Path(match.group(1))) else path


def _configured(configured: Path, variable: str) -> Path | None:
    text = str(configured)
    pattern = "*" in text
    for path in sorted(Path("/").glob(text.lstrip("/"))) if pattern else [configured]:
        if _runnable(path):
            return path.absolute()
    if pattern:
        return None
    raise ProcessError(f"{variable} names no program: {configured}")


def _candidates(
    names: tuple[str, ...], which: Which, folders: tuple[Path, ...], nix_store: Path
) -> Iterator[Path]:
    yield from (Path(found) for name in names if (found := which(name)))
    yield from (path for name in names for folder in folders if _runnable(path := folder / name))
    yield from (path for name in names for path in _in_nix(nix_store, name) if _runnable(path))


def _in_nix(store: Path, name: str) -> list[Path]:
    """The newest package last installed comes first."""
    try:
        return sorted(store.glob(f"*/bin/{name}"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
