"""Phone numbers and the addresses made of them."""

import re
from collections.abc import Mapping
from typing import Any

from wahook.simulator.errors import SimulatorError

_NUMBER = re.compile(r"[0-9]{5,15}\Z")
EVERYBODY = "0"  # in the control API: a fault for whichever page comes
UNASSIGNED = "999"  # numbers that begin like this are not on WhatsApp


def number(text: object) -> str:
    """Digits only, 5 to 15 of them; raises SimulatorError for anything else."""
    if not isinstance(text, str) or not _NUMBER.match(text):
        raise SimulatorError("a phone number is 5 to 15 digits, without + or spaces")
    return text


def is_on_whatsapp(digits: str) -> bool:
    """Whether the number check says yes."""
    return bool(_NUMBER.match(digits)) and not digits.startswith(UNASSIGNED)


def address(digits: str) -> str:
    """The number's chat address."""
    return f"{digits}@c.us"


def user(text: str) -> str:
    """What stands before the @ of an address."""
    return text.partition("@")[0].partition(":")[0]


def lid(digits: str) -> str:
    """The number's LID user part: stable, and told apart from a number by its length."""
    return f"1{digits:0>15}"


def lid_address(digits: str) -> str:
    """The number's chat address by LID."""
    return f"{lid(digits)}@lid"


def number_of(chat: str) -> str:
    """The number behind a one-to-one chat address."""
    return number_of_lid(user(chat)) if chat.endswith("@lid") else user(chat)


def number_of_lid(lid_user: str) -> str:
    """The reverse of lid()."""
    return lid_user[1:].lstrip("0")


def text_field(body: Mapping[str, Any], name: str, *, required: bool = True) -> str | None:
    """A string member of a JSON object; raises SimulatorError when it is missing or something else."""
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise SimulatorError(f"'{name}' must be a non-empty string")
    return value
