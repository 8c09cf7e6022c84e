"""Small pure parts: choosing a form, comparing tags, drawing codes, reading a request's words."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from wahook.edge import qr
from wahook.edge.negotiate import choose, has_already
from wahook.edge.problems import Problem, problem_of
from wahook.edge.represent import utc
from wahook.edge.schemas import Identifier, NodePath, Number, SendAt, SessionPath

from .service import CODE

OFFERS = ("application/json", "text/plain", "image/png")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("TEXT/Plain", "text/plain"),
        ("text/*, application/json;q=0.9", "text/plain"),
        ("image/png;q=0.1, */*;q=0", "image/png"),
        ("*/*, application/json;q=0", "text/plain"),
        ("text/plain;q=0.5, image/png;q=0.5", "text/plain"),
        ("text/plain;q=bad, image/png", "image/png"),
        ("text/plain;charset=utf-8", "text/plain"),
    ],
)
def test_the_best_liked_offer_is_chosen_and_the_first_among_equals(accept, chosen):
    assert choose(accept, OFFERS) == chosen


@pytest.mark.parametrize("accept", ["text/html", "text/plain;q=0", "nonsense", "*/*;q=0"])
def test_nothing_acceptable_is_a_problem(accept):
    with pytest.raises(Problem) as caught:
        choose(accept, OFFERS)
    assert caught.value.status == 406


@pytest.mark.parametrize(
    ("header", "etag", "same"),
    [
        ("", '"a"', False),
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"b", W/"a"', 'W/"a"', True),
        ("*", '"a"', True),
        ('"b"', '"a"', False),
        ("a", '"a"', False),
        ('"aa"', '"a"', False),
    ],
)
def test_tags_are_compared_weakly(header, etag, same):
    assert has_already(header, etag) is same


def test_the_text_of_a_code_is_its_modules_with_white_drawn():
    lines = qr.text(CODE).splitlines()
    width = len(lines[0])
    assert {len(line) for line in lines} == {width}
    assert len(lines) == (width + 1) // 2
    assert set("".join(lines)) == set("█▀▄ ")
    assert set(lines[0] + lines[1]) == {"█"}  # four modules of quiet around it


def test_a_png_and_an_svg_are_what_they_say():
    assert qr.png(CODE).startswith(b"\x89PNG\r\n\x1a\n")
    assert qr.svg(CODE).startswith("<svg")


@pytest.mark.parametrize(
    ("given", "digits"),
    [("+49 (170) 000-0003", "491700000003"), ("491700000003@c.us", "491700000003"), ("12345", "12345")],
)
def test_a_number_is_its_digits(given, digits):
    assert TypeAdapter(Number).validate_python(given) == digits


def test_an_identifier_may_be_a_number_of_a_database_but_no_path():
    check = TypeAdapter(Identifier).validate_python
    assert check(2**63 - 1) == str(2**63 - 1)
    assert check("6f1c-A_b") == "6f1c-A_b"
    assert check(5.0) == "5"
    for bad in (
        2**63,
        -1,
        True,
        1.5,
        -1.0,
        2.0**53,
        float("inf"),
        float("nan"),
        None,
        "",
        ".",
        "..",
        "a/b",
        "a\n",
        "a b",
        "-a",
        "_a",
        "é",
        "x" * 65,
    ):
        with pytest.raises(ValidationError):
            check(bad)


@pytest.mark.parametrize("bad", ["user_1_wa_2\n", "user_1_wa_2/..", "xuser_1_wa_2", "user_1_wa_2\x00"])
def test_a_pattern_covers_the_whole_of_an_id(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(SessionPath).validate_python(bad)


def test_a_path_of_the_tree_has_no_blanks_or_controls():
    check = TypeAdapter(NodePath).validate_python
    assert check("root/sessions/user_1_wa_2") == "root/sessions/user_1_wa_2"
    for bad in ("", " ", "a\n", "a\x00b", "x" * 301):
        with pytest.raises(ValidationError):
            check(bad)


@pytest.mark.parametrize(
    ("given", "hour"),
    [("2026-12-24T18:00:00Z", 18), ("2026-12-24t18:00:00.5z", 18), ("2026-12-24 18:00:00-02:00", 20)],
)
def test_a_time_is_brought_to_utc(given, hour):
    found = TypeAdapter(SendAt).validate_python(given)
    assert (found.hour, found.tzinfo) == (hour, UTC)


def test_a_time_without_a_zone_is_taken_to_be_in_utc():
    assert utc(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001
    assert utc(None) is None


def test_an_error_that_nobody_foresaw_is_no_problem_of_the_clients():
    assert problem_of(ValueError("x")) is None
