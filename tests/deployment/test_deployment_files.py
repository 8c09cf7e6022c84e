"""compose.yaml, nixpacks.toml, railway.json and the systemd unit say what the service really does."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from wahook.journal.engines import make_engines
from wahook.outbox.connection import connect
from wahook.settings import Settings
from wahook.settings_sources import variable

from .dockerfile import ROOT, stages, texts

SETTINGS = {variable(name, field) for name, field in Settings.model_fields.items()}
OTHERS = {
    "PUPPETEER_EXECUTABLE_PATH",  # an alias
    "PUPPETEER_SKIP_CHROMIUM_DOWNLOAD",  # the original's; nothing is downloaded here
    "PYTHONUNBUFFERED",
}
STOP_SECONDS = 10
COMPOSE = ROOT / "config/compose.yaml"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text())


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])


def test_compose_builds_this_project_and_keeps_its_data(compose):
    service = compose["services"]["wahook"]
    assert (COMPOSE.parent / service["build"]["context"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    environment = dict(pair.split("=", 1) for text in texts(FINAL, "ENV") for pair in text.split())
    assert service["environment"]["WAHOOK_DATA"] == environment["WAHOOK_DATA"]
    assert f"data:{environment['WAHOOK_DATA']}" in service["volumes"]
    assert set(service["environment"]) <= SETTINGS
    assert seconds(service["stop_grace_period"]) > STOP_SECONDS
    assert service["ports"][0].endswith(f":{service['environment']['PORT']}")
    assert service["ports"][0].startswith("${BIND:-127.0.0.1}:")


FINAL = stages((ROOT / "Dockerfile").read_text())[1]


def test_compose_s_redis_and_postgresql_are_only_there_when_asked_for(compose):
    services = compose["services"]
    assert "profiles" not in services["wahook"]
    assert {name: one["profiles"] for name, one in services.items() if name != "wahook"} == {
        "redis": ["redis"],
        "postgres": ["postgres"],
    }
    for name, wish in services["wahook"]["depends_on"].items():
        assert (wish["required"], "healthcheck" in services[name]) == (False, True)
    used = {volume.split(":")[0] for one in services.values() for volume in one["volumes"]}
    assert used == set(compose["volumes"])
    assert "noeviction" in services["redis"]["command"]


def test_the_addresses_that_compose_offers_are_ones_that_the_service_takes():
    offered = dict(re.findall(r"# (REDIS_URL|DATABASE_URL): (\S+)", COMPOSE.read_text()))
    filled = {name: re.sub(r"\$\{\w+:\?\}", "secret", url) for name, url in offered.items()}
    settings = Settings(redis_url=filled["REDIS_URL"], database_url=filled["DATABASE_URL"])
    pool = connect(settings.redis_url.get_secret_value()).connection_pool
    assert (pool.connection_kwargs["host"], pool.connection_kwargs["password"]) == ("redis", "secret")
    engines = make_engines(settings.database, 5)
    assert (engines.write.url.host, engines.write.url.password) == ("postgres", "secret")
    engines.dispose()


def test_compose_keeps_to_the_specification():
    call = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker here")
def test_docker_compose_itself_understands_it():
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker has no compose here")
    call = ["docker", "compose", "-f", COMPOSE, "--profile", "redis", "--profile", "postgres", "config", "-q"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_railway_takes_the_image_waits_for_it_and_lets_it_end():
    railway = json.loads((ROOT / "railway.json").read_text())
    assert (ROOT / railway["build"]["dockerfilePath"]).is_file()
    deploy = railway["deploy"]
    assert deploy["requiredMountPath"] == "/data"
    assert deploy["healthcheckPath"] in ("/livez", "/readyz", "/api/health")
    assert deploy["overlapSeconds"] == 0  # two services on one volume: the second would be refused
    assert deploy["drainingSeconds"] > STOP_SECONDS
    assert not [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("VOLUME")]


def test_nixpacks_installs_with_our_scripts_and_sets_our_names():
    nixpacks = tomllib.loads((ROOT / "nixpacks.toml").read_text())
    assert set(nixpacks["variables"]) <= SETTINGS | OTHERS
    assert nixpacks["variables"]["SESSIONS_PATH"] == "/data/whatsapp-sessions"
    for command in nixpacks["phases"]["install"]["cmds"]:
        script = ROOT / command.split()[0]
        assert os.access(script, os.X_OK), script
    assert {"chromium", "chromedriver", "util-linux"} <= set(nixpacks["phases"]["setup"]["nixPkgs"])
    assert nixpacks["start"]["cmd"] == ".venv/bin/wahook serve"
    Settings(chromium_path=nixpacks["variables"]["PUPPETEER_EXECUTABLE_PATH"])


class Unit(configparser.RawConfigParser):
    def optionxform(self, text: str) -> str:
        return text


@pytest.fixture(scope="module")
def unit():
    parser = Unit()
    parser.read(ROOT / "config/wahook.service")
    return parser["Service"]


def test_the_unit_stops_as_the_service_wants_to_be_stopped(unit):
    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) > STOP_SECONDS
    assert {pair.split("=")[0] for pair in unit["Environment"].split()} <= SETTINGS | OTHERS
    assert unit["ExecStart"].endswith("/wahook serve")
    assert f"WAHOOK_DATA=/var/lib/{unit['StateDirectory']}" in unit["Environment"].split()


def test_the_unit_leaves_chromium_what_it_needs(unit):
    assert {"user", "pid", "net"} <= set(unit["RestrictNamespaces"].split())
    assert "MemoryDenyWriteExecute" not in unit
    assert {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"} <= set(unit["RestrictAddressFamilies"].split())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_understands_the_unit_and_finds_little_to_take_away(tmp_path: Path):
    here = tmp_path / "wahook.service"
    text = (ROOT / "config/wahook.service").read_text()
    here.write_text(
        text.replace("/opt/wahook/.venv/bin/wahook", "/bin/true").replace("/opt/wahook", str(ROOT))
    )
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    call = ["systemd-analyze", "security", "--offline=true", "--threshold=35", here]
    assert subprocess.run(call, capture_output=True, check=False).returncode == 0


def test_the_documents_name_only_commands_and_settings_that_there_are():
    from wahook.cli import app  # noqa: PLC0415

    commands = {one.name or one.callback.__name__ for one in app.registered_commands}
    for document in (ROOT / "docs/operations.md", ROOT / "docs/from-whatsapp-web-js.md"):
        text = document.read_text()
        named = set(re.findall(r"`(?:\.venv/bin/|/opt/wahook/\.venv/bin/)?wahook ([a-z][a-z-]+)", text))
        assert named
        assert named <= commands, named - commands
        set_here = set(re.findall(r"`([A-Z][A-Z_]+)=", text))
        assert set_here <= SETTINGS | OTHERS | {"RAILWAY_RUN_UID", "BIND", "REDIS_PASSWORD", "MEMORY"}


def test_the_documents_links_lead_somewhere():
    for document in (ROOT / "docs/operations.md", ROOT / "docs/from-whatsapp-web-js.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
