#!/usr/bin/env python3
"""Writes config/requirements*.txt: every package that pyproject.toml's ranges lead to, in one exact version.

    pins              keep today's versions where the ranges still allow them; add and drop what changed
    pins --upgrade    the newest versions that fit together

Pip resolves, with the user's own configuration; nothing is installed. Run it with the oldest Python that the
project supports: packages that only other versions of Python need are resolved too and carry their condition.
Versions are pinned, files are not: a wheel's hash differs with the machine's architecture and Python.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Environment, Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONFIG = Path(__file__).resolve().parent.parent
UNPINNED = {"stealth"}  # GPL: installed by whoever wants it, never by us
PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")
HEADER = """\
# {what}
# Made by `make pins` from pyproject.toml's ranges; edit those, not this. `make pins ARGS=--upgrade` renews all.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in one version, perhaps for some Pythons only."""

    name: str
    version: str
    condition: str = ""

    def __str__(self) -> str:
        """As a line of a requirements file."""
        return f"{self.name}=={self.version}" + (f"; {self.condition}" if self.condition else "")


def resolve(wanted: Iterable[str], constraints: Path | None) -> list[dict[str, object]]:
    """Ask pip what these lead to: the metadata of each package. Ends the program with pip's words if it cannot."""
    held = ["--constraint", str(constraints)] if constraints else []
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        call = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--dry-run"]
        done = subprocess.run([*call, "--ignore-installed", "--report", report.name, *held, *wanted], check=False)
        if done.returncode:
            sys.exit("pins: pip finds no versions that fit together; try --upgrade")
        return [entry["metadata"] for entry in json.load(report)["install"]]


def elsewhere(packages: list[dict[str, object]], known: set[str]) -> dict[str, Marker]:
    """What these packages need on another Python than this one, with the condition."""
    found: dict[str, Marker] = {}
    for package in packages:
        for line in package.get("requires_dist", ()):  # type: ignore[attr-defined]
            needed = Requirement(line)
            if needed.marker and canonicalize_name(needed.name) not in known and applies(needed.marker):
                found[str(Requirement(f"{needed.name}{needed.specifier}"))] = needed.marker
    return found


def applies(marker: Marker) -> bool:
    """Whether some Python on this platform needs it. Extras that nobody asked for are not needed."""
    return any(marker.evaluate(environment(python)) for python in PYTHONS)


def environment(python: str) -> Environment:
    """This platform with another Python."""
    here = default_environment()
    here["python_full_version"], here["python_version"] = python, python.rpartition(".")[0]
    return here


def pins(wanted: list[str], constraints: Path | None) -> dict[str, Pin]:
    """Every package that these lead to, by name."""
    packages = resolve(wanted, constraints)
    found = {canonicalize_name(str(p["name"])): Pin(str(p["name"]), str(p["version"])) for p in packages}
    others = elsewhere(packages, set(found))
    for package in resolve(others, constraints) if others else ():
        name = canonicalize_name(str(package["name"]))
        condition = next((str(m) for line, m in others.items() if canonicalize_name(Requirement(line).name) == name), "")
        found.setdefault(name, Pin(str(package["name"]), str(package["version"]), condition))
    return found


def write(path: Path, what: str, chosen: Iterable[Pin]) -> None:
    """Replace a requirements file."""
    lines = sorted(map(str, chosen), key=str.lower)
    path.write_text(HEADER.format(what=what) + "".join(f"{line}\n" for line in lines))
    print(f"pins: {len(lines)} in {path.name}")


def held(upgrade: bool) -> str:
    """Today's pins as constraints; nothing when all is to be renewed."""
    files = () if upgrade else sorted(CONFIG.glob("requirements*.txt"))
    return "".join(re.sub(r"(?m)^#.*\n", "", path.read_text()) for path in files)


def main() -> None:
    """Resolve service and tools together, so that both fit into one environment, and write the files."""
    project = tomllib.loads((CONFIG.parent / "pyproject.toml").read_text())
    service = project["project"]["dependencies"]
    optional = project["project"]["optional-dependencies"].items()
    extras = [line for name, lines in optional if name not in UNPINNED for line in lines]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(held("--upgrade" in sys.argv[1:]))
        constraints.flush()
        everything = pins([*service, *extras, *project["dependency-groups"]["dev"]], Path(constraints.name))
        constraints.write("".join(f"{pin.name}=={pin.version}\n" for pin in everything.values()))
        constraints.flush()
        needed = pins(service, Path(constraints.name))
        optional_too = pins([*service, *extras], Path(constraints.name))
        backend = pins(project["build-system"]["requires"], Path(constraints.name))
    write(CONFIG / "requirements.txt", "What the service runs on.", needed.values())
    parts = [pin for name, pin in optional_too.items() if name not in needed]
    write(CONFIG / "requirements-extras.txt", "What the service's optional parts need besides.", parts)
    tools = [pin for name, pin in everything.items() if name not in optional_too]
    write(CONFIG / "requirements-dev.txt", "What tests and checks need besides.", tools)
    write(CONFIG / "requirements-build.txt", "What builds the package.", backend.values())


if __name__ == "__main__":
    main()
