"""Logs: named events, for people (console) or machines (JSON), with what must never be in them masked."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Collection, MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog

from wahook.log_context import add_mark, add_session

MASK = "…"
SECRET_NAMES = re.compile(r"(?i)(key|secret|token|password|authorization|qr|qr_code|pairing_code|body|text)$")
PHONE = re.compile(
    r"(?<![\w.-])\+?\d{8,15}(?!\w|[.:]\d|-\w)"  # by itself; a sentence may end with it
    r"|(?<!\d)\d{8,15}(?=(?::\d{1,5})?@|-\d+@g\.us)"  # in an address: a person's, a device's, an old group's
    r"|(?<![\w.+-])\+\d[\d ().-]{6,18}\d(?!\w)"  # as people write it
)
CREDENTIALS = re.compile(
    r"(?<=://)[^\s/@'\"]+(?=@)"  # user and password of a URL
    r"|(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"  # a JWT
    r"|\bsb_secret_\w+|\bsk-[\w-]{8,}"
)
SHORTEST_SECRET = 6  # a shorter one would blot out words


TALKATIVE = (
    *("rq", "rq.worker", "selenium", "urllib3", "asyncio", "engineio", "socketio", "pykka", "alembic"),
    *("httpx", "httpcore", "hpack"),  # every request, with what it asks for
)


class Masking:
    """A structlog processor: values under secret names, and in every text, however deep, phone numbers,
    credentials and the secrets that it was told of."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted({one for one in secrets if len(one) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Mask an event in place."""
        for name, value in event.items():
            if name not in ("event", "timestamp", "level", "logger"):
                event[name] = self._masked(name, value)
        event["event"] = self.text(str(event.get("event", "")))
        return event

    def text(self, text: str) -> str:
        """A text without what nobody may read in it."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return mask_numbers(CREDENTIALS.sub(MASK, text))

    def _masked(self, name: str, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case _ if SECRET_NAMES.search(name) or isinstance(value, bytes | bytearray):
                return MASK  # nobody reads bytes in a log, and they may be a profile, a picture, a body
            case dict():
                return {self.text(str(key)): self._masked(str(key), one) for key, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._masked(name, one) for one in value]
            case _:
                return self.text(str(value))


mask = Masking()


def mask_numbers(text: str) -> str:
    """Keep two digits at each end of what looks like a phone number."""
    return PHONE.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    number = found[0]
    digits = sum(char.isdigit() for char in number)
    return f"{number[:2]}{MASK}{number[-2:]}" if digits >= 8 else number


def configure(
    form: Literal["console", "json"],
    level: str,
    stream: TextIO | None = None,
    *,
    secrets: Collection[str] = (),
) -> None:
    """Set up structlog and the standard library's logging, which supervision and the libraries use.

    `secrets` are shown nowhere, whatever text they stand in.
    """
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
    last: list[Any] = [structlog.processors.format_exc_info, Masking(secrets), *render]
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


def catch_the_rest() -> None:
    """Have what nobody caught, on any thread, told as an event: Python's own traceback would be unmasked.

    For the process's start alone.
    """
    log = structlog.get_logger(__name__)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("process.uncaught", exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit and args.exc_value is not None:
            log.error("thread.uncaught", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))

    sys.excepthook = uncaught
    threading.excepthook = in_thread
