"""The operator's commands, against a running edge."""

import json
import subprocess
import sys

import pytest
import structlog
import typer
from typer.testing import CliRunner

from tests.ports import free_port
from wahook.operator_cli import REFUSED, UNREACHABLE, mount
from wahook.settings import Settings

from .conftest import KEY


@pytest.fixture
def settings(running, tmp_path) -> Settings:
    return Settings(host="127.0.0.1", port=int(running.url.rpartition(":")[2]), data=tmp_path, api_key=KEY)


@pytest.fixture(autouse=True)
def quiet():
    """The service's log would stand between the command's lines: here both are one process."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def wahook(settings):
    """Runs a command with these settings."""

    def run(*arguments: str, given: Settings = settings):
        app = typer.Typer()
        mount(app, lambda: given)
        return CliRunner().invoke(app, arguments)

    return run


def test_the_tree_is_printed_as_text_or_json(wahook):
    shown = wahook("tree")
    assert shown.exit_code == 0
    assert "├─● steady" in shown.output
    assert json.loads(wahook("tree", "--json").output)["schema_version"] == 1
    assert "user_1_wa_1" not in wahook("tree", "--depth", "1").output
    assert "steady" not in wahook("tree", "--state", "failed", "--state", "wedged").output


def test_verbs_are_carried_out_in_the_operators_name(wahook, running):
    shown = wahook("restart", "sessions/user_1_wa_1")
    assert (shown.exit_code, shown.output) == (0, "restart sessions/user_1_wa_1: running\n")
    assert wahook("stop", "steady").output == "stop steady: stopped\n"
    assert wahook("start", "steady").output == "start steady: running\n"
    named = {entry.by for entry in running.operations.transitions() if entry.by}
    assert len(named) == 1
    assert named.pop().endswith("@cli")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("retry", "steady"), REFUSED, "running"),
        (("restart", "nobody"), REFUSED, "not_found"),
        (("restart", "two words"), REFUSED, "body.path"),
        (("tree", "--state", "odd"), REFUSED, "query.state"),
        (("tree", "--depth", "-1"), 2, "depth"),
        (("restart",), 2, "argument"),
    ],
)
def test_a_refusal_says_why_and_has_its_exit_code(wahook, arguments, code, says):
    shown = wahook(*arguments)
    assert shown.exit_code == code
    assert says in shown.output + shown.stderr


def test_a_service_that_is_down_is_said_plainly(wahook, settings):
    port = free_port()
    shown = wahook("tree", given=settings.model_copy(update={"port": port}))
    assert shown.exit_code == UNREACHABLE
    assert f"no service answers at http://127.0.0.1:{port}" in shown.stderr


def test_a_key_that_is_missing_or_wrong_is_said_plainly(wahook, settings):
    shown = wahook("tree", given=settings.model_copy(update={"api_key": None}))
    assert shown.exit_code == UNREACHABLE
    assert "set WAHOOK_API_KEY" in shown.stderr
    (settings.data / "api-key").write_text("stale\n")
    shown = wahook("tree", given=settings.model_copy(update={"api_key": None}))
    assert shown.exit_code == REFUSED
    assert "does not accept this key" in shown.stderr


def test_the_key_is_found_in_the_services_file(wahook, settings):
    (settings.data / "api-key").write_text(f"{KEY}\n")
    shown = wahook("tree", given=settings.model_copy(update={"api_key": None, "host": "0.0.0.0"}))  # noqa: S104
    assert "steady" in shown.output


def test_watching_draws_again_until_it_is_interrupted(settings):
    program = (
        # a suite that runs in a shell's background hands down an ignored Ctrl-C
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import typer; from wahook.operator_cli import mount; from wahook.settings import Settings\n"
        "app = typer.Typer(); mount(app, Settings); app()"
    )
    environment = {"PORT": str(settings.port), "WAHOOK_API_KEY": KEY, "WAHOOK_DATA": str(settings.data)}
    watching = subprocess.Popen(
        [sys.executable, "-c", program, "tree", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        seen = 0
        for line in watching.stdout:
            seen += "steady" in line
            if seen == 2:
                break
        watching.send_signal(2)
        assert watching.wait(30) == 0
    finally:
        watching.kill()
        watching.stdout.close()
        watching.wait(10)
