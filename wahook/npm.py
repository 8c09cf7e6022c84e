"""Where npm has put the browser's parts."""

from __future__ import annotations

from pathlib import Path

from actors.errors import ProcessError

HERE = Path(__file__).parents[1]


def find_module_file(relative: str) -> Path:
    """A file below node_modules: of the working directory, else beside the installed package.

    ProcessError with what to do when it is in neither.
    """
    for root in (Path.cwd(), HERE):
        path = root / "node_modules" / relative
        if path.is_file():
            return path
    raise ProcessError(f"{relative} is missing: run `make setup` (npm ci)")
