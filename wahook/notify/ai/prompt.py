"""What the model is given: the account's instructions, and the last lines of this one chat. Pure.

Nothing of another chat, another account or the service is ever in it, so nothing of these can be talked out
of the model; and its words go to the chat that asked, and nowhere else. What people write stays in the user's
role, whatever it claims to be.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.model import JSON
from wahook.journal.chats import Author, Line

LINE_CHARACTERS = 4000
ALL_CHARACTERS = 16000


def conversation(
    system_prompt: str, lines: Sequence[Line], most: int, *, named: bool = False
) -> list[dict[str, JSON]]:
    """The messages of a request: at most so many lines, the newest, together within bounds.

    `named`: say who wrote each, as it is a group.
    """
    said: list[dict[str, JSON]] = []
    room = ALL_CHARACTERS
    for line in reversed([line for line in lines if _said(line)][-most:]):
        text = _text(line, named=named)[:LINE_CHARACTERS]
        if said and len(text) > room:
            break
        room -= len(text)
        said.append({"role": _role(line.author), "content": text})
    instructions: list[dict[str, JSON]] = (
        [{"role": "system", "content": system_prompt}] if system_prompt.strip() else []
    )
    return instructions + said[::-1]


def asked_last(lines: Sequence[Line], wa_message_id: str) -> list[Line]:
    """What is to be answered stands last, also where our answer to something earlier was slower than it."""
    place = next((at for at, line in enumerate(lines) if line.wa_message_id == wa_message_id), None)
    if place is None:
        return list(lines)
    after = lines[place + 1 :]
    ours = [line for line in after if line.author is not Author.THEM]
    theirs = [line for line in after if line.author is Author.THEM]
    return [*lines[:place], *ours, lines[place], *theirs]


def _text(line: Line, *, named: bool) -> str:
    return f"{line.name}: {line.body}" if named and line.name else line.body


def _said(line: Line) -> bool:
    return line.author is not Author.SERVICE and bool(line.body.strip())


def _role(author: Author) -> str:
    return "user" if author is Author.THEM else "assistant"
