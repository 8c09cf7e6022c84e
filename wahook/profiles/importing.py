"""Taking over a profile that whatsapp-web.js (LocalAuth) or another Chromium has made.

LocalAuth keeps a Chromium profile in `{dataPath}/session` or `{dataPath}/session-{clientId}`. Only what a
login needs is copied, so neither its caches nor settings of another Chromium version come along. The source
is only read; its browser should be closed, because two browsers with one login push each other out.
"""

from __future__ import annotations

from pathlib import Path

from wahook.profiles import snapshot
from wahook.profiles.errors import UnsafePath
from wahook.profiles.local import Profiles


def import_profile(profiles: Profiles, source: Path, session_id: str) -> Path:
    """Make `session_id`'s profile from a Chromium profile folder; its new path.

    UnsafePath if `source` is no Chromium profile, `snapshot.NothingToSave` if it never stored anything,
    ProfileFault if the session has a profile already; then nothing has changed. Whether WhatsApp still
    accepts the login shows at the first start.
    """
    if not (source / "Default").is_dir():
        raise UnsafePath(f"{source.name} is no Chromium profile: it has no folder `Default`")
    return profiles.adopt(session_id, lambda fresh: snapshot.take(source, fresh))


def found_in(data_path: Path) -> dict[str, Path]:
    """The profiles in a LocalAuth folder by clientId; "" is the one without a clientId."""
    folders = (entry for entry in sorted(data_path.iterdir()) if (entry / "Default").is_dir())
    named = {entry.name: entry for entry in folders if entry.name.startswith("session")}
    return {name.removeprefix("session").removeprefix("-"): folder for name, folder in named.items()}
