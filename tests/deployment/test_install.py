"""config/install/system decides rightly on systems unlike this one: its package manager is scripted."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .dockerfile import ROOT

TOOLS = ("sh", "env", "cat", "rm", "mktemp")
EVERYTHING = (
    "chromium-headless-shell",
    "chromium",
    "chromedriver",
    "tini",
    "setpriv",
    "update-ca-certificates",
)


class Machine:
    """A PATH with only what a test puts there, and a package manager that writes down its calls."""

    def __init__(self, place: Path) -> None:
        """Start with a Debian that has nothing, and root."""
        self.bin = place / "bin"
        self.bin.mkdir()
        self.calls = place / "calls"
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.add("id", "echo 0")
        self.add("dpkg-query", "exit 1")
        self.add("apt-cache", "exit 0")
        self.add("apt-get", f'echo "$@" >>{self.calls}')

    def add(self, name: str, script: str = "exit 0") -> None:
        """Put a program there."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def install(self, *groups: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script there."""
        return subprocess.run(
            [ROOT / "config/install/system", *groups],
            env={"PATH": str(self.bin), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def installed(self) -> set[str]:
        """The packages that the package manager was asked for."""
        last = self.calls.read_text().splitlines()[-1].split() if self.calls.exists() else []
        return {word for word in last if not word.startswith("-") and "=" not in word and word != "install"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A bare Debian."""
    return Machine(tmp_path)


def test_a_bare_debian_gets_the_browsers_and_what_the_service_runs_on(machine):
    done = machine.install("runtime")
    assert done.returncode == 0, done.stderr
    assert machine.installed() == {
        "python3",
        "util-linux",
        "tini",
        "ca-certificates",
        "chromium-headless-shell",
        "chromium",
        "chromium-driver",
    }


def test_what_the_service_runs_on_has_no_build_tools(machine):
    machine.install("runtime")
    assert (
        machine.installed() & {"npm", "nodejs", "python3-venv", "gcc", "git", "make", "postgresql"} == set()
    )


def test_only_what_is_missing_is_installed(machine):
    for name in EVERYTHING[1:]:
        machine.add(name)
    machine.add("python3")
    done = machine.install("runtime")
    assert machine.installed() == {"chromium-headless-shell"}
    assert done.stdout == "system: installing chromium-headless-shell\n"


def test_an_installed_package_is_not_missing_though_its_program_has_another_name(machine):
    machine.add("dpkg-query", 'case "$*" in *" nodejs") echo installed;; *) exit 1;; esac')
    machine.add("python3")
    machine.install("build")
    assert machine.installed() == {"npm"}


def test_nothing_missing_asks_for_nothing(machine):
    for name in (*EVERYTHING, "python3", "node", "npm"):
        machine.add(name)
    machine.add("id", "echo 1000")
    done = machine.install("runtime", "build")
    assert (done.returncode, done.stdout) == (0, "system: nothing is missing (runtime build)\n")
    assert not machine.calls.exists()


def test_a_browser_of_the_user_s_own_is_enough(machine, tmp_path):
    own = tmp_path / "chrome"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    machine.install("runtime", PUPPETEER_EXECUTABLE_PATH=str(own), CHROMEDRIVER_PATH=str(own))
    assert machine.installed() == {"python3", "util-linux", "tini", "ca-certificates"}


def test_without_root_it_says_what_to_run(machine):
    machine.add("id", "echo 1000")
    for name in (*EVERYTHING[2:], "python3"):
        machine.add(name)
    done = machine.install("runtime")
    assert done.returncode == 1
    assert "needs root or sudo; run: apt-get install chromium-headless-shell chromium\n" in done.stderr
    assert not machine.calls.exists()


def test_sudo_is_used_when_it_asks_nothing(machine):
    machine.add("id", "echo 1000")
    machine.add("sudo", 'if [ "$1" = -n ]; then exit 0; fi\nexec "$@"')
    assert machine.install("runtime").returncode == 0
    assert "tini" in machine.installed()


def test_sudo_that_would_ask_is_not_used_without_a_terminal(machine):
    machine.add("id", "echo 1000")
    machine.add("sudo", "exit 1")
    assert machine.install("runtime").returncode == 1
    assert not machine.calls.exists()


def test_a_system_without_chromium_packages_is_told_what_to_set(machine):
    machine.add("apt-cache", 'case "$2" in chromium*) exit 100;; esac')
    done = machine.install("runtime")
    assert done.returncode == 1
    assert "have no chromium-headless-shell chromium chromium-driver." in done.stderr
    assert "CHROMIUM_PATH and CHROMEDRIVER_PATH" in done.stderr
    assert "install" not in machine.calls.read_text()


def test_another_system_than_debian_is_told_what_it_lacks(machine):
    (machine.bin / "apt-get").unlink()
    done = machine.install("runtime")
    assert done.returncode == 1
    assert "tini" in done.stderr
    assert "not Debian or Ubuntu" in done.stderr


def test_what_the_package_manager_says_is_shown_when_it_fails(machine):
    machine.add("apt-get", "echo no space left >&2; exit 100")
    done = machine.install("runtime")
    assert done.returncode == 1
    assert "no space left" in done.stderr


@pytest.mark.parametrize("groups", [(), ("everything",)])
def test_a_wrong_call_is_refused(groups, machine):
    done = machine.install(*groups)
    assert done.returncode == 1
    assert "runtime, build" in done.stderr


@pytest.mark.parametrize("script", ["python", "node", "system", "pins.py"])
def test_the_scripts_can_be_run(script):
    assert os.access(ROOT / "config/install" / script, os.X_OK)


def test_the_python_step_refuses_an_unknown_mode_and_a_python_that_is_too_old(tmp_path):
    script = ROOT / "config/install/python"
    wrong = subprocess.run([script, "fast"], capture_output=True, text=True, check=False, timeout=90)
    assert (wrong.returncode, "run, dev or image" in wrong.stderr) == (1, True)
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    call = [script, "run", tmp_path / "venv"]
    environment = {**os.environ, "PYTHON": str(old)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-extras.txt", "requirements-build.txt"])
def test_what_the_service_and_its_image_install_holds_nothing_of_the_gpl_extra(name):
    pins = (ROOT / "config" / name).read_text()
    assert "undetected" not in pins
    assert "undetected" in (ROOT / "config" / "requirements-dev.txt").read_text(), (
        "its tests would be skipped"
    )
