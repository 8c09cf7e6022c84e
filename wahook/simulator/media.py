"""Media bytes by their hash, in memory, bounded."""

import base64
import hashlib
from collections import OrderedDict

from wahook.simulator.errors import NotFoundError, SimulatorError

TOTAL_LIMIT = 256 * 2**20
FILE_LIMIT = 64 * 2**20


class MediaStore:
    """Files by base64 SHA-256; the oldest are dropped when the total passes the limit."""

    def __init__(self) -> None:
        """Start empty."""
        self._files: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._total = 0

    def put(self, data: bytes, mimetype: str) -> str:
        """Keep a file; its hash. Raises SimulatorError when it is empty or too large."""
        if not 0 < len(data) <= FILE_LIMIT:
            raise SimulatorError(f"a media file has 1 to {FILE_LIMIT} bytes")
        filehash = base64.b64encode(hashlib.sha256(data).digest()).decode()
        if filehash not in self._files:
            self._total += len(data)
        self._files[filehash] = (data, mimetype)
        while self._total > TOTAL_LIMIT:
            _, (dropped, _) = self._files.popitem(last=False)
            self._total -= len(dropped)
        return filehash

    def get(self, filehash: str) -> tuple[bytes, str]:
        """(bytes, MIME type); NotFoundError when it is gone."""
        if filehash not in self._files:
            raise NotFoundError("no such media file")
        return self._files[filehash]
