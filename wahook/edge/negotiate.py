"""Which form of a thing a client wants, and whether it has it already (RFC 9110, sections 12 and 13)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wahook.edge.problems import Problem

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def choose(accept: str, offers: Sequence[str]) -> str:
    """The offer the client likes best; among equals the first. Problem 406 when it likes none.

    `accept` is the header as sent, empty when there is none: then the first offer.
    """
    ranges = [_parse(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return offers[0]
    liked = [(_quality(offer, ranges), -index) for index, offer in enumerate(offers)]
    quality, index = max(liked)
    if quality <= 0:
        raise Problem(406, "not_acceptable", f"This can be had as {', '.join(offers)}.")
    return offers[-index]


def _parse(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    weight = next((p.partition("=")[2] for p in parameters if p.lower().startswith("q=")), "1")
    try:
        return name.lower(), float(weight)
    except ValueError:
        return name.lower(), 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Of the most specific range that covers the offer."""
    for pattern in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        found = [weight for name, weight in ranges if name == pattern]
        if found:
            return max(found)
    return 0.0


def has_already(if_none_match: str, etag: str) -> bool:
    """Weak comparison of If-None-Match with an entity tag (`"…"` or `W/"…"`)."""
    if if_none_match.strip() == "*":
        return True
    mine = _TAG.fullmatch(etag)
    return mine is not None and mine.group(1) in _TAG.findall(if_none_match)
