"""What `undetected-chromedriver` (the extra `stealth`, GPL-3.0) gives: a ChromeDriver that leaves no marks.

A ChromeDriver plants variables of its own into every document, and pages look for them. The library knows the
place in the program and overwrites it; here it does so on a private copy and in a process of its own, so none
of it is ever loaded into the service. Its own way to start and end browsers is not used: see
docs/decisions/0043.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import structlog

from actors.errors import ProcessError
from wahook.marks import child_environment

log = structlog.get_logger(__name__)

LIBRARY = "undetected_chromedriver"
SECONDS = 60.0
# A given program keeps the library from downloading one, `data_path` from making a folder in somebody's home.
PATCH = f"""
import sys
from {LIBRARY}.patcher import Patcher
Patcher.data_path = sys.argv[2]
patcher = Patcher(executable_path=sys.argv[1])
patcher.auto()
sys.exit(not patcher.is_binary_patched())
"""


def require_extra() -> None:
    """ProcessError says what to install when the library is not there. Does not load it."""
    if find_spec(LIBRARY) is None:
        raise ProcessError("undetected-chromedriver is not installed: pip install 'wahook[stealth]'")


def patched_driver(original: Path, folder: Path, *, owner: str) -> Path:
    """The patched copy of `original` in `folder` (0700); made when there is none of this version. Blocking.

    A second or two for the first, nothing after that; copies of other versions are removed. ProcessError when
    the library is missing or cannot do it.
    """
    require_extra()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = original.stat()
        copy = folder / f"chromedriver-{found.st_size}-{found.st_mtime_ns}"
        if not copy.exists():
            _make(original, copy, owner)
        for other in set(folder.glob("chromedriver-*")) - {copy}:
            other.unlink()
    except OSError as error:
        raise ProcessError(f"no ChromeDriver can be patched in {folder}: {error.strerror}") from error
    return copy


def _make(original: Path, copy: Path, owner: str) -> None:
    """It has its name only once it is patched."""
    draft = copy.with_name("draft")
    shutil.copyfile(original, draft)
    draft.chmod(0o700)
    _patch(draft, owner)
    draft.replace(copy)
    log.info("stealth.driver_patched", original=str(original))


def _patch(program: Path, owner: str) -> None:
    try:
        done = subprocess.run(
            (sys.executable, "-c", PATCH, str(program), str(program.parent)),
            env=child_environment(owner, "stealth"),
            cwd=program.parent,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"undetected-chromedriver did not patch it within {SECONDS:g} s") from None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2][:200]
        raise ProcessError(f"undetected-chromedriver cannot patch this ChromeDriver. {last}".rstrip())
