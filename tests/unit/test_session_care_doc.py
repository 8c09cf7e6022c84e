"""docs/session-care.md names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"(\w+/test_\w+)((?:,? `…\w+…`)*)")


def test_each_trouble_is_shown_by_tests_that_there_are():
    rows = [
        line for line in (ROOT / "docs/session-care.md").read_text().splitlines() if line.startswith("| ")
    ]
    assert len(rows) > 20
    for row in rows[1:]:
        named = NAMED.findall(row.rstrip(" |").rpartition("|")[2])
        assert named, row
        for file, parts in named:
            tests = re.findall(r"def (test_\w+)", (ROOT / "tests" / f"{file}.py").read_text())
            for part in re.findall(r"…(\w+)…", parts):
                assert any(part in test for test in tests), (file, part)
