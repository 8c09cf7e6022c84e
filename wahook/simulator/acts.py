"""What somebody does to a message that an account has: react, edit, delete it for everyone, vote."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from wahook.simulator.accounts import Record
from wahook.simulator.errors import ConflictError, SimulatorError
from wahook.simulator.numbers import address, text_field

ACTS = ("react", "edit", "revoke", "vote")


def apply(
    act: str, record: Record, sender: str, body: Mapping[str, Any], serial: str
) -> tuple[str, dict[str, Any]]:
    """The event that the account's pages are told, and what it says; SimulatorError for what cannot be."""
    match act:
        case "react":
            emoji = str(body.get("text") or "")
            target = {"target": record["id"], "targetFromMe": record["fromMe"]}
            return "reaction", {"id": serial, "text": emoji, "from": address(sender), **target}
        case "edit":
            _own(record, sender)
            text = str(text_field(body, "text"))
            record["caption" if "filehash" in record else "body"] = text
            record["latestEditMsgKey"] = serial
            return "edit", {"id": record["id"], "body": text}
        case "revoke":
            _own(record, sender)
            record.update(type="revoked", body="", caption="")
            return "revoke", {"id": record["id"]}
        case _:
            return "vote", {"id": record["id"], "from": address(sender), **_vote(record, body)}


def _own(record: Record, sender: str) -> None:
    if (record.get("author") or record["from"]) != address(sender):
        raise ConflictError("that message is somebody else's")


def _vote(record: Record, body: Mapping[str, Any]) -> dict[str, Any]:
    names = [option["name"] for option in record.get("pollOptions") or []]
    options = body.get("options") or []
    wanted = options if isinstance(options, list) else [options]
    if not names or any(name not in names for name in wanted):
        raise SimulatorError(f"'options' must be among {names}")
    return {"options": [names.index(name) for name in wanted], "t": int(time.time() * 1000)}
