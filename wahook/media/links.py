"""Which stored file belongs to which incoming message: empty files named by both, beside the files."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path


class Links:
    """Blocking; any thread. Lost ones cost a download, nothing more."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, session_id: str, wa_message_id: str) -> str | None:
        """The file's id, if it was downloaded before."""
        try:
            return str(self._path(session_id, wa_message_id).readlink())
        except OSError:
            return None

    def add(self, session_id: str, wa_message_id: str, media_id: str) -> None:
        """Remember it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(session_id, wa_message_id)
        aside = path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        aside.symlink_to(media_id)  # it names an id, and leads nowhere
        aside.replace(path)

    def sweep(self, older_than: float) -> int:
        """Forget what was remembered more than that many seconds ago; how many."""
        limit, gone = time.time() - older_than, 0
        for path in list(self._root.iterdir()) if self._root.is_dir() else []:
            if path.lstat().st_mtime < limit:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _path(self, session_id: str, wa_message_id: str) -> Path:
        name = hashlib.sha256(f"{session_id} {wa_message_id}".encode()).hexdigest()
        return self._root / name
