"""Sessions over REST: create, look, operate, scan."""

import asyncio
import base64

import pytest

from actors.model import SessionConfig, SessionStatus, Webhook

from .conftest import Running
from .service import CODE, PIXEL

ALL = "/api/whatsapp/sessions"


async def test_creating_answers_201_and_creating_again_200(client):
    async with client.post(ALL, json={"userId": "1", "accountId": "2"}) as answer:
        body = await answer.json()
        assert answer.status == 201
        assert answer.headers["Location"] == f"{ALL}/user_1_wa_2"
    assert body["sessionId"] == "user_1_wa_2"
    assert (body["userId"], body["accountId"], body["status"]) == ("1", "2", "initializing")
    async with client.post(ALL, json={"userId": 1, "accountId": 2}) as answer:
        assert answer.status == 200  # numbers are ids too


async def test_the_configuration_of_a_new_session_arrives_and_hides_the_proxys_password(client, running):
    config = {
        "proxy": "socks5://me:secret@proxy.test:1080",
        "webhooks": ["https://hook.test/x"],
        "takeOver": True,
    }
    async with client.post(ALL, json={"userId": "1", "accountId": "2", "config": config}) as answer:
        body = await answer.json()
    assert running.sessions.accounts["user_1_wa_2"].config == SessionConfig(
        "socks5://me:secret@proxy.test:1080", (Webhook("https://hook.test/x"),), take_over=True
    )
    assert body["config"] == {
        "proxy": "socks5://proxy.test:1080",
        "webhooks": [{"url": "https://hook.test/x", "events": ["*"], "headers": [], "secrets": 0}],
        "takeOver": True,
        "notifyEmail": None,
        "language": None,
        "timezone": None,
        "aiEnabled": False,
        "ai": dict.fromkeys(("systemPrompt", "model", "contextMessages", "maxTokens", "pause", "groups")),
    }


async def test_a_session_shows_its_live_side_over_its_row(client, running):
    running.sessions.add("1", "2", phone_number="491700000001", profile_name="Shop")
    async with client.get(f"{ALL}/user_1_wa_2") as answer:
        body = await answer.json()
    assert body["status"] == "ready"
    assert (body["phoneNumber"], body["profileName"]) == ("491700000001", "Shop")
    assert body["since"].endswith("Z")


async def test_all_sessions_are_listed(client, running):
    running.sessions.add("1", "2")
    running.sessions.add("3", "4")
    async with client.get(ALL) as answer:
        assert [each["sessionId"] for each in (await answer.json())["sessions"]] == [
            "user_1_wa_2",
            "user_3_wa_4",
        ]


@pytest.mark.parametrize(
    ("verb", "status"),
    [("start", "initializing"), ("stop", "stopped"), ("restart", "initializing"), ("logout", "stopped")],
)
async def test_a_verb_answers_with_the_session_and_says_who_asked(client, running, verb, status):
    running.sessions.add("1", "2")
    async with client.post(f"{ALL}/user_1_wa_2/{verb}", headers={"X-Operator": "ana"}) as answer:
        assert (await answer.json())["status"] == status
    async with client.post(f"{ALL}/user_1_wa_2/{verb}") as answer:
        assert answer.status == 200
    assert running.sessions.acts == [(verb, "user_1_wa_2", "api:ana"), (verb, "user_1_wa_2", "api:127.0.0.1")]


async def test_a_deleted_session_is_unknown(client, running):
    running.sessions.add("1", "2")
    async with client.delete(f"{ALL}/user_1_wa_2") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with client.get(f"{ALL}/user_1_wa_2") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "unknown_session")


async def test_a_pairing_code_is_given_while_the_session_waits_to_be_linked(client, running):
    running.sessions.add("1", "2", SessionStatus.QR, qr_code=CODE)
    url = f"{ALL}/user_1_wa_2/pairing-code"
    async with client.post(url, json={"phoneNumber": "+49 170 0000001"}) as answer:
        assert await answer.json() == {"code": "ABCD1234"}
    running.sessions.put("user_1_wa_2", SessionStatus.READY)
    async with client.post(url, json={"phoneNumber": "491700000001"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "session_not_ready")


async def test_a_screenshot_is_a_png(client, running):
    running.sessions.add("1", "2")
    async with client.get(f"{ALL}/user_1_wa_2/screenshot") as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", PIXEL)


@pytest.mark.parametrize("number", ["491700000003", "+491700000003", "491700000003@c.us"])
async def test_a_number_is_looked_up_in_any_of_its_spellings(client, running, number):
    running.sessions.add("1", "2")
    async with client.get(f"{ALL}/user_1_wa_2/contacts/{number}") as answer:
        assert await answer.json() == {
            "exists": True,
            "id": "491700000003@c.us",
            "name": "Ana",
            "isBlocked": False,
            "isBusiness": False,
        }


# --- the QR code -----------------------------------------------------------------------------------------


@pytest.fixture
def shown(running: Running) -> str:
    running.sessions.add("1", "2", SessionStatus.QR, qr_code=CODE)
    return f"{ALL}/user_1_wa_2/qr"


@pytest.mark.parametrize(
    ("accept", "content_type", "begins"),
    [
        ("image/png", "image/png", b"\x89PNG\r\n"),
        ("image/svg+xml", "image/svg+xml", b"<svg"),
        ("application/json", "application/json", b"{"),
        ("text/plain", "text/plain", "█".encode()),
        ("*/*", "image/png", b"\x89PNG"),
        ("", "image/png", b"\x89PNG"),
        ("image/*;q=0.5, text/plain", "text/plain", "█".encode()),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "image/png", b"\x89PNG"),
    ],
)
async def test_the_code_comes_in_the_form_that_is_accepted(client, shown, accept, content_type, begins):
    async with client.get(shown, headers={"Accept": accept}) as answer:
        assert (answer.status, answer.content_type) == (200, content_type)
        assert (await answer.read()).startswith(begins)
        assert answer.headers["Vary"] == "Accept"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_json_form_has_an_image_and_the_code_itself(client, shown):
    async with client.get(shown, params={"format": "json"}) as answer:
        body = await answer.json()
    assert body["code"] == CODE
    assert base64.b64decode(body["qr"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


async def test_a_form_that_does_not_exist_is_not_acceptable(client, shown):
    async with client.get(shown, headers={"Accept": "image/gif"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (406, "not_acceptable")


async def test_without_a_code_there_is_nothing_to_scan_and_a_time_to_come_back(client, running):
    running.sessions.add("1", "2")
    async with client.get(f"{ALL}/user_1_wa_2/qr") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "no_qr")
        assert answer.headers["Retry-After"] == "2"


async def test_a_code_that_is_to_come_can_be_waited_for(client, running):
    session_id = running.sessions.add("1", "2", SessionStatus.INITIALIZING)

    async def ask(seconds: str) -> tuple[int, str]:
        url = f"{ALL}/{session_id}/qr"
        async with client.get(url, params={"wait": seconds, "format": "json"}) as answer:
            return answer.status, (await answer.json())["code"]

    assert await ask("0.01") == (404, "no_qr")
    asking = asyncio.create_task(ask("30"))
    assert (await asyncio.wait({asking}, timeout=0.3))[1]
    running.sessions.put(session_id, SessionStatus.QR, qr_code=CODE)
    assert await asyncio.wait_for(asking, 20) == (200, CODE)


async def test_a_session_that_will_show_no_code_is_not_waited_for(client, running):
    session_id = running.sessions.add("1", "2")
    async with asyncio.timeout(30), client.get(f"{ALL}/{session_id}/qr", params={"wait": "60"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "no_qr")


async def change(client, session_id, **config):
    async with client.patch(f"{ALL}/{session_id}", json={"config": config}) as answer:
        return answer.status, await answer.json()


async def test_a_change_leaves_what_it_does_not_name(client, running):
    session_id = running.sessions.add("1", "2")
    await change(client, session_id, proxy="http://proxy.test:1", takeOver=True)
    status, body = await change(client, session_id, webhooks=["https://hook.test/a"])
    assert status == 200
    assert (body["config"]["proxy"], body["config"]["takeOver"]) == ("http://proxy.test:1", True)
    assert [one["url"] for one in body["config"]["webhooks"]] == ["https://hook.test/a"]


async def test_secrets_and_headers_of_a_webhook_are_never_shown_and_kept_when_not_named(client, running):
    session_id = running.sessions.add("1", "2")
    hook = {"url": "https://hook.test/a", "events": ["message:*"], "headers": {"X-Token": "abc"}}
    status, body = await change(client, session_id, webhooks=[{**hook, "secret": "first-secret"}])
    assert status == 200
    shown = {"url": hook["url"], "events": ["message:*"], "headers": ["X-Token"], "secrets": 1}
    assert body["config"]["webhooks"] == [shown]
    await change(client, session_id, webhooks=["https://hook.test/b", {"url": hook["url"]}])
    _, kept = running.sessions.accounts[session_id].config.webhooks
    assert kept == Webhook(hook["url"], ("message:*",), (("X-Token", "abc"),), ("first-secret",))


@pytest.mark.parametrize(
    ("change_of_secret", "after"),
    [
        ({}, ("current-1",)),
        ({"secret": "current-1"}, ("current-1",)),
        ({"secret": "current-2"}, ("current-2", "current-1")),
        ({"secret": "current-2", "previousSecret": None}, ("current-2",)),
        ({"secret": "current-2", "previousSecret": "another-1"}, ("current-2", "another-1")),
        ({"previousSecret": "another-1"}, ("current-1", "another-1")),
        ({"secret": None}, ()),
    ],
)
async def test_a_new_secret_leaves_the_last_one_valid(client, running, change_of_secret, after):
    session_id = running.sessions.add("1", "2")
    hook = {"url": "https://hook.test/a"}
    await change(client, session_id, webhooks=[{**hook, "secret": "current-1"}])
    await change(client, session_id, webhooks=[{**hook, **change_of_secret}])
    assert running.sessions.accounts[session_id].config.webhooks[0].secrets == after


@pytest.mark.parametrize(
    "hook",
    [
        {"url": "https://hook.test/a", "events": ["mesage:received"]},
        {"url": "https://hook.test/a", "events": []},
        {"url": "https://hook.test/a", "headers": {"Host": "x"}},
        {"url": "https://hook.test/a", "headers": {"X-Webhook-Id": "x"}},
        {"url": "https://hook.test/a", "headers": {"X-A": "b\r\nX-C: d"}},
        {"url": "https://hook.test/a", "headers": {"X A": "b"}},
        {"url": "https://hook.test/a", "secret": "short"},
        {"url": "https://hook.test/a", "retries": 3},
        {"events": ["*"]},
    ],
)
async def test_a_webhook_that_does_not_fit_changes_nothing(client, running, hook):
    session_id = running.sessions.add("1", "2")
    status, body = await change(client, session_id, webhooks=[hook])
    assert (status, body["code"]) == (422, "invalid")
    assert "short" not in str(body["errors"])
    assert running.sessions.accounts[session_id].config == SessionConfig()


async def test_two_webhooks_with_one_url_are_refused(client, running):
    session_id = running.sessions.add("1", "2")
    status, _ = await change(
        client, session_id, webhooks=["https://hook.test/a", {"url": "https://hook.test/a"}]
    )
    assert status == 422


async def test_what_is_set_for_ai_and_mails_is_shown_and_changed_one_by_one(client, running):
    session_id = running.sessions.add("1", "2")
    await change(client, session_id, notifyEmail="ana@example.org", timezone="Europe/Madrid", language="en")
    await change(client, session_id, aiEnabled=True, ai={"systemPrompt": "Be kind.", "model": "small"})
    status, body = await change(client, session_id, ai={"model": None, "pause": 60})
    assert status == 200
    shown = body["config"]
    assert (shown["notifyEmail"], shown["language"]) == ("ana@example.org", "en")
    assert shown["timezone"] == "Europe/Madrid"
    assert shown["aiEnabled"] is True
    assert (shown["ai"]["systemPrompt"], shown["ai"]["model"], shown["ai"]["pause"]) == ("Be kind.", None, 60)


@pytest.mark.parametrize(
    ("named", "value"),
    [
        ("notifyEmail", "ana@example.org\r\nBcc: all@example.org"),
        ("notifyEmail", "a@b@c"),
        ("timezone", "Europe"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "Europe/Atlantis"),
        ("language", "de"),
        ("ai", {"contextMessages": 0}),
        ("ai", {"key": "x"}),
    ],
)
async def test_what_mails_and_ai_could_not_use_is_refused(client, running, named, value):
    session_id = running.sessions.add("1", "2")
    status, body = await change(client, session_id, **{named: value})
    assert status == 422, body
    assert body["errors"][0]["at"].startswith(f"body.config.{named}")
