"""What a field of a specification may hold; everything else is a SpecError that names field and value."""

from __future__ import annotations

import enum
import math
from typing import TypeGuard

from supervision.errors import SpecError


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def member(field: str, value: object, kind: type[enum.Enum]) -> None:
    """One of an enum's members."""
    if not isinstance(value, kind):
        raise SpecError(field, value, f"must be a {kind.__name__}")


def flag(field: str, value: object) -> None:
    """True or False, and nothing that merely counts as either."""
    if not isinstance(value, bool):
        raise SpecError(field, value, "must be True or False")


def number(field: str, value: object, least: float, unit: str = "") -> None:
    """A finite number that is `least` or more."""
    if not _finite(value) or value < least:
        raise SpecError(field, value, f"must be >= {least:g}{unit}")


def seconds(field: str, value: object) -> None:
    """A finite duration, or none at all."""
    number(field, value, 0, " seconds")


def positive(field: str, value: object) -> None:
    """A finite duration that takes time."""
    if not _finite(value) or value <= 0:
        raise SpecError(field, value, "must be > 0 seconds")


def whole(field: str, value: object, least: int) -> None:
    """A whole number that is `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpecError(field, value, f"must be a whole number >= {least}")
