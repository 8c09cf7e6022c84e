"""Rules of the house that a tool can keep: nothing committed tells where it was made; rooms stay small."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("supervision", "actors", "wahook")
MAY_PRINT = {"wahook/cli.py", "wahook/operator_cli.py", "wahook/demo.py", "wahook/doctor.py"}
# Put together here, so that this file does not name what it looks for.
PUBLIC = [".".join(name.split()) for name in ("pypi org", "files pythonhosted org", "registry npmjs org")]
PLACES = re.compile(r"(?<![\w.])/(?:root|work|home/\w+)/")
ENDS_OF_THE_TREE = {"wahook/demo.py", "wahook/doctor/mirror.py", "wahook/edge/server.py", "wahook/service.py"}
LINES = 400
BIG = 512 * 1024


def tracked() -> list[str]:
    """Committed files, and those that would be, by their path from the top."""
    call = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(call, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def lines(names: list[str]) -> Iterator[tuple[str, str]]:
    """Place and text of every line of the text files among them."""
    for name in names:
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
                yield f"{name}:{number}", line


def modules() -> list[Path]:
    """Every Python file of the packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="no checkout"
)


def registries() -> set[str]:
    """The public registries' hosts, and those that this machine is set up to use."""
    said = [path.read_text() for path in Path("/etc/apt").rglob("*.sources")]
    asked = (["npm", "config", "get", "registry"], [sys.executable, "-m", "pip", "config", "list"])
    said += [subprocess.run(call, capture_output=True, text=True, check=True).stdout for call in asked]
    return {*PUBLIC, *re.findall(r"https?://(?:[^/@\s]*@)?([^/:\s']+)", "\n".join(said))}


def test_no_file_names_a_package_registry_s_host():
    hosts = registries()
    assert [place for place, line in lines(tracked()) if any(host in line for host in hosts)] == []


def test_no_file_names_a_path_of_the_machine_it_was_made_on():
    assert [place for place, line in lines(tracked()) if PLACES.search(line)] == []


@pytest.mark.parametrize(
    "lock", ["package-lock.json", "tests/fidelity/package-lock.json", "tests/fidelity/node/package-lock.json"]
)
def test_lock_files_hold_integrity_and_no_address(lock):
    text = (ROOT / lock).read_text()
    packages = json.loads(text)["packages"]
    assert '"resolved"' not in text
    assert [n for n, it in packages.items() if n and not it.get("inBundle") and "integrity" not in it] == []


def test_nothing_of_third_parties_is_committed():
    names = tracked()
    assert [name for name in names if "node_modules" in name or name.endswith((".min.js", ".whl"))] == []
    assert [name for name in names if (ROOT / name).stat().st_size > BIG] == []


def test_every_requirement_is_pinned_to_one_version():
    pin = re.compile(r"[\w.-]+==[\w.!+]+(; .+)?")
    for path in sorted((ROOT / "config").glob("requirements*.txt")):
        listed = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert [line for line in listed if not pin.fullmatch(line)] == []


def test_no_module_is_over_400_lines():
    assert {
        str(path.relative_to(ROOT)): n for path in modules() if (n := path.read_text().count("\n")) > LINES
    } == {}


def calls(path: Path, name: str) -> Iterator[int]:
    """Lines where a plain function of this name is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.lineno


def test_only_commands_print():
    quiet = [path for path in modules() if str(path.relative_to(ROOT)) not in MAY_PRINT]
    assert [f"{path.relative_to(ROOT)}:{line}" for path in quiet for line in calls(path, "print")] == []


def test_no_module_changes_a_global_but_the_composition_root():
    changers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Global) and path != ROOT / "wahook/service.py"
    ]
    assert changers == []


def test_nobody_in_the_tree_waits_for_an_actor():
    """Questions are asked in `asking` and by the lanes; who asks awaits it on a loop or a lane's thread."""
    asking = {
        str(path.relative_to(ROOT))
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (node.attr == "ask_async" or ast.unparse(node) == "asyncio.run")
        and "supervision" not in path.parts
    }
    assert asking == {"wahook/asking.py", "wahook/outbox/gate.py", *ENDS_OF_THE_TREE}


def test_no_test_folder_can_be_taken_for_a_package_of_ours():
    assert (ROOT / "tests/__init__.py").exists(), "without it tests/actors would be imported as actors"


def test_no_handler_swallows_everything_in_silence():
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert silent == []
