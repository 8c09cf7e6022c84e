"""The image: linted, made by the set-up scripts, small at the end; and its steps, run without an engine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .dockerfile import HOME, ROOT, Step, copy, run, stages, texts

BUILD, FINAL = stages((ROOT / "Dockerfile").read_text())
SHIPPED = {".py", ".js", ".html", ".css", ".svg", ".typed"}
NEEDS_PACKAGES = "config/install/system"


def test_the_linter_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint is published for Linux on x86_64 only")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_build_stage_runs_the_set_up_scripts_and_nothing_else():
    assert texts(BUILD, "RUN") == [
        "config/install/system build",
        "config/install/node",
        "config/install/python image",
    ]


def test_the_final_stage_installs_only_what_the_service_runs_on():
    commands = [part.strip() for text in texts(FINAL, "RUN") for part in text.split("&&")]
    assert commands[0] == "config/install/system runtime"
    assert {command.split()[0] for command in commands[1:]} == {"rm", "useradd", "install"}
    assert not any(
        word in text for text in texts(FINAL, "RUN") for word in (" pip ", "npm", "apt-get", "gcc")
    )


def test_both_stages_stand_on_the_same_slim_debian():
    assert [stage[0].text.split(" AS ")[0] for stage in (BUILD, FINAL)] == ["debian:12-slim"] * 2
    assert texts(BUILD, "WORKDIR") == texts(FINAL, "WORKDIR") == [HOME]


def test_the_service_is_no_root_is_reaped_by_tini_and_is_asked_for_its_health():
    (user,) = texts(FINAL, "USER")
    assert int(user) > 0
    assert f"--uid {user} " in " ".join(texts(FINAL, "RUN"))
    assert json.loads(texts(FINAL, "ENTRYPOINT")[0])[:2] == ["tini", "--"]
    assert texts(FINAL, "VOLUME") == []  # Railway refuses it
    assert texts(FINAL, "EXPOSE") == ["4000"]
    assert "config/healthcheck.py" in texts(FINAL, "HEALTHCHECK")[0]
    environment = dict(pair.split("=", 1) for text in texts(FINAL, "ENV") for pair in text.split())
    assert (environment["HOST"], environment["WAHOOK_DATA"]) == ("0.0.0.0", "/data")  # noqa: S104
    assert environment["PATH"].startswith(f"{HOME}/.venv/bin:")


def test_nothing_is_copied_that_the_engine_does_not_get():
    rules = (ROOT / ".dockerignore").read_text().split()
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = [
        source
        for step in BUILD + FINAL
        if step.word == "COPY" and not step.from_stage
        for source in step.sources
    ]
    assert "*" in rules
    assert [source for source in copied if source.split("/")[0] not in sent] == []
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [name for name in sent if not any(source.split("/")[0] == name for source in copied)] == []


def do(steps: list[Step], home: Path, earlier: Path | None = None) -> list[str]:
    """Do a stage's COPYs and those of its RUNs that need no package manager."""
    said = []
    for step in steps:
        if step.word == "COPY":
            copy(step, ROOT, home, earlier)
        elif step.word == "RUN" and step.text.startswith("config/") and NEEDS_PACKAGES not in step.text:
            said.append(run(step.text, home))
    return said


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The final stage's working directory, built as the Dockerfile says; the build stage's is beside it."""
    place = tmp_path_factory.mktemp("image")
    home, build = place / "home", place / "build"
    home.mkdir()
    do(BUILD, home)
    again = do([step for step in BUILD if step.word == "RUN"], home)
    assert all("up to date" in said for said in again), again
    home.rename(build)  # both stages use one path, as there
    home.mkdir()
    do(FINAL, home, earlier=build)
    return home


@pytest.mark.timeout(300)
def test_the_image_imports_its_own_copy_of_the_project(image):
    names = "supervision", "actors", "wahook.settings", "wahook.simulator"
    code = f"import {', '.join(names)}; print(wahook.settings.__file__, wahook.simulator.__file__, sep='\\n')"
    for place in run(f'{image}/.venv/bin/python -c "{code}"', image.parent).split():
        assert Path(place).is_relative_to(image)


@pytest.mark.timeout(300)
def test_the_image_has_every_file_of_the_packages(image):
    (installed,) = (image / ".venv").glob("lib/python3*/site-packages")
    source = image.with_name("build")
    for package in ("wahook", "actors", "supervision"):
        files = {path.relative_to(source) for path in (source / package).rglob("*") if path.suffix in SHIPPED}
        assert files
        assert [str(path) for path in sorted(files) if not (installed / path).is_file()] == []


@pytest.mark.timeout(300)
def test_the_image_has_what_the_pages_need_and_no_installer(image):
    assert (image / "node_modules/@wppconnect/wa-js/dist/wppconnect-wa.js").is_file()
    assert (image / "node_modules/socket.io-client/dist/socket.io.esm.min.js").is_file()
    assert {path.name for path in image.iterdir()} == {"LICENSE", "config", "node_modules", ".venv"}
    tools = re.compile(r"pip|setuptools|wheel|ruff|mypy|pytest|hadolint")
    (installed,) = (image / ".venv").glob("lib/python3*/site-packages")
    assert [path.name for path in installed.iterdir() if tools.match(path.name)] == []
    assert [path.name for path in (image / ".venv/bin").iterdir() if tools.match(path.name)] == []


@pytest.mark.timeout(300)
@pytest.mark.skipif(not (ROOT / "wahook/cli.py").exists(), reason="there is no command yet")
def test_the_image_s_command_starts(image):
    command, *_ = json.loads(texts(FINAL, "ENTRYPOINT")[0])[2:]
    assert "serve" in run(f"{image}/.venv/bin/{command} --help", image.parent)
