"""Logs: named events, for people (console) or machines (JSON), with what must never be in them masked."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from wahook.log_context import add_mark, add_session

MASK = "…"
SECRET_NAMES = re.compile(r"(?i)(key|secret|token|password|authorization|qr|qr_code|pairing_code|body|text)$")
PHONE = re.compile(r"(?<![\w.:-])\+?\d{8,15}(?![\w.:-])|(?<!\d)\d{8,15}(?=@(?:c\.us|s\.whatsapp\.net|lid))")


TALKATIVE = (
    *("rq", "rq.worker", "selenium", "urllib3", "asyncio", "engineio", "socketio", "pykka", "alembic"),
    *("httpx", "httpcore", "hpack"),  # every request, with what it asks for
)


def mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: values under secret names, and phone numbers anywhere in text, however deep."""
    for name, value in event.items():
        if name not in ("event", "timestamp", "level", "logger"):
            event[name] = _masked(name, value)
    event["event"] = mask_numbers(str(event.get("event", "")))
    return event


def _masked(name: str, value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case _ if SECRET_NAMES.search(name) or isinstance(value, bytes | bytearray):
            return MASK  # nobody reads bytes in a log, and they may be a profile, a picture, a body
        case dict():
            return {key: _masked(str(key), one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(name, one) for one in value]
        case _:
            return mask_numbers(str(value))


def mask_numbers(text: str) -> str:
    """Keep two digits at each end of what looks like a phone number."""
    return PHONE.sub(lambda found: f"{found[0][:2]}{MASK}{found[0][-2:]}", text)


def configure(form: Literal["console", "json"], level: str, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging, which supervision and the libraries use."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        add_session,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Any] = [structlog.processors.JSONRenderer(ensure_ascii=False)]
    if form == "console":
        render = [add_mark, structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())]
    last: list[Any] = [structlog.processors.format_exc_info, mask, *render]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
