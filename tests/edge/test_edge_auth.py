"""Who may do what: the key on every route, the few that are open, other origins, the headers of answers."""

import re
from pathlib import Path

import pytest

from wahook.edge.app import SOCKET_IO, Parts, create_app
from wahook.edge.keys import ApiKey, KeyCheck, KeyFileError, find_or_make, read_existing

from .conftest import KEY
from .pages import Media, Pages
from .queues import Mails, Mirror
from .service import Messages, Operations, Sessions
from .webhooks import Webhooks

OPEN = {"/api/health", "/livez", "/readyz", "/", "/docs", SOCKET_IO}
WRONG = [
    {},
    {"X-Api-Key": ""},
    {"X-Api-Key": "wrong"},
    {"X-Api-Key": KEY[:-1]},
    {"X-Api-Key": KEY + "x"},
    {"X-Api-Key": "ключ"},
    {"Authorization": KEY},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {KEY}"},
    {"X-Api-Key": "wrong", "Authorization": f"Bearer {KEY}"},
]


async def routes() -> list[tuple[str, str]]:
    """Every method and address that the router knows, so that none can be forgotten here."""
    sessions = Sessions()
    parts = Parts(
        sessions,
        Messages(sessions),
        Operations(),
        KEY,
        webhooks=Webhooks(sessions),
        media=Media(Path()),
        pages=Pages(sessions),
        mails=Mails(),
        mirror=Mirror(),
    )
    app, _ = create_app(parts)
    return [
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    ]


def filled(path: str) -> str:
    values = {
        "id": "user_1_wa_2",
        "messageId": f"msg_{'0' * 32}",
        "mailId": f"mail_{'0' * 32}",
        "deliveryId": f"evt_{'0' * 32}",
        "number": "491700000003",
        "batchId": f"batch_{'0' * 32}",
        "mediaId": f"media_{'0' * 64}",
        "chatId": "491700000003",
        "groupId": "120363000000000000@g.us",
    }
    return re.sub(r"{(\w+)}", lambda found: values[found.group(1)], path)


async def test_every_route_but_the_open_ones_asks_for_the_key(stranger):
    seen = 0
    for method, path in await routes():
        if path in OPEN or path.startswith("/static/"):
            continue
        for headers in WRONG:
            async with stranger.request(method, filled(path), headers=headers) as answer:
                assert answer.status == 401, (method, path, headers)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="wahook"'
                if method != "HEAD":
                    assert (await answer.json(content_type="application/problem+json"))[
                        "code"
                    ] == "unauthorized"
        seen += 1
    assert seen >= 25


async def test_every_route_is_reached_with_the_key_in_either_header(stranger):
    for method, path in await routes():
        if path == SOCKET_IO:
            continue
        for headers in (
            {"X-Api-Key": KEY},
            {"Authorization": f"Bearer {KEY}"},
            {"Authorization": f"bearer {KEY}"},
        ):
            async with stranger.request(method, filled(path), headers=headers) as answer:
                assert answer.status not in {401, 403, 405, 500}, (method, path)


async def test_the_open_routes_need_no_key_and_are_these_alone(stranger):
    found = {path for _, path in await routes()}
    for path in sorted(found - {SOCKET_IO}):
        async with stranger.get(filled(path)) as answer:
            is_open = answer.status != 401
            assert is_open == (path in OPEN or path.startswith("/static/")), path


async def test_what_does_not_exist_is_not_told_to_strangers(stranger, client):
    async with stranger.get("/api/secret") as answer:
        assert answer.status == 401
    async with client.get("/api/secret") as answer:
        assert answer.status == 404


async def test_health_says_no_more_than_its_fields(stranger, running):
    async with stranger.get("/api/health") as answer:
        assert answer.status == 200
        assert (await answer.json()).keys() == {"status", "uptime", "memory", "whatsapp", "redis", "supabase"}
    async with stranger.get("/readyz") as answer:
        assert (await answer.json())["database"] == {"connected": True}
    running.operations.well = False
    for path in ("/api/health", "/readyz"):
        async with stranger.get(path, params={"probe": "1"}) as answer:
            assert answer.status == 503
    async with stranger.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_every_answer_carries_the_protective_headers(stranger, client):
    paths = ["/", "/docs", "/livez", "/api/whatsapp/sessions", "/nope", "/static/app.js", "/socket.io/?EIO=4"]
    for who in (stranger, client):
        for path in paths:
            async with who.get(path) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff", path
                assert answer.headers["X-Frame-Options"] == "DENY"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Server"] == "wahook"


# --- other origins ---------------------------------------------------------------------------------------

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


class TestWithAnAllowedOrigin:
    @pytest.fixture
    def origins(self):
        return ("https://shop.test",)

    async def test_its_pages_may_ask_and_read(self, stranger, client):
        headers = {"Origin": "https://shop.test"}
        async with stranger.options("/api/whatsapp/sessions", headers={**headers, **PREFLIGHT}) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.test"
            assert "X-Api-Key" in answer.headers["Access-Control-Allow-Headers"]
            allowed = set(answer.headers["Access-Control-Allow-Methods"].split(", "))
            assert allowed >= {method for method, _ in await routes() if method != "*"}
        async with client.get("/api/whatsapp/sessions", headers=headers) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.test"
            assert "Origin" in answer.headers["Vary"]

    async def test_a_refusal_can_be_read_too(self, stranger):
        async with stranger.get("/api/whatsapp/sessions", headers={"Origin": "https://shop.test"}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (
                401,
                "https://shop.test",
            )

    async def test_pages_of_others_may_not(self, stranger, client):
        headers = {"Origin": "https://evil.test"}
        async with stranger.options("/api/whatsapp/sessions", headers={**headers, **PREFLIGHT}) as answer:
            assert answer.status == 401
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with client.get("/api/whatsapp/sessions", headers=headers) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_without_allowed_origins_no_page_elsewhere_may_ask(stranger):
    headers = {"Origin": "https://shop.test", **PREFLIGHT}
    async with stranger.options("/api/whatsapp/sessions", headers=headers) as answer:
        assert answer.status == 401
        assert "Access-Control-Allow-Origin" not in answer.headers


# --- the key and its file --------------------------------------------------------------------------------


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    made = find_or_make(None, tmp_path / "data")
    path = tmp_path / "data" / "api-key"
    assert (made.path, made.made) == (path, True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(made.text) > 40
    assert find_or_make(None, tmp_path / "data") == ApiKey(made.text, path)
    assert read_existing(None, tmp_path / "data").text == made.text
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["api-key"]


def test_a_key_that_is_given_is_not_written_anywhere(tmp_path):
    assert find_or_make("given", tmp_path) == ApiKey("given")
    assert read_existing("given", tmp_path) == ApiKey("given")
    assert not list(tmp_path.iterdir())


def test_a_key_that_others_could_read_is_closed_to_them(tmp_path):
    path = tmp_path / "api-key"
    path.write_text("kept\n")
    path.chmod(0o644)
    assert find_or_make(None, tmp_path).text == "kept"
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_services_that_start_at_once_have_one_key(tmp_path, monkeypatch):
    other = find_or_make(None, tmp_path)
    with monkeypatch.context() as patched:  # as if the other had not been there when this one looked
        patched.setattr("pathlib.Path.exists", lambda _: False)
        assert find_or_make(None, tmp_path) == ApiKey(other.text, tmp_path / "api-key", made=False)
    assert [each.name for each in tmp_path.iterdir()] == ["api-key"]


def test_an_empty_key_file_says_what_to_do(tmp_path):
    (tmp_path / "api-key").touch(0o600)
    with pytest.raises(KeyFileError, match="is empty: remove it"):
        find_or_make(None, tmp_path)


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot keep the API key"):
        find_or_make(None, tmp_path / "file" / "data")
    with pytest.raises(KeyFileError, match="no API key: set WAHOOK_API_KEY"):
        read_existing(None, tmp_path)


def test_the_key_is_not_in_its_representation():
    assert "secret" not in repr(ApiKey("secret"))


def test_the_check_takes_the_key_alone():
    check = KeyCheck("clé-42")
    assert check.accepts("clé-42")
    assert not check.accepts("clé-4")
    assert not check.accepts_headers(None, None)
