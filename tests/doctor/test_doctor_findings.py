"""How findings are told."""

import json

import pytest

from wahook.doctor import Finding, State, as_json, as_text, exit_code
from wahook.doctor.findings import place_of
from wahook.doctor.visit import visit

FINDINGS = [
    Finding("redis", State.OK, "answers"),
    Finding("volume", State.WARNING, "900 MB free", "make room"),
    Finding("chromium", State.FAILED, "not found", "install it"),
]


def test_each_check_is_a_line_and_under_it_what_to_do():
    assert as_text(FINDINGS) == (
        "✓ redis     answers\n"
        "! volume    900 MB free\n"
        "            → make room\n"
        "✗ chromium  not found\n"
        "            → install it\n"
        "\n"
        "1 failed, 1 to look at"
    )
    assert as_text(FINDINGS[:1]).endswith("all is well")


def test_only_what_failed_makes_the_exit_code():
    assert exit_code(FINDINGS) == 1
    assert exit_code(FINDINGS[:2]) == 0


def test_programs_get_the_same_as_json():
    told = json.loads(as_json(FINDINGS))
    assert told["ok"] is False
    assert told["checks"][2] == {
        "name": "chromium", "state": "failed", "found": "not found", "advice": "install it",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@example.org:6379/3?password=secret", "redis://example.org:6379/3"),
        ("postgresql://wahook:secret@db/wahook", "postgresql://db/wahook"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis://host:port:secret", "an unreadable URL"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown):
    assert place_of(url) == shown


def test_a_check_that_breaks_is_a_finding_without_its_words_and_stops_no_other():
    def bad(_):
        raise ValueError("redis://:secret@host")

    found = visit(None, [("bad", bad), ("good", lambda _: FINDINGS[0])])
    assert [one.state for one in found] == [State.FAILED, State.OK]
    assert "secret" not in as_text(found)
    assert "ValueError" in found[0].found
