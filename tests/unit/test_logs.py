import io
import json
import logging

import pytest
import structlog

from wahook import logs


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
