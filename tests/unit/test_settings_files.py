"""config/wahook.toml and config/.env.example agree with the settings."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from wahook.settings import Settings, read_settings
from wahook.settings_sources import variable

CONFIG = Path(__file__).parents[2] / "config"
FIELDS = Settings.model_fields
WRITTEN = re.compile(r"^(?:# )?(\w+) = ", re.MULTILINE)


def default(field: FieldInfo) -> Any:
    """A default as TOML would hold it; None where there is none or another setting decides."""
    match value := field.get_default(call_default_factory=True):
        case Path():
            return str(value) if value != Path() else None
        case tuple():
            return list(value)
        case _:
            return value


def test_the_toml_file_names_every_setting_once_and_nothing_else():
    names = WRITTEN.findall((CONFIG / "wahook.toml").read_text())
    assert sorted(names) == sorted(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_the_toml_file_shows_the_default(name):
    shown = tomllib.loads((CONFIG / "wahook.toml").read_text())
    assert shown.get(name) == default(FIELDS[name]), "a setting without a default is to be commented out"


def test_the_toml_file_can_be_used_as_it_is(monkeypatch):
    for name, field in FIELDS.items():
        monkeypatch.delenv(variable(name, field), raising=False)
    plain = read_settings()
    monkeypatch.setenv("WAHOOK_CONFIG", str(CONFIG / "wahook.toml"))
    assert read_settings() == plain


def example() -> dict[str, str]:
    """The variables of the example, commented out as they are."""
    lines = (CONFIG / ".env.example").read_text().splitlines()
    return dict(line[1:].split("=", 1) for line in lines if re.match(r"#\w+=", line))


def test_the_env_example_names_every_variable_and_nothing_else():
    assert sorted(example()) == sorted(variable(name, field) for name, field in FIELDS.items())


@pytest.mark.parametrize("name", FIELDS)
def test_the_env_example_shows_the_default(name):
    wanted = default(FIELDS[name])
    assert example()[variable(name, FIELDS[name])] == ("" if wanted in (None, []) else f"{wanted}")
