#!/usr/bin/env python3
"""Writes config/requirements*.txt: every package that pyproject.toml's ranges lead to, in one exact version.

    pins.py              keep today's versions where the ranges still allow them; add and drop what changed
    pins.py --upgrade    the newest versions that fit together

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
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONFIG = Path(__file__).resolve().parent.parent
UNPINNED = {"stealth"}  # GPL: installed by whoever wants it, never by us
PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")
HEADER = """\
# {what}
# Made by `make pins` from pyproject.toml's ranges: edit those. `make pins ARGS=--upgrade` renews all.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in one version, perhaps for some Pythons only, and what it needs in turn."""

    name: str
    version: str
    needs: tuple[Requirement, ...] = ()
    condition: str = ""

    def __str__(self) -> str:
        """As a line of a requirements file."""
        return f"{self.name}=={self.version}" + (f"; {self.condition}" if self.condition else "")


Pins = dict[str, Pin]  # by canonical name


def resolve(wanted: Iterable[str], constraints: Path) -> Pins:
    """Ask pip what these lead to on this Python. Ends the program, after pip's own words, if it cannot."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        call = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--dry-run"]
        call += ["--ignore-installed", "--report", report.name, "--constraint", str(constraints), *wanted]
        if subprocess.run(call, check=False).returncode:
            sys.exit("pins: pip finds no versions that fit together; try --upgrade")
        found = [entry["metadata"] for entry in json.load(report)["install"]]
    return {
        canonicalize_name(data["name"]): Pin(
            data["name"], data["version"], tuple(map(Requirement, data.get("requires_dist", ())))
        )
        for data in found
    }


def applies(marker: Marker) -> bool:
    """Whether some Python on this platform needs it. Extras that nobody asked for are not needed."""
    return any(
        marker.evaluate({"python_full_version": python, "python_version": python.rpartition(".")[0]})
        for python in PYTHONS
    )


def elsewhere(pins: Pins, constraints: Path) -> Pins:
    """What these need on other Pythons than this one, each with its condition."""
    found: Pins = {}
    for needed in (needed for pin in pins.values() for needed in pin.needs):
        name = canonicalize_name(needed.name)
        if needed.marker and name not in pins | found and applies(needed.marker):
            plain = resolve([f"{needed.name}{needed.specifier}"], constraints)[name]
            found[name] = replace(plain, condition=str(needed.marker))
    return found


def conditional(wanted: Iterable[str], pins: Pins) -> Pins:
    """Those that pyproject.toml itself wants under a condition only."""
    asked: dict[str, Marker] = {
        canonicalize_name(needed.name): needed.marker for needed in map(Requirement, wanted) if needed.marker
    }
    return {name: replace(pin, condition=str(asked[name])) for name, pin in pins.items() if name in asked}


def pin_all(wanted: list[str], constraints: Path) -> Pins:
    """Every package that these lead to, on any Python."""
    here = resolve(wanted, constraints)
    return here | conditional(wanted, here) | elsewhere(here, constraints)


def write(name: str, what: str, pins: Pins) -> None:
    """Replace a requirements file."""
    lines = sorted(map(str, pins.values()), key=str.lower)
    (CONFIG / name).write_text(HEADER.format(what=what) + "".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"pins: {len(lines)} in {name}\n")


def todays() -> str:
    """Today's pins as constraints."""
    text = "".join(path.read_text() for path in sorted(CONFIG.glob("requirements*.txt")))
    return re.sub(r"(?m)^#.*\n|;.*$", "", text)


def without(pins: Pins, known: Pins) -> Pins:
    """Those that are not known yet."""
    return {name: pin for name, pin in pins.items() if name not in known}


def main() -> None:
    """Resolve all together first: service, optional parts and tools must fit into one environment."""
    project = tomllib.loads((CONFIG.parent / "pyproject.toml").read_text())
    service = project["project"]["dependencies"]
    optional = project["project"]["optional-dependencies"].items()
    extras = [line for name, lines in optional if name not in UNPINNED for line in lines]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        constraints = Path(file.name)
        constraints.write_text("" if "--upgrade" in sys.argv[1:] else todays())
        everything = pin_all([*service, *extras, *project["dependency-groups"]["dev"]], constraints)
        constraints.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in everything.values()))
        needed = pin_all(service, constraints)
        parts = pin_all([*service, *extras], constraints)
        backend = resolve(project["build-system"]["requires"], constraints)
    write("requirements.txt", "What the service runs on.", needed)
    write(
        "requirements-extras.txt", "What the service's optional parts need besides.", without(parts, needed)
    )
    write("requirements-dev.txt", "What tests and checks need besides.", without(everything, parts))
    write("requirements-build.txt", "What builds the package.", backend)


if __name__ == "__main__":
    main()
