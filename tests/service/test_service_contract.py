"""The outer contract, word by word: routes, fields, statuses, events, settings, commands, the simulator.

What stands here is what programs outside rely on: a change that makes this file fail needs a decision record.
"""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner

from tests.service.outside import Outside, ended, lines_until, outside, started
from wahook.cli import app
from wahook.settings import read_settings
from wahook.simulator import SimulatorThread

PHONE, FRIEND, NOBODY = "491510000001", "491769999999", "99912345678"
ALL = "/api/whatsapp/sessions"
ONE = f"{ALL}/user_u1_wa_7"
PNG = b"\x89PNG\r\n\x1a\n"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

SESSION = {"sessionId", "userId", "accountId", "status", "phoneNumber", "profileName", "connectedAt",
           "lastSeen", "restarts", "lastError"}  # fmt: skip
MESSAGE = {"messageId", "sessionId", "to", "type", "status", "attempts", "waMessageId", "ack", "error",
           "createdAt"}  # fmt: skip
STATUSES = {"initializing", "qr", "authenticated", "ready", "reconnecting", "error", "stopped"}
EVENTS = {
    "qr": {"sessionId", "qr", "code", "timestamp"},
    "qr:updated": {"sessionId", "qr", "code", "timestamp"},
    "loading": {"sessionId"},
    "authenticated": {"sessionId"},
    "ready": {"sessionId", "phoneNumber", "profileName"},
    "message:received": {"sessionId", "id", "from", "body", "type", "hasMedia", "timestamp"},
    "message:sent": {"sessionId"},
    "message:ack": {"sessionId"},
    "disconnected": {"sessionId", "reason", "permanent"},
    "reconnected": {"sessionId"},
    "auth_failure": {"sessionId"},
    "session:status": {"sessionId", "status"},
}
HEALTH = {"status", "uptime", "memory", "whatsapp", "redis", "supabase"}
SETTINGS = {
    "PORT": 4000, "HOST": "127.0.0.1", "WAHOOK_DATA": Path("data"),
    "SESSIONS_PATH": Path("data/whatsapp-sessions"), "REDIS_URL": None, "DATABASE_URL": None,
    "SUPABASE_URL": None, "SUPABASE_SERVICE_KEY": None, "SUPABASE_ANON_KEY": None,
    "WHATSAPP_URL": "https://web.whatsapp.com", "CHROMIUM_PATH": None, "CHROMEDRIVER_PATH": None,
    "WAHOOK_API_KEY": None, "HEARTBEAT_INTERVAL": 120, "WATCHDOG_INTERVAL": 60, "ACTIVITY_INTERVAL": 30,
    "RECONNECT_BASE_DELAY": 2, "SESSION_RATE_LIMIT": "10/minute", "USER_RATE_LIMIT": "30/minute",
    "DUPLICATE_WINDOW": 300, "TEST_MESSAGE_TO": None, "MEMORY_LIMIT_MB": 450, "IDLE_CLEANUP_AFTER": 1800,
    "CORS_ORIGINS": (), "LOG_FORMAT": "console", "LOG_LEVEL": "INFO",
}  # fmt: skip
FIELDS = {"WAHOOK_DATA": "data", "WAHOOK_API_KEY": "api_key"}


@pytest.mark.browser
async def test_a_program_that_knows_the_contract_alone_can_do_everything(tmp_path):
    with SimulatorThread(qr_first=1.5, qr_next=60, delivery_after=0.02, read_after=0.1) as simulator:
        async with outside(tmp_path / "data", simulator.url) as house:
            await the_key_is_where_it_is_said_to_be(house, tmp_path / "data")
            await what_is_open_says_little(house)
            listeners = [await house.listen(userId="u1"), await house.listen(userId="u2")]
            await a_session_is_created_and_scanned(house)
            await messages_go_and_come(house)
            await every_content_is_taken(house)
            await the_page_can_be_asked(house)
            await the_tree_can_be_seen_and_restarted(house)
            await the_simulator_obeys(house)
            await what_is_wrong_is_refused(house)
            await losses_are_told(house)
            await a_session_can_be_operated_and_deleted(house)
            for listener in listeners:
                await listener.disconnect()
            every_event_had_its_fields(house)


async def the_key_is_where_it_is_said_to_be(house: Outside, data: Path) -> None:
    assert (data / "api-key").stat().st_mode & 0o777 == 0o600
    assert str(data / "api-key") in house.said[-1]
    assert (
        await house.ask("GET", ALL, headers={"X-Api-Key": "", "Authorization": f"Bearer {house.key}"})
    ).status == 200
    call = [sys.executable, "-m", "wahook", "tree"]
    shown = await asyncio.to_thread(
        subprocess.run, call, env=house.environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert "sessions" in shown.stdout


async def what_is_open_says_little(house: Outside) -> None:
    health = await house.ok("GET", "/api/health", key=None)
    assert health.keys() == HEALTH
    assert "rss" in health["memory"]
    assert {"activeSessions", "readySessions", "initializingSessions"} <= health["whatsapp"].keys()
    assert {"connected", "ping"} <= health["redis"].keys()
    assert "connected" in health["supabase"]
    for path in ("/livez", "/readyz"):
        await house.ok("GET", path, key=None)
    for path in ("/", "/docs"):
        assert (await house.ask("GET", path, key=None)).type == "text/html"
    for path in ("/metrics", "/openapi.json", ALL, "/api/supervision/tree"):
        problem = await house.ok("GET", path, key=None, status=401)
        assert (problem["status"], problem["code"]) == (401, "unauthorized")
    assert b"# TYPE" in (await house.ask("GET", "/metrics")).body
    assert (await house.ok("GET", "/openapi.json"))["openapi"].startswith("3.")


async def a_session_is_created_and_scanned(house: Outside) -> None:
    body = {"userId": "u1", "accountId": 7, "config": {}}
    made = await house.ok("POST", ALL, body, 201)
    assert made.keys() >= SESSION
    assert (made["sessionId"], made["userId"], made["accountId"]) == ("user_u1_wa_7", "u1", "7")
    assert made["status"] in STATUSES
    await house.ok("POST", ALL, body, 200)
    assert [one["sessionId"] for one in (await house.ok("GET", ALL))["sessions"]] == ["user_u1_wa_7"]
    qr = await house.ok("GET", f"{ONE}/qr?wait=30")
    assert qr.keys() == {"qr", "code", "expiresAt"}
    assert qr["qr"].startswith("data:image/png;base64,")
    await house.heard("qr:updated")
    qr = await house.ok("GET", f"{ONE}/qr")
    for accept, begins in (("image/png", PNG), ("image/svg+xml", b"<svg"), ("text/plain", "█".encode())):
        answer = await house.ask("GET", f"{ONE}/qr", accept=accept)
        assert (answer.type, answer.body[: len(begins)]) == (accept, begins)
    phone = await house.ok("GET", f"{house.sim}/sim/phones/{PHONE}")
    assert (phone["linked"], phone["connected"], phone["pages"]) == (False, False, 0)
    await house.phone(f"{PHONE}/scan", {"code": qr["code"]})
    ready = await house.heard("ready", sessionId="user_u1_wa_7", phoneNumber=PHONE)
    phone = await house.ok("GET", f"{house.sim}/sim/phones/{PHONE}")
    assert (phone["linked"], phone["connected"], phone["pages"]) == (True, True, 1)
    assert phone["profileName"] == ready["profileName"]
    session = await house.ok("GET", ONE)
    assert (session["status"], session["phoneNumber"], session["lastError"]) == ("ready", PHONE, None)
    assert session["connectedAt"]
    assert session["lastSeen"]


async def messages_go_and_come(house: Outside) -> None:
    text = {"to": FRIEND, "text": "hello", "priority": "high"}
    sent = await house.ok("POST", f"{ONE}/messages", text, 202, headers={"Idempotency-Key": "one"})
    assert sent.keys() >= MESSAGE
    again = await house.ok("POST", f"{ONE}/messages", text, 202, headers={"Idempotency-Key": "one"})
    assert again["messageId"] == sent["messageId"]
    await house.heard("message:sent", messageId=sent["messageId"])
    await house.heard("message:ack", waMessageId=sent["waMessageId"], status="read")
    written = await house.phone(f"{PHONE}/messages", {"from": FRIEND, "text": "hello yourself"}, 201)
    heard = await house.heard("message:received", id=written["id"])
    assert (heard["from"], heard["body"], heard["type"], heard["hasMedia"]) == (
        FRIEND, "hello yourself", "chat", False,
    )  # fmt: skip
    page = await house.ok("GET", f"{ONE}/messages?direction=&limit=1000&cursor=")
    assert [one["direction"] for one in page["messages"]] == ["in", "out"]
    assert (page["messages"][0]["body"], page["next"]) == ("hello yourself", None)
    first = await house.ok("GET", f"{ONE}/messages?limit=1")
    rest = await house.ok("GET", f"{ONE}/messages?limit=1&cursor={first['next']}")
    assert [*first["messages"], *rest["messages"]] == page["messages"]
    assert [
        one["direction"] for one in (await house.ok("GET", f"{ONE}/messages?direction=in"))["messages"]
    ] == ["in"]
    for one in page["messages"]:
        for named in (one["messageId"], one["waMessageId"]):
            assert await house.ok("GET", f"{ONE}/messages/{named}") == one
    key = f"false_{FRIEND}@c.us_{written['id']}"
    assert (await house.ok("GET", f"{ONE}/messages/{key}"))["body"] == "hello yourself"


async def every_content_is_taken(house: Outside) -> None:
    contents = {
        "image": {"media": {"data": PIXEL, "mimetype": "image/png"}, "caption": "a pixel"},
        "location": {"location": {"latitude": 40.4, "longitude": -3.7}},
        "contact": {"contact": {"name": "Ana", "number": FRIEND}},
        "poll": {"poll": {"question": "When?", "options": ["now", "later"]}},
        "text": {"text": "as I said", "replyTo": house.events_of("message:received")[0]["id"]},
    }
    for kind, content in contents.items():
        sent = await house.ok("POST", f"{ONE}/messages?wait=30", {"to": FRIEND, **content})
        assert (sent["type"], sent["error"]) == (kind, None)
        assert sent["status"] in {"sent", "delivered", "read"}
    later = {"to": FRIEND, "text": "later", "sendAt": "2099-01-01T00:00:00Z"}
    scheduled = await house.ok("POST", f"{ONE}/messages", later, 202)
    assert scheduled["status"] == "scheduled"
    cancelled = await house.ok("DELETE", f"{ONE}/messages/{scheduled['messageId']}")
    assert cancelled["status"] == "cancelled"
    failed = await house.ok("POST", f"{ONE}/messages?wait=30", {"to": NOBODY, "text": "hello"})
    assert (failed["status"], bool(failed["error"])) == ("failed", True)
    await house.ok("POST", f"{ONE}/messages/{failed['messageId']}/retry", status=202)
    wire = await house.ok("GET", f"{house.sim}/sim/ledger?account={PHONE}")
    assert wire[0].keys() >= {"id", "from", "to", "type", "body", "count", "at", "acks"}
    assert {entry["count"] for entry in wire} == {1}
    assert len(wire) == len(await house.ok("GET", f"{house.sim}/sim/ledger")) == 2 + len(contents)


async def the_page_can_be_asked(house: Outside) -> None:
    contact = await house.ok("GET", f"{ONE}/contacts/{FRIEND}")
    assert contact.keys() == {"exists", "id", "name", "isBlocked", "isBusiness"}
    assert contact["exists"] is True
    assert (await house.ok("GET", f"{ONE}/contacts/{NOBODY}"))["exists"] is False
    chats = (await house.ok("GET", f"{ONE}/chats"))["chats"]
    history = await house.ok("GET", f"{ONE}/chats/{chats[0]['id']}/messages")
    assert "hello yourself" in [one["body"] for one in history["messages"]]
    assert (await house.ok("GET", f"{ONE}/groups"))["groups"] == []
    shot = await house.ask("GET", f"{ONE}/screenshot", accept="image/png")
    assert (shot.type, shot.body[:8]) == ("image/png", PNG)


async def the_tree_can_be_seen_and_restarted(house: Outside) -> None:
    for form, kind in (("json", "application/json"), ("text", "text/plain"), ("html", "text/html")):
        by_accept = await house.ask("GET", "/api/supervision/tree", accept=kind)
        by_query = await house.ask("GET", f"/api/supervision/tree?format={form}", accept="*/*")
        assert (by_accept.type, by_query.type) == (kind, kind)
        assert b"user_u1_wa_7" in by_query.body
    path = "sessions/user_u1_wa_7/keepalive/heartbeat"
    await house.ok("POST", "/api/supervision/restart", {"path": path})
    await house.ok("POST", "/api/supervision/restart", {"path": "sessions/nobody"}, 404)


async def the_simulator_obeys(house: Outside) -> None:
    faults = f"{PHONE}/faults"
    for kind in ("slow_ack", "lost_ack", "send_error", "slow_boot"):
        assert (await house.phone(faults, {"kind": kind}))["kind"] == kind
    await house.phone(faults, {"kind": "missing_module", "module": "WAWebNoSuchModule"})
    await house.phone(faults, {"kind": "clear"})
    await house.phone(faults, {"kind": "grow", "megabytes": 1})
    await house.phone(faults, {"kind": "explode"}, 400)
    media = {"data": PIXEL, "mimetype": "image/png"}
    written = await house.phone(f"{PHONE}/messages", {"from": FRIEND, "media": media}, 201)
    assert (await house.heard("message:received", id=written["id"]))["hasMedia"] is True
    for number in ("+4915", "four"):
        await house.phone(f"{number}/unlink", status=400)


WRONG = [
    ("GET", ALL, {"key": "wrong"}, 401),
    ("GET", f"{ALL}/user_u9_wa_9", {}, 404),
    ("GET", f"{ALL}/nobody", {}, 404),
    ("GET", f"{ALL}/..%2f..%2fapi-key", {}, 404),
    ("DELETE", f"{ALL}/%2e%2e", {}, 404),
    ("GET", "/api/whatsapp/nothing", {}, 404),
    ("GET", "/static/..%2fserver.py", {}, 404),
    ("GET", f"{ONE}/qr", {}, 404),
    ("GET", f"{ONE}/messages/msg_00000000", {}, 404),
    ("POST", f"{ONE}/messages/nothing/retry", {}, 404),
    ("PUT", ALL, {}, 405),
    ("OPTIONS", ONE, {}, 405),
    ("GET", f"{ONE}/qr", {"accept": "image/gif"}, 406),
    ("GET", "/api/supervision/tree", {"accept": "image/gif"}, 406),
    ("POST", ALL, {"raw": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    ("POST", ALL, {"raw": b"userId=1", "headers": {"Content-Type": "text/plain"}}, 415),
    ("POST", ALL, {"raw": b" " * 2**21, "headers": {"Content-Type": "application/json"}}, 413),
    ("POST", ALL, {"body": {"userId": "../x", "accountId": "1"}}, 422),
    ("POST", f"{ONE}/messages", {"body": {"to": FRIEND}}, 422),
    ("POST", f"{ONE}/messages", {"body": {"to": FRIEND, "text": "a", "poll": {}}}, 422),
    ("POST", f"{ONE}/pairing-code", {"body": {"phoneNumber": PHONE}}, 409),
    ("GET", f"{ONE}/messages?limit=1001", {}, 422),
]  # fmt: skip


async def what_is_wrong_is_refused(house: Outside) -> None:
    for method, path, more, status in WRONG:
        answer = await house.ask(method, path, **more)
        assert (answer.status, answer.type) == (status, "application/problem+json"), (method, path)
        assert answer.json["status"] == status
        assert answer.json.keys() >= {"type", "title", "detail"}
    head = await house.ask("HEAD", ONE)
    assert (head.status, head.body) == (200, b"")


async def losses_are_told(house: Outside) -> None:
    await house.phone(f"{PHONE}/faults", {"kind": "crash"})
    await house.heard("disconnected", permanent=False)
    await house.heard("reconnected", sessionId="user_u1_wa_7")
    assert (await house.ok("GET", ONE))["restarts"] == 1
    await house.phone(f"{PHONE}/unlink")
    lost = await house.heard("disconnected", permanent=True)
    assert lost["reason"] == "LOGOUT"
    await house.heard("auth_failure")
    assert (await house.status("user_u1_wa_7", "error"))["lastError"] == "LOGOUT"


async def a_session_can_be_operated_and_deleted(house: Outside) -> None:
    await house.ok("POST", f"{ONE}/start")
    await house.status("user_u1_wa_7", "qr")
    pairing = await house.ok("POST", f"{ONE}/pairing-code", {"phoneNumber": PHONE})
    await house.phone(f"{PHONE}/scan", {"pairingCode": pairing["code"]})
    await house.status("user_u1_wa_7", "ready")
    assert (await house.ok("POST", f"{ONE}/logout"))["status"] == "stopped"
    assert (await house.ok("GET", f"{house.sim}/sim/phones/{PHONE}"))["linked"] is False
    for verb in ("start", "restart"):
        assert (await house.ok("POST", f"{ONE}/{verb}"))["status"] == "initializing"
    assert (await house.ok("POST", f"{ONE}/stop"))["status"] == "stopped"
    answer = await house.ask("DELETE", ONE)
    assert (answer.status, answer.body) == (204, b"")
    await house.ok("GET", ONE, status=404)
    assert (await house.ok("GET", ALL)) == {"sessions": []}


def every_event_had_its_fields(house: Outside) -> None:
    for name, fields in EVENTS.items():
        payloads = house.events_of(name)
        assert payloads, name
        assert all(payload.keys() >= fields for payload in payloads), name
    assert {payload["status"] for payload in house.events_of("session:status")} == STATUSES
    assert len(house.events_of("qr")) == 2  # one for each pairing; a rotation is an update
    assert house.misheard == []


def test_every_setting_has_the_contracts_name_and_default(monkeypatch):
    for name in (*SETTINGS, "PUPPETEER_EXECUTABLE_PATH", "WAHOOK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    plain = read_settings()
    assert {name: getattr(plain, FIELDS.get(name, name.lower())) for name in SETTINGS} == SETTINGS
    for name, value in (("LOG_FORMAT", "json"), ("LOG_LEVEL", "debug"), ("CHROMIUM_PATH", "/x"),
                        ("SUPABASE_ANON_KEY", "k"), ("CORS_ORIGINS", "https://a.test,https://b.test"),
                        ("TEST_MESSAGE_TO", "34600000000"), ("SESSION_RATE_LIMIT", "5/minute")):  # fmt: skip
        monkeypatch.setenv(name, value)
        assert getattr(read_settings(), name.lower()) != getattr(plain, name.lower()), name


@pytest.mark.parametrize("command", ["serve", "demo", "simulator", "tree", "doctor"])
def test_every_command_of_the_contract_explains_itself(command):
    shown = CliRunner().invoke(app, [command, "--help"])
    assert (shown.exit_code, "Usage" in shown.output) == (0, True)
    options = {"simulator": ("--host", "--port", "--tls-port"), "tree": ("--watch",), "demo": ("--once",)}
    assert all(option in shown.output for option in options.get(command, ()))


async def test_the_simulator_alone_serves_its_page_and_control_api_also_over_tls(tmp_path):
    process = started("simulator", "--port", "0", "--tls-port", "0", env={"PATH": "/usr/bin:/bin"})
    try:
        said = await asyncio.wait_for(asyncio.to_thread(lines_until, process, "https://"), 30)
        plain, secure = (line.split(" on ")[1] for line in said if "http" in line)
        assert secure.startswith("https://")
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        async with aiohttp.ClientSession() as http:
            for url in (plain, secure):
                async with http.get(f"{url}/sim/ledger", ssl=unverified) as answer:
                    assert (answer.status, await answer.json()) == (200, [])
    finally:
        code = await asyncio.to_thread(ended, process)
    assert code == 0


def test_a_simulator_whose_port_is_taken_says_so_in_one_line():
    with SimulatorThread() as other:
        call = [sys.executable, "-m", "wahook", "simulator", "--port", str(other.port)]
        done = subprocess.run(call, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("wahook: the simulator cannot listen on 127.0.0.1: ")
    assert done.stderr.count("\n") == 1
