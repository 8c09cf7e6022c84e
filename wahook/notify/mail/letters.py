"""What a mail says: subject, text and HTML, from its facts. Pure; every value is escaped in HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from actors.durable import Mail
from actors.notices import Kind
from wahook.notify.mail.texts import Texts, Words
from wahook.notify.people import local_time

PICTURE_ID = "qr"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent. `picture`: PNG, shown in the HTML as `cid:qr`."""

    subject: str
    text: str
    html: str
    picture: bytes | None = None


def letter(mail: Mail, texts: Texts, link: str | None = None, picture: bytes | None = None) -> Letter:
    """The mail in its language. KeyError or ValueError for a mail that no version of ours has made."""
    facts: dict[str, Any] = dict(mail.payload)
    words = texts.of(str(facts["language"]))
    section = _section(mail, facts)
    values = {"phone": _phone(facts, words), "away": words.length(float(facts["away"]))}
    subject = _one_line(words.say(section, "subject", **values))
    paragraphs = [part.strip() for part in words.say(section, "text", **values).split("\n\n")]
    paragraphs += _remarks(words, facts, link)
    rows = _facts(mail, words, facts)
    html = texts.layout.substitute(
        language=words.language,
        subject=escape(subject),
        paragraphs="\n".join(f"<p>{escape(one)}</p>" for one in paragraphs),
        picture="" if picture is None else _picture(words),
        facts="\n".join(_row(name, value) for name, value in rows),
    )
    return Letter(subject, _text(paragraphs, rows), html, picture)


def greeting_text(texts: Texts, language: str, phone_number: str, when: datetime, timezone: str) -> str:
    """What a linked session sends to TEST_MESSAGE_TO."""
    words = texts.of(language)
    said_when = local_time(when, timezone, words.time)
    return words.say("test_message", "text", phone=f"+{phone_number}", when=said_when)


def _section(mail: Mail, facts: dict[str, Any]) -> str:
    trying = mail.kind == Kind.DISCONNECTED and not facts["permanent"]
    return "disconnected_trying" if trying else mail.kind


def _phone(facts: dict[str, Any], words: Words) -> str:
    number = facts.get("phoneNumber")
    return f"+{number}" if number else words.say("common", "no_phone")


def _remarks(words: Words, facts: dict[str, Any], link: str | None) -> list[str]:
    remarks = [] if link is None else [words.say("common", "link", link=link)]
    if left_out := int(facts["suppressed"]):
        name = "suppressed_one" if left_out == 1 else "suppressed"
        remarks.append(words.say("common", name, count=left_out))
    return remarks


def _facts(mail: Mail, words: Words, facts: dict[str, Any]) -> list[tuple[str, str]]:
    name = facts.get("profileName")
    account = _phone(facts, words) + (f" · {_one_line(str(name))}" if name else "")
    when = local_time(datetime.fromisoformat(facts["at"]), str(facts["timezone"]), words.time)
    rows = [("account", account), ("when", when)]
    if facts.get("reason"):
        rows.append(("reason", words.reason(_one_line(str(facts["reason"])))))
    rows.append(("session", mail.session_id or ""))
    return [(words.say("common", name), value) for name, value in rows]


def _text(paragraphs: list[str], rows: list[tuple[str, str]]) -> str:
    return "\n\n".join([*paragraphs, "\n".join(f"{name}: {value}" for name, value in rows)]) + "\n"


def _row(name: str, value: str) -> str:
    cell = '<td style="padding:2px 12px 2px 0">'
    return f"<tr>{cell}{escape(name)}</td>{cell}{escape(value)}</td></tr>"


def _picture(words: Words) -> str:
    title = escape(words.say("common", "qr"))
    return f'<p><img src="cid:{PICTURE_ID}" width="264" height="264" alt="{title}"><br>{title}</p>'


def _one_line(text: str) -> str:
    """Names come from outside: no line break of theirs may become a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
