"""Which session a log line is about, told by the thread or the path it comes from. structlog processors."""

from __future__ import annotations

import re
import threading
from collections.abc import MutableMapping
from typing import Any

Event = MutableMapping[str, Any]

_NODE = re.compile(r"^(?:root/)?(?:sessions|outbox)/(?P<session>[^/#]+)")
_ACTOR = re.compile(r"^sessions/(?P<session>[^/#]+)/session#(?P<incarnation>\d+)$")
_LANE = re.compile(r"^lane (?P<session>\S+)$")


def add_session(_: object, __: str, event: Event) -> Event:
    """Add `session`, and `incarnation` where it is certain, unless the line has them."""
    for name, value in _found(threading.current_thread().name, event.get("path")).items():
        event.setdefault(name, value)
    return event


def _found(thread: str, path: object) -> dict[str, str | int]:
    if actor := _ACTOR.match(thread):
        return {"session": actor["session"], "incarnation": int(actor["incarnation"])}
    if node := _LANE.match(thread) or _NODE.match(str(path or "")) or _NODE.match(thread):
        return {"session": node["session"]}
    return {}


# The original's marks: people who knew its log find their way in this one.
MARKS = {
    "service.started": "✅",
    "service.stopped": "🛑",
    "server.ready": "✅",
    "server.died": "🔌",
    "browser.opening": "🚀",
    "browser.lost": "⚠️",
    "session.leaving": "🔄",
    "heartbeat": "💓",
    "watchdog": "🐕",
    "watchdog.kill": "🚨",
    "activity": "🖱️",
    "outbox.attempted": "📤",
    "outbox": "📬",
    "redis": "🔴",
    "memory": "🧠",
    "janitor": "🧹",
    "profile": "💾",
    "mailer": "📧",
    "greeter": "📧",
    "assistant": "🤖",
    "webhook": "🪝",
    "mirror": "🗄️",
    "child.backoff": "🔄",
    "child.hold": "⏳",
}
STATUS_MARKS = {
    "initializing": "🚀",
    "qr": "📱",
    "authenticated": "🔐",
    "ready": "✅",
    "reconnecting": "🔄",
    "error": "❌",
    "stopped": "⏹️",
}
LEVEL_MARKS = {"warning": "⚠️", "error": "❌", "critical": "❌"}


def add_mark(_: object, __: str, event: Event) -> Event:
    """Put the familiar mark before the event's name: for the console only."""
    event["event"] = f"{mark_of(event)} {event.get('event', '')}"
    return event


def mark_of(event: Event) -> str:
    """By the whole name, else by how bad it is, else by the first part of the name."""
    name = str(event.get("event", ""))
    if name == "session.status":
        return STATUS_MARKS.get(str(event.get("status")), "·")
    level = LEVEL_MARKS.get(str(event.get("level")))
    return MARKS.get(name) or level or MARKS.get(name.split(".", maxsplit=1)[0], "·")
