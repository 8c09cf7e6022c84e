"""A pairing code drawn as a QR code: PNG, SVG, data URL, or text for a terminal."""

from __future__ import annotations

import io

import segno

_QUIET = 4  # modules of white around it, as the standard asks


def _code(content: str) -> segno.QRCode:
    return segno.make_qr(content, error="l", boost_error=False)


def png(content: str) -> bytes:
    """PNG, six pixels per module."""
    out = io.BytesIO()
    _code(content).save(out, kind="png", scale=6, border=_QUIET)
    return out.getvalue()


def svg(content: str) -> str:
    """SVG with a white ground, so that it scans on a dark page too."""
    out = io.BytesIO()
    _code(content).save(out, kind="svg", scale=6, border=_QUIET, light="#fff", xmldecl=False)
    return out.getvalue().decode()


def data_url(content: str) -> str:
    """`data:image/png;base64,…`, for the src of an image."""
    return _code(content).png_data_uri(scale=6, border=_QUIET)


def text(content: str) -> str:
    """Two modules per character; white is drawn, so that it scans on a dark terminal."""
    rows = [list(row) for row in _code(content).matrix_iter(border=_QUIET)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(blocks[min(a, 1), min(b, 1)] for a, b in zip(upper, lower, strict=True))
        for upper, lower in pairs
    ) + "\n"  # fmt: skip
