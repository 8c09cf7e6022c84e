"""Bad input: every kind gets its status and a problem document, and nothing of it comes back or is logged."""

import asyncio
import json

import pytest
import structlog
from yarl import URL

from actors.errors import CommitUncertain, DeadlinePassed, JournalError, SendRefused, SessionNotReady
from supervision import ActorDown, AskTimeout, MailboxFull, RemoteError, SystemDown

SESSION = "/api/whatsapp/sessions/user_1_wa_2"
MESSAGES = f"{SESSION}/messages"
GOOD = {"to": "491700000003", "text": "Hello"}


@pytest.fixture(autouse=True)
def ready(running):
    running.sessions.add("1", "2")


async def problem_of(answer, status, code):
    body = await answer.json(content_type="application/problem+json")
    assert (answer.status, body["code"]) == (status, code), body
    assert body["status"] == status
    assert body["type"] == f"urn:wahook:problem:{code}"
    assert {"title", "detail"} <= body.keys()
    return body


BAD_BODIES = [
    ({}, {"body.to"}),
    ({"to": "491700000003"}, {"body"}),
    ({**GOOD, "text": ""}, {"body.text"}),
    ({**GOOD, "text": "   \n"}, {"body.text"}),
    ({**GOOD, "text": "nul\x00"}, {"body.text"}),
    ({**GOOD, "text": "x" * 65537}, {"body.text"}),
    ({**GOOD, "text": 5}, {"body.text"}),
    ({**GOOD, "text": None}, {"body"}),
    ({**GOOD, "to": "four"}, {"body.to"}),
    ({**GOOD, "to": "1234"}, {"body.to"}),
    ({**GOOD, "to": "1" * 21}, {"body.to"}),
    ({**GOOD, "to": "four@g.us"}, {"body.to"}),
    ({**GOOD, "to": "120363000000000000@newsletter"}, {"body.to"}),
    ({**GOOD, "to": "٤٩١٧٠٠٠٠٠٠٠٣"}, {"body.to"}),
    ({**GOOD, "to": 491700000003}, {"body.to"}),
    ({**GOOD, "priority": "urgent"}, {"body.priority"}),
    ({**GOOD, "priority": 2}, {"body.priority"}),
    ({**GOOD, "priority": True}, {"body.priority"}),
    ({**GOOD, "priority": ["high"]}, {"body.priority"}),
    ({**GOOD, "priority": None}, {"body.priority"}),
    ({**GOOD, "sendAt": "tomorrow"}, {"body.sendAt"}),
    ({**GOOD, "sendAt": "2026-12-24"}, {"body.sendAt"}),
    ({**GOOD, "sendAt": "2026-12-24T18:00:00"}, {"body.sendAt"}),
    ({**GOOD, "sendAt": 1798131600}, {"body.sendAt"}),
    ({**GOOD, "sendAt": "9999-12-31T23:59:59-23:59"}, {"body.sendAt"}),
    ({**GOOD, "sendAt": "9999-12-31T23:59:59.5Z"}, {"body.sendAt"}),
    ({**GOOD, "allowDuplicate": "yes"}, {"body.allowDuplicate"}),
    ({**GOOD, "preview": {"url": "https://x.test/", "title": "not in the text"}}, {"body"}),
    (
        {**GOOD, "preview": {"url": "javascript:x", "title": "t", "thumbnail": "iVBORw0K"}},
        {"body.preview.url", "body.preview.thumbnail"},
    ),
    ({**GOOD, "media": {"url": "https://x.test/a.png"}}, {"body"}),
    ({**GOOD, "caption": "of nothing"}, {"body"}),
    ({**GOOD, "typing": 31}, {"body.typing"}),
    ({**GOOD, "replyTo": "no such id"}, {"body.replyTo"}),
    ({**GOOD, "mentions": ["four"]}, {"body.mentions.0"}),
    ({"to": "491700000003", "media": {}}, {"body.media"}),
    ({"to": "491700000003", "media": {"url": "file:///etc/passwd"}}, {"body.media.url"}),
    ({"to": "491700000003", "media": {"id": "media_../../x"}}, {"body.media.id"}),
    ({"to": "491700000003", "media": {"data": "aGk=", "filename": "../x"}}, {"body.media.filename"}),
    ({"to": "491700000003", "location": {"latitude": 91, "longitude": 0}}, {"body.location.latitude"}),
    ({"to": "491700000003", "contact": {"name": "Ada"}}, {"body.contact"}),
    ({"to": "491700000003", "poll": {"question": "?", "options": ["a"]}}, {"body.poll.options"}),
    ({"to": "491700000003", "poll": {"question": "?", "options": ["a", "a"]}}, {"body.poll"}),
    ({**GOOD, "txet": "typo"}, {"body.txet"}),
    ([], {"body"}),
    ("text", {"body"}),
    (None, {"body"}),
]


@pytest.mark.parametrize(("body", "places"), BAD_BODIES)
async def test_a_body_that_does_not_fit_is_explained_field_by_field(client, running, body, places):
    raw, headers = json.dumps(body), {"Content-Type": "application/json"}
    async with client.post(MESSAGES, data=raw, headers=headers) as answer:
        problem = await problem_of(answer, 422, "invalid")
    assert {each["at"] for each in problem["errors"]} == places
    assert not running.messages.rows


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{'to': 1}", b"nan", b"\xff\xfe", b'{"to": "\xff"}', b'{"text": "\\ud800"}', b"[" * 100_000],
)
async def test_what_is_not_json_is_400(client, raw):
    async with client.post(MESSAGES, data=raw, headers={"Content-Type": "application/json"}) as answer:
        await problem_of(answer, 400, "bad_json")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "nonsense"]
)
async def test_another_media_type_is_415(client, content_type):
    raw = json.dumps(GOOD).encode()
    async with client.post(MESSAGES, data=raw, headers={"Content-Type": content_type}) as answer:
        await problem_of(answer, 415, "unsupported_media_type")
        assert answer.headers["Accept-Post"] == "application/json"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_a_megabyte_is_413(client, running, chunked):
    async def pieces():
        for _ in range(17):
            yield b"x" * 65536

    data = pieces() if chunked else b"x" * (1024 * 1024 + 1)
    url = "/api/whatsapp/sessions"
    async with client.post(url, data=data, headers={"Content-Type": "application/json"}) as answer:
        await problem_of(answer, 413, "request_entity_too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_400(client, encoding):
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    async with client.post(MESSAGES, data=pieces_of(json.dumps(GOOD).encode()), headers=headers) as answer:
        await problem_of(answer, 400, "bad_body")


FORM = "multipart/form-data; boundary=abc"


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("multipart/form-data", b"x"),
        (f"multipart/form-data; boundary={'a' * 100}", b"x"),
        (FORM, b""),
        (FORM, b"no part"),
        (FORM, b"--abc\r\n\r\n"),
        (FORM, b"--abc\r\n" + b"x" * 20_000 + b"\r\n\r\n--abc--"),
        (FORM, b"--abc\r\nContent-Type: multipart/mixed\r\n\r\nhi\r\n--abc--"),
    ],
)
async def test_an_upload_that_is_not_well_formed_is_400(client, content_type, raw):
    headers = {"Content-Type": content_type}
    async with client.post(f"{SESSION}/media", data=raw, headers=headers) as answer:
        await problem_of(answer, 400, "bad_multipart")


async def pieces_of(raw):
    yield raw


async def test_a_message_with_a_file_in_it_may_be_larger_but_not_as_large_as_it_likes(client, running):
    async def pieces():
        for _ in range(200):
            yield b"x" * 65536

    async with client.post(MESSAGES, data=pieces(), headers={"Content-Type": "application/json"}) as answer:
        await problem_of(answer, 413, "request_entity_too_large")


IDS = [
    "user_1",
    "wa_2",
    "user__wa_2",
    "user_1_wa_",
    "user_1_wa_2%00",
    "user_1_wa_2%0a",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%2e%2e%2fuser_1_wa_2",
    "user_..%2f_wa_2",
    "user_1_wa_%2e%2e",
    "user_1_wa_2%2f..",
    "user_1_wa_2%5c..",
    "user_%C3%A4_wa_2",
    "%FF",
    "user_" + "1" * 65 + "_wa_2",
    "USER_1_WA_2",
    "user_1_wa_2%20",
    "'%20or%201=1",
]


@pytest.mark.parametrize("session_id", IDS)
@pytest.mark.parametrize("rest", ["", "/qr", "/messages"])
async def test_an_id_that_is_none_is_refused_before_anybody_is_asked(client, running, session_id, rest):
    url = URL(f"{running.url}/api/whatsapp/sessions/{session_id}{rest}", encoded=True)
    async with client.get(url) as answer:
        body = await answer.json(content_type="application/problem+json")
    assert (answer.status, body["status"]) == (404, 404), body
    assert body["code"] in {"unknown_session", "not_found"}
    assert not running.sessions.acts


@pytest.mark.parametrize(
    ("method", "path", "thing"),
    [
        ("GET", f"{MESSAGES}/msg_short", "message"),
        ("DELETE", f"{MESSAGES}/3EB0000000000000000000", "message"),
        ("POST", f"{MESSAGES}/nope/retry", "message"),
        ("GET", f"{MESSAGES}/bulk/nope", "batch"),
        ("GET", f"{SESSION}/media/..%2f..%2fapi-key", "media"),
        ("GET", f"{SESSION}/webhooks/deliveries/nope", "delivery"),
        ("POST", "/api/whatsapp/sessions/nope/start", "session"),
        ("POST", "/api/whatsapp/sessions/nope/messages", "session"),
    ],
)
async def test_what_cannot_be_an_id_of_ours_is_as_unknown_as_any(client, running, method, path, thing):
    async with client.request(method, URL(running.url + path, encoded=True)) as answer:
        await problem_of(answer, 404, f"unknown_{thing}")


async def test_a_number_that_is_none_is_explained(client):
    async with client.get(f"{SESSION}/contacts/four") as answer:
        problem = await problem_of(answer, 422, "invalid")
    assert [each["at"] for each in problem["errors"]] == ["path.number"]


async def test_plain_dots_in_a_path_lead_nowhere(running):
    host, port = running.url.removeprefix("http://").split(":")
    for path in ("/static/../server.py", "/static/..%2fserver.py", "/../../etc/passwd", "//etc/passwd"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: test-key-0123456789\r\n"
                     "Connection: close\r\n\r\n".encode())  # fmt: skip
        head = (await asyncio.wait_for(reader.read(), 30)).decode()
        writer.close()
        assert " 404 " in head.splitlines()[0], path
        assert "application/problem+json" in head


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{MESSAGES}/msg_{'0' * 32}"),
        ("DELETE", f"{MESSAGES}/msg_{'0' * 32}"),
        ("POST", f"{MESSAGES}/msg_{'0' * 32}/retry"),
        ("GET", "/api/whatsapp/sessions/user_9_wa_9"),
        ("GET", "/api/whatsapp/sessions/user_9_wa_9/messages"),
        ("GET", "/api/whatsapp/sessions/user_9_wa_9/qr"),
        ("POST", "/api/whatsapp/sessions/user_9_wa_9/start"),
        ("DELETE", "/api/whatsapp/sessions/user_9_wa_9"),
    ],
)
async def test_what_is_unknown_is_404(client, method, path):
    async with client.request(method, path) as answer:
        await problem_of(answer, 404, "unknown_message" if "msg_" in path else "unknown_session")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1&limit=2",
        "direction=both",
        "cursor=%20",
        "cursor=%00",
        "page=2",
    ],
)
async def test_a_query_that_does_not_fit_is_refused(client, query):
    async with client.get(URL(f"{MESSAGES}?{query}", encoded=True)) as answer:
        problem = await problem_of(answer, 422, "invalid")
    assert all(each["at"].startswith("query.") for each in problem["errors"])


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "x", ""])
async def test_a_wait_that_is_no_time_is_refused_and_nothing_is_accepted(client, running, wait):
    async with client.post(MESSAGES, params={"wait": wait}, json=GOOD) as answer:
        await problem_of(answer, 422, "invalid")
    assert not running.messages.rows


@pytest.mark.parametrize("key", ["", "x" * 256, "two words"])
async def test_an_idempotency_key_that_is_none_is_refused(client, key):
    async with client.post(MESSAGES, json=GOOD, headers={"Idempotency-Key": key}) as answer:
        assert (await problem_of(answer, 422, "invalid"))["errors"][0]["at"] == "header.Idempotency-Key"


@pytest.mark.parametrize(
    "body",
    [
        {"userId": "1"},
        {"userId": "../x", "accountId": "1"},
        {"userId": "-1", "accountId": "1"},
        {"userId": True, "accountId": "1"},
        {"userId": 1.5, "accountId": "1"},
        {"userId": -1, "accountId": "1"},
        {"userId": "1", "accountId": "a b"},
        {"userId": "1", "accountId": "1", "config": {"proxy": "file:///etc/passwd"}},
        {"userId": "1", "accountId": "1", "config": {"webhooks": ["ftp://x"]}},
        {"userId": "1", "accountId": "1", "config": {"webhooks": ["http://x"] * 11}},
        {"userId": "1", "accountId": "1", "config": {"unknown": 1}},
    ],
)
async def test_a_session_that_does_not_fit_is_not_created(client, running, body):
    async with client.post("/api/whatsapp/sessions", json=body) as answer:
        await problem_of(answer, 422, "invalid")
    assert list(running.sessions.accounts) == ["user_1_wa_2"]


async def test_ids_that_clash_are_409(client, running):
    running.sessions.add("a", "b_wa_c")
    async with client.post("/api/whatsapp/sessions", json={"userId": "a_wa_b", "accountId": "c"}) as answer:
        await problem_of(answer, 409, "session_taken")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/whatsapp/sessions", {"GET", "POST", "HEAD"}),
        ("PUT", SESSION, {"GET", "PATCH", "DELETE", "HEAD"}),
        ("POST", "/livez", {"GET", "HEAD"}),
        ("TRACE", "/api/health", {"GET", "HEAD"}),
    ],
)
async def test_an_unknown_method_is_405_and_says_which_are_known(client, method, path, allowed):
    async with client.request(method, path) as answer:
        await problem_of(answer, 405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(",")) == allowed


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (SessionNotReady("the session is stopped"), 409, "session_not_ready", None),
        (SendRefused("no_such_number", "not on WhatsApp"), 422, "no_such_number", None),
        (DeadlinePassed("late"), 504, "deadline_passed", None),
        (AskTimeout("late"), 504, "deadline_passed", None),
        (TimeoutError(), 504, "deadline_passed", None),
        (MailboxFull("journal-writer"), 503, "overloaded", "5"),
        (ActorDown("journal-writer is down"), 503, "unavailable", "5"),
        (SystemDown("stopping"), 503, "unavailable", "5"),
        (RemoteError("crashed"), 503, "unavailable", "5"),
        (JournalError("disk full"), 503, "unavailable", "5"),
        (CommitUncertain("disk full"), 503, "uncertain", "5"),
        (ZeroDivisionError("secret detail 491700000003"), 500, "internal", None),
    ],
)
async def test_each_error_of_the_service_has_its_status(client, running, error, status, code, retry_after):
    running.sessions.broken = error
    async with client.get(SESSION) as answer:
        body = await problem_of(answer, status, code)
        assert answer.headers.get("Retry-After") == retry_after
    assert "secret" not in json.dumps(body)
    assert "Traceback" not in json.dumps(body)


async def test_the_log_has_the_failure_but_no_number_text_key_or_code(client, running):
    with structlog.testing.capture_logs() as lines:
        async with client.post(MESSAGES, json={"to": "491700000003", "text": "classified words"}) as answer:
            assert answer.status == 202
        async with client.post(MESSAGES, json={"to": "491700000003", "text": "classified words", "x": 1}):
            pass
        running.sessions.broken = ZeroDivisionError("of 491700000003")
        async with client.get(f"{SESSION}/contacts/491700000003") as answer:
            assert answer.status == 500
    failed = next(line for line in lines if line["event"] == "edge.failed")
    assert "ZeroDivisionError" in failed["trace"]
    for secret in ("491700000003", "classified", "test-key"):
        assert secret not in repr(lines)


async def test_what_is_not_http_is_refused_without_words_of_ours(running):
    host, port = running.url.removeprefix("http://").split(":")
    for raw in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.split(b"\r\n")[0].split()[1] == b"400"
        assert b"Traceback" not in answer
