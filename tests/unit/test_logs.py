import asyncio
import contextvars
import io
import json
import logging
import threading

import pytest
import structlog

from wahook import log_context, logs
from wahook.loop import LoopThread


@pytest.fixture
def lines(request):
    """Configure for JSON on a buffer, and put everything back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = io.StringIO()
    logs.configure("json", "INFO", buffer)
    yield lambda: [json.loads(line) for line in buffer.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to 4915112345678 now", "to 49…78 now"),
        ("+4915112345678", "+4…78"),
        ("4915112345678@c.us", "49…78@c.us"),
        ("true_4915112345678@c.us_3EB0ABCD", "true_49…78@c.us_3EB0ABCD"),
        ("port 35869, pid 1234567", "port 35869, pid 1234567"),
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
