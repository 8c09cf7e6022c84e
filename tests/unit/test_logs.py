import asyncio
import contextvars
import io
import json
import logging
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
import structlog

from wahook import log_context, logs
from wahook.loop import LoopThread
from wahook.settings import Settings


@contextmanager
def _logging_to(buffer, **how):
    """Configure for JSON on a buffer, and put everything back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("json", "INFO", buffer, **how)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines():
    buffer = io.StringIO()
    with _logging_to(buffer):
        yield lambda: [json.loads(line) for line in buffer.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to 4915112345678 now", "to 49…78 now"),
        ("+4915112345678", "+4…78"),
        ("4915112345678@c.us", "49…78@c.us"),
        ("true_4915112345678@c.us_3EB0ABCD", "true_49…78@c.us_3EB0ABCD"),
        ("no chat with 4915112345678.", "no chat with 49…78."),
        ("4915112345678: not on WhatsApp", "49…78: not on WhatsApp"),
        ("to:4915112345678", "to:49…78"),
        ("media/4915112345678.jpg", "media/49…78.jpg"),
        ("4915112345678:12@s.whatsapp.net", "49…78:12@s.whatsapp.net"),
        ("4915112345678-1612345678@g.us", "49…78-16…78@g.us"),
        ("call +49 151 1234-5678 (or wait)", "call +4…78 (or wait)"),
        ("tel:+4915112345678", "tel:+4…78"),
        ("port 35869, pid 1234567", "port 35869, pid 1234567"),
        ("0.123456789012", "0.123456789012"),
        ("1795335654.106", "1795335654.106"),
        ("20261122-073338", "20261122-073338"),
        ("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"),
        ("2026-11-22T07:33:38.282244Z", "2026-11-22T07:33:38.282244Z"),
        ("msg_e1b1714104404805bc66d9464416ff48", "msg_e1b1714104404805bc66d9464416ff48"),
        ("127.0.0.1:4000", "127.0.0.1:4000"),
    ],
)
def test_phone_numbers_are_masked_wherever_they_stand(text, shown):
    assert logs.mask_numbers(text) == shown


@pytest.mark.parametrize(
    "name", ["api_key", "key", "password", "token", "qr", "qr_code", "pairing_code", "body"]
)
def test_values_under_secret_names_are_masked(name):
    assert logs.mask(None, "", {"event": "x", name: "S3cret"})[name] == logs.MASK


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connecting to redis://:p4ss:w0rd@cache:6379/0", "connecting to redis://…@cache:6379/0"),
        ("Authorization: Bearer abc.def-123", "Authorization: …"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYSJ9.c2ln was refused", "token … was refused"),
        ("key sb_secret_Abc123 is wrong", "key … is wrong"),
        ("Incorrect API key: sk-abcdef123456", "Incorrect API key: …"),
        ("see https://example.org/a@b", "see https://example.org/a@b"),
    ],
)
def test_credentials_are_masked_wherever_they_stand(text, shown):
    assert logs.mask(None, "", {"event": "x", "why": text})["why"] == shown


def test_secrets_that_are_known_are_masked_in_events_keys_values_and_tracebacks():
    buffer = io.StringIO()
    with _logging_to(buffer, secrets={"correct horse", "abc"}):
        try:
            raise ValueError("the server said: correct horse is no password, abc")
        except ValueError:
            structlog.get_logger("wahook.test.secrets").exception(
                "login correct horse", deep={"correct horse": ["a correct horse battery"]}
            )
    assert "horse" not in buffer.getvalue()
    assert "abc" in buffer.getvalue(), "what is too short to be a secret would blot out words"


def test_the_settings_name_all_their_secrets():
    settings = Settings(
        api_key="the-key",
        redis_url="redis://:p%40ss:word@cache:6379/0",
        database_url="postgresql://me:db-pass@host/name",
        smtp_password="mail-pass",
        ai_key="sk-ai",
        webhooks=[{"url": "https://a.test/", "secret": "hook-secret", "headers": {"X-Token": "hook-token"}}],
    )
    assert settings.secrets >= {
        "the-key", "p%40ss:word", "p@ss:word", "db-pass", "mail-pass", "sk-ai", "hook-secret", "hook-token",
    }  # fmt: skip
    assert Settings().secrets == frozenset()


def test_what_nobody_caught_is_told_without_its_numbers_on_any_thread():
    program = (
        "import threading; from wahook import logs; logs.configure('json', 'INFO'); logs.catch_the_rest()\n"
        "def fail(): raise ValueError('no chat with 4915112345678')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join(); fail()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["event"] for one in told] == ["thread.uncaught", "process.uncaught"]
    assert all("ValueError: no chat with 49…78" in one["exception"] for one in told)
    assert (done.returncode, "4915112345678" in done.stderr) == (1, False)


def test_other_values_are_left_as_they_are():
    event = {"event": "server.died", "code": -9, "status": "ready", "route": "/api/health"}
    assert logs.mask(None, "", dict(event)) == event


def test_an_event_is_one_json_line_with_its_name_and_context(lines):
    structlog.get_logger("wahook.test").warning("browser.lost", session="user_1_wa_2", reason="killed")
    (line,) = lines()
    assert (line["event"], line["session"], line["level"]) == ("browser.lost", "user_1_wa_2", "warning")
    assert "timestamp" in line


def test_the_standard_library_s_records_and_their_extras_come_the_same_way(lines):
    logging.getLogger("supervision").warning("child.failed", extra={"path": "sessions/x"})
    (line,) = lines()
    assert (line["event"], line["path"]) == ("child.failed", "sessions/x")


def test_a_traceback_is_masked_too(lines):
    try:
        raise ValueError("cannot send to 4915112345678")
    except ValueError:
        structlog.get_logger("wahook.test").exception("send.failed")
    (line,) = lines()
    assert "4915112345678" not in json.dumps(line)
    assert "ValueError" in line["exception"]


def test_talkative_libraries_are_heard_from_warning_on(lines):
    logging.getLogger("rq.worker").info("Job OK")
    logging.getLogger("rq.worker").warning("trouble")
    assert [line["event"] for line in lines()] == ["trouble"]


@pytest.mark.parametrize(
    "value",
    [
        {"to": "4915112345678"},
        {"4915112345678": 1},
        ["4915112345678", {"deep": ("+4915112345678",)}],
        b"4915112345678",
        ValueError("4915112345678"),
        {"api_key": "4915112345678"},
    ],
)
def test_what_is_nested_or_no_text_is_masked_too(lines, value):
    structlog.get_logger("wahook.test").warning("x.happened", value=value)
    (line,) = lines()
    assert "15112345" not in json.dumps(line)


def test_figures_and_flags_under_any_name_stay_what_they_are(lines):
    structlog.get_logger("wahook.test").warning("x.happened", token=3, ok=True, ratio=0.5, nothing=None)
    (line,) = lines()
    assert (line["token"], line["ok"], line["ratio"], line["nothing"]) == (3, True, 0.5, None)


@pytest.mark.parametrize(
    ("thread", "found"),
    [
        ("sessions/user_1_wa_2/session#3", ("user_1_wa_2", 3)),
        ("sessions/user_1_wa_2/keepalive/heartbeat#1", ("user_1_wa_2", None)),
        ("outbox/user_1_wa_2#4", ("user_1_wa_2", None)),
        ("lane user_1_wa_2", ("user_1_wa_2", None)),
        ("journal-writer#1", (None, None)),
    ],
)
def test_a_line_tells_its_session_and_incarnation_by_the_thread_it_comes_from(lines, thread, found):
    speaker = threading.Thread(
        target=lambda: structlog.get_logger("wahook.test").warning("x.happened"), name=thread
    )
    speaker.start()
    speaker.join(10)
    (line,) = lines()
    assert (line.get("session"), line.get("incarnation")) == found


def test_a_line_of_supervision_tells_the_session_by_its_path(lines):
    logging.getLogger("supervision").warning("child.ended", extra={"path": "sessions/user_1_wa_2/session"})
    (line,) = lines()
    assert line["session"] == "user_1_wa_2"


def test_a_loop_s_work_for_an_incarnation_tells_it_and_nobody_else_s_does(lines):
    loop = LoopThread("test-loop")
    loop.start()

    async def speak(what: str) -> None:
        await asyncio.sleep(0)
        structlog.get_logger("wahook.test").warning(what)

    context = contextvars.copy_context()
    context.run(structlog.contextvars.bind_contextvars, session="user_1_wa_2", incarnation=7)
    context.run(loop.submit, speak("its")).result(10)
    loop.submit(speak("nobody's")).result(10)
    assert loop.stop(5)
    its, nobodys = lines()
    assert (its["session"], its["incarnation"]) == ("user_1_wa_2", 7)
    assert "session" not in nobodys


@pytest.mark.parametrize(
    ("event", "mark"),
    [
        ({"event": "session.status", "status": "qr", "level": "info"}, "📱"),
        ({"event": "session.status", "status": "error", "level": "info"}, "❌"),
        ({"event": "watchdog.kill", "level": "warning"}, "🚨"),
        ({"event": "heartbeat.beat", "level": "debug"}, "💓"),
        ({"event": "heartbeat.failed", "level": "warning"}, "⚠️"),
        ({"event": "outbox.rebuilt", "level": "info"}, "📬"),
        ({"event": "something.new", "level": "info"}, "·"),
        ({"event": "something.new", "level": "error"}, "❌"),
    ],
)
def test_people_find_the_familiar_marks(event, mark):
    assert log_context.mark_of(event) == mark


def test_the_marks_are_for_people_and_not_for_machines(lines):
    structlog.get_logger("wahook.test").warning("watchdog.kill", session="user_1_wa_2")
    assert lines()[0]["event"] == "watchdog.kill"
    buffer = io.StringIO()
    logs.configure("console", "INFO", buffer)
    structlog.get_logger("wahook.test.console").warning("watchdog.kill", session="user_1_wa_2")
    assert "🚨 watchdog.kill" in buffer.getvalue()
