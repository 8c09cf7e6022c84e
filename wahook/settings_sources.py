"""Where settings come from: the environment first, then the TOML file that WAHOOK_CONFIG names."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource

from actors.errors import WahookError

CONFIG_VARIABLE = "WAHOOK_CONFIG"
PERSONAL = {
    "TEST_MESSAGE_TO",
    "NOTIFY_EMAIL",
    "SMTP_USER",
    "SMTP_FROM",
    "WEBHOOKS",
}  # numbers, addresses, secrets of receivers: out of logs, even wrong ones


class SettingsError(WahookError):
    """A setting cannot be used. The text has a line for each: its name, and what it may be; no secret."""


class Environment(EnvSettingsSource):
    """The environment, by the variables' published names alone.

    The names of aliased fields would be read too: an unrelated API_KEY or DATA would change the service.
    """

    def __init__(self, settings: type[BaseSettings]) -> None:
        """Read os.environ now."""
        super().__init__(settings)
        fields = settings.model_fields.items()
        hidden = {name for name, field in fields if variable(name, field) != name.upper()}
        self.env_vars = {name: value for name, value in self.env_vars.items() if name not in hidden}


class ConfigFile(InitSettingsSource):
    """The file that WAHOOK_CONFIG names; nothing when it is unset. SettingsError if it cannot be used."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        """Read the file now."""
        name = os.environ.get(CONFIG_VARIABLE)
        super().__init__(settings, read_file(Path(name), set(settings.model_fields)) if name else {})


def read_file(path: Path, known: set[str]) -> dict[str, Any]:
    """The file's values by field name; SettingsError when unreadable or naming what nobody knows."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{CONFIG_VARIABLE}: cannot read {path}: {reason}") from None
    if unknown := sorted(values.keys() - known):
        raise SettingsError(f"{CONFIG_VARIABLE}: {path} has unknown settings: {', '.join(unknown)}")
    return values


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable that people know a field by."""
    alias = field.validation_alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else name.upper()


def explain(error: ValidationError, fields: dict[str, FieldInfo]) -> SettingsError:
    """What is wrong, a line for each setting. Secrets and phone numbers stay out of it."""
    variables = {variable(name, field): field for name, field in fields.items()}
    lines = []
    for detail in error.errors(include_url=False):
        place = str(detail["loc"][0]) if detail["loc"] else "settings"
        name = variable(place, fields[place]) if place in fields else place
        field = variables.get(name)
        hidden = field is None or name in PERSONAL or "Secret" in str(field.annotation)
        value = "" if hidden else f" is {detail['input']!r}"
        hint = f"; it may be {field.description}" if field is not None and field.description else ""
        lines.append(f"{name}{value}: {detail['msg'][:1].lower()}{detail['msg'][1:]}{hint}")
    return SettingsError("\n".join(lines))
