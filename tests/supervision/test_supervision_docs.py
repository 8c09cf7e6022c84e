"""The examples in docs/supervision.md run, and its tables name what exists."""

import re
from pathlib import Path

import pytest

import supervision
from supervision.child import State

GUIDE = Path(__file__).parents[2] / "docs" / "supervision.md"
CASES = GUIDE.with_name("supervision-cases.md")
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs_as_printed(number, capsys):
    exec(compile(EXAMPLES[number], f"{GUIDE.name}:{number}", "exec"), {"__name__": "example"})  # noqa: S102
    out = capsys.readouterr().out
    if number == 0:
        assert "readings: [21.0, 22.0, 21.0, 22.0, 21.0]" in out
        assert "incarnations: 3" in out
        assert "thermometer #3" in out


def test_there_are_examples():
    assert len(EXAMPLES) == 2


def test_every_state_and_every_public_name_is_explained():
    text = GUIDE.read_text()
    assert [state.value for state in State if f"`{state.value}`" not in text] == []
    taught = (
        "Actor",
        "BackOff",
        "ChildSpec",
        "HoldUntil",
        "RestartLater",
        "RestartNow",
        "StopChild",
        "StormFuse",
    )
    assert [name for name in taught if name not in text] == []
    assert all(hasattr(supervision, name) for name in supervision.__all__)


def test_the_json_members_of_a_node_are_those_documented(tree):
    tree.start(supervision.SupervisorSpec((supervision.ChildSpec("a", tree.scripted()),)))
    node = tree.system.snapshot().find("a")
    text = GUIDE.read_text()
    assert [name for name in node if not re.search(rf"[`, ]{name}[`,{{ ]", text)] == []


def test_every_test_that_the_list_of_cases_names_exists():
    named = set(re.findall(r"`(test_\w+)`", CASES.read_text()))
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert len(named) > 80
    assert named - set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE)) == set()


def test_every_record_that_the_pages_name_exists():
    pages = GUIDE.read_text() + CASES.read_text()
    links = set(re.findall(r"\]\(((?:decisions/)?[\w.-]+\.md)\)", pages))
    assert len(links) > 3
    assert [link for link in links if not (GUIDE.parent / link).is_file()] == []
