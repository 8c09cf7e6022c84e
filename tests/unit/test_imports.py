"""Imports go down only, and the lower storeys stay publishable on their own."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "supervision": {"supervision", "pykka"},
    "actors": {"actors", "supervision", "structlog"},
}


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import, wherever it stands. A relative one names no package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.split(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").split(".")[0]


def strangers(package: str) -> list[str]:
    """Imports that the package may not have."""
    allowed = ALLOWED[package] | sys.stdlib_module_names
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imported(path.read_text(encoding="utf-8"))
        if name not in allowed
    ]


def test_no_storey_imports_one_above_it():
    tool = Path(sys.executable).with_name("lint-imports")
    call = [tool, "--no-logo", "--no-cache"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", ALLOWED)
def test_a_lower_storey_imports_nothing_but_what_it_may(package):
    assert strangers(package) == []


def test_an_import_is_found_wherever_it_stands():
    source = (
        "import a.b, c\nfrom d.e import f\nfrom . import g\ndef h():\n    if i:\n        from j import k\n"
    )
    assert [name for _, name in imported(source)] == ["a", "c", "d", "j"]
