"""E-mails and the mirror over REST and from the terminal: look, and have tried again."""

import json

import pytest
import structlog
import typer
from typer.testing import CliRunner

from actors.durable import Mail, MirrorChange, TaskState
from wahook.operator_cli import REFUSED
from wahook.queue_cli import mount
from wahook.settings import Settings

from .conftest import KEY, Running

DEAD, PENDING = TaskState.DEAD, TaskState.PENDING


def mail_id(number: int) -> str:
    return f"mail_{number:032x}"


@pytest.fixture
def rows(running: Running) -> dict[str, Mail]:
    """Five mails about two sessions; the odd ones are dead."""
    for number in range(1, 6):
        running.mails.rows[mail_id(number)] = Mail(
            mail_id(number),
            "disconnected",
            "ana@example.org",
            "user_1_wa_2" if number < 4 else "user_1_wa_3",
            {"reason": "LOGOUT"},
            state=DEAD if number % 2 else PENDING,
            attempts=number,
            last_error="recipient_refused 550",
            seq=number,
        )
    return running.mails.rows


@pytest.fixture
def aside(running: Running) -> list[MirrorChange]:
    """Three changes that were refused."""
    place = {"session": "user_1_wa_2", "direction": "in"}
    running.mirror.aside = [
        MirrorChange("message", "3EB01", place, 1, error="HTTP 400 22P05"),
        MirrorChange("account", "user_1_wa_2", {"columns": []}, 2, error="HTTP 409 23505"),
        MirrorChange("deleted", "user_1_wa_2", {}, 7, error="HTTP 409 23503"),
    ]
    return running.mirror.aside


async def get(client, path):
    async with client.get(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def post(client, path):
    async with client.post(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_mails_that_died_are_listed_newest_first_without_what_they_tell(client, rows):
    status, body = await get(client, "/api/mails?state=dead")
    assert status == 200
    assert [one["id"] for one in body["mails"]] == [mail_id(number) for number in (5, 3, 1)]
    assert body["mails"][0] == {
        "id": mail_id(5),
        "kind": "disconnected",
        "sessionId": "user_1_wa_3",
        "to": "ana@example.org",
        "state": "dead",
        "attempts": 5,
        "createdAt": None,
        "nextAt": None,
        "lastError": "recipient_refused 550",
    }


async def test_mails_of_one_session_come_in_pages(client, rows):
    found, cursor = [], ""
    while cursor is not None:
        tail = cursor and f"&cursor={cursor}"
        _, body = await get(client, f"/api/mails?session=user_1_wa_2&limit=2{tail}")
        found += [one["id"] for one in body["mails"]]
        cursor = body["next"]
    assert found == [mail_id(number) for number in (3, 2, 1)]


async def test_a_mail_is_shown_with_what_it_tells_and_sent_after_all_once(client, rows):
    status, body = await get(client, f"/api/mails/{mail_id(3)}")
    assert (status, body["facts"]) == (200, {"reason": "LOGOUT"})
    status, body = await post(client, f"/api/mails/{mail_id(3)}/replay")
    assert (status, body["state"], body["attempts"]) == (202, "pending", 0)
    status, body = await post(client, f"/api/mails/{mail_id(3)}/replay")
    assert (status, body["code"]) == (409, "wrong_state")
    assert await post(client, "/api/mails/replay") == (202, {"replayed": 2})
    assert (await get(client, f"/api/mails/{mail_id(9)}"))[1]["code"] == "unknown_mail"


@pytest.mark.parametrize(
    "path", ["mails?state=lost", "mails?limit=0", "mails?session=x", "mirror/set-aside?cursor=x"]
)
async def test_a_question_that_does_not_fit_is_422(client, path):
    assert (await get(client, f"/api/{path}"))[0] == 422


async def test_what_the_mirror_refused_is_listed_and_tried_again(client, aside):
    assert (await get(client, "/api/mirror"))[1] == {
        "configured": True,
        "connected": True,
        "age": 1.5,
        "open": 2,
        "setAside": 3,
        "copying": False,
        "lastError": None,
    }
    status, first = await get(client, "/api/mirror/set-aside?limit=2")
    assert (status, [one["key"] for one in first["changes"]]) == (200, ["3EB01", "user_1_wa_2"])
    assert first["changes"][0]["sessionId"] == "user_1_wa_2"
    assert first["changes"][0]["error"] == "HTTP 400 22P05"
    _, rest = await get(client, f"/api/mirror/set-aside?limit=2&cursor={first['next']}")
    assert ([one["seq"] for one in rest["changes"]], rest["next"]) == ([7], None)
    assert await post(client, "/api/mirror/retry") == (202, {"retried": 3})
    assert await post(client, "/api/mirror/retry") == (202, {"retried": 0})
    assert await post(client, "/api/mirror/copy") == (202, {"accounts": 3})


async def test_without_a_mirror_there_is_nothing_to_try_again(client, running):
    running.mirror.aside = None
    for verb in ("retry", "copy"):
        status, problem = await post(client, f"/api/mirror/{verb}")
        assert (status, problem["code"]) == (409, "no_mirror")


@pytest.fixture
def wahook(running, tmp_path):
    """Runs a command against the edge."""
    port = int(running.url.rpartition(":")[2])
    settings = Settings(host="127.0.0.1", port=port, data=tmp_path, api_key=KEY)

    def run(*arguments: str):
        app = typer.Typer()
        mount(app, lambda: settings)
        with structlog.testing.capture_logs():
            return CliRunner().invoke(app, arguments)

    return run


def test_the_terminal_lists_mails_and_replays_them(wahook, rows):
    lines = wahook("mails", "--state", "dead", "--limit", "2").output.splitlines()
    assert lines[0].split() == [
        mail_id(5), "dead", "disconnected", "user_1_wa_3", "5", "recipient_refused", "550",
    ]  # fmt: skip
    assert (len(lines), lines[-1]) == (3, "… and more: --limit")
    assert len(json.loads(wahook("mails", "--json").output)["mails"]) == 5
    assert wahook("mails", "--replay", mail_id(5)).output == "pending again: 1\n"
    again = wahook("mails", "--replay", mail_id(5))
    assert (again.exit_code, "cannot be replayed" in again.stderr) == (REFUSED, True)
    assert wahook("mails", "--replay", "all").output == "pending again: 2\n"


def test_the_terminal_shows_the_mirror_and_has_it_try_again(wahook, aside, running):
    assert "setAside     3" in wahook("mirror").output
    assert json.loads(wahook("mirror", "--json").output)["open"] == 2
    first = wahook("mirror", "--set-aside").output.splitlines()[0]
    assert first == "1  message  user_1_wa_2  3EB01  HTTP 400 22P05"
    assert wahook("mirror", "--retry").output == "tried again: 3\n"
    assert wahook("mirror", "--copy").output == "accounts: 3\n"
    running.mirror.aside = None
    refused = wahook("mirror", "--copy")
    assert (refused.exit_code, "no mirror" in refused.stderr) == (REFUSED, True)
