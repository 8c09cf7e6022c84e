"""Server-sent events, as far as chat completions use them. Pure."""

from __future__ import annotations

from collections.abc import Iterator


class EventParser:
    """Bytes in, the `data` of complete events out (WHATWG, server-sent events, section 9.2.6)."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes that an unfinished line or event may have; ValueError above it."""
        self._limit = limit
        self._rest = b""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The events that are complete with this chunk."""
        self._rest += chunk
        held_back = self._rest.endswith(b"\r")  # its \n may be in the next chunk
        text = self._rest[:-1] if held_back else self._rest
        *lines, rest = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = rest + b"\r" * held_back
        self._check(len(self._rest))
        for line in lines:
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data, self._size = [], 0
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._size += len(value)
            self._check(self._size)
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ValueError("an event is too long")
