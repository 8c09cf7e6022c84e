"""The volume, memory, the key, and whether somebody runs here already."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from wahook import data_lock
from wahook.doctor.findings import Finding, broken, doubtful, fine
from wahook.settings import Settings

MEGABYTE = 1024 * 1024
LITTLE, NEXT_TO_NOTHING = 1024, 200  # MB
ONE_SESSION = 200  # MB that a browser with a page may take
SHORT_KEY = 16
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def check_volume(settings: Settings) -> Finding:
    """WAHOOK_DATA can be written, synced and locked, and has room."""
    return _folder("volume", settings.data, "WAHOOK_DATA")


def check_profiles(settings: Settings) -> Finding:
    """SESSIONS_PATH likewise; hard links, which snapshots of running browsers are made of."""
    finding = _folder("profiles", settings.sessions_path, "SESSIONS_PATH")
    if finding.state != "ok" or not settings.sessions_path.is_dir():
        return finding
    count = sum(1 for path in settings.sessions_path.glob("session-*") if path.is_dir())
    return fine("profiles", f"{finding.found}; {count} kept")


def _folder(name: str, folder: Path, variable: str) -> Finding:
    here = _nearest(folder)
    try:
        _try_writing(here)
    except OSError as error:
        whose = f"uid {here.stat().st_uid}, we are {os.geteuid()}"
        return broken(
            name,
            f"{here} cannot be written: {error.strerror} ({whose})",
            f"give it to the service's user (chown -R {os.geteuid()} {here}), or set {variable} elsewhere",
        )
    if folder.is_dir() and folder.stat().st_uid != os.geteuid():
        owner = folder.stat().st_uid
        return doubtful(
            name,
            f"{folder} belongs to uid {owner}, we are {os.geteuid()}",
            f"ask as the user that the service runs as: sudo -u '#{owner}' wahook doctor",
        )
    free = shutil.disk_usage(here).free // MEGABYTE
    if free < NEXT_TO_NOTHING:
        return broken(name, f"{here}: {free} MB free", "make room: a full disk stops every session")
    if free < LITTLE:
        return doubtful(name, f"{here}: {free} MB free", "make room: a profile takes 50 MB and more")
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        return doubtful(
            name, f"{folder} is open to others", f"chmod 700 {folder}: logins and messages are in it"
        )
    made = "" if folder.is_dir() else " (made at the first start)"
    return fine(name, f"{folder}: writable, {free / 1024:.1f} GB free{made}")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there for us to see."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if _is_there(path))


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _try_writing(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".wahook-doctor-", dir=folder) as scratch:
        file = Path(scratch) / "one"
        with file.open("wb") as opened:
            opened.write(b"x" * 4096)
            opened.flush()
            os.fsync(opened.fileno())
        (Path(scratch) / "two").hardlink_to(file)
        os.close(data_lock.take(Path(scratch)))


def check_memory(settings: Settings) -> Finding:
    """The limit of the container, what is free, and MEMORY_LIMIT_MB."""
    available = psutil.virtual_memory().available // MEGABYTE
    ours, limit = settings.memory_limit_mb, container_limit()
    if limit is not None and ours >= limit:
        return broken(
            "memory",
            f"the container is killed at {limit} MB, the service holds back at {ours} MB only",
            f"set MEMORY_LIMIT_MB to {int(limit * 0.88)} or less, or give the container more",
        )
    room = f"{available} MB available, MEMORY_LIMIT_MB {ours}"
    if limit is not None:
        room += f", container limit {limit} MB"
    if min(available, limit or available) < ONE_SESSION:
        return doubtful("memory", room, "a session takes up to 200 MB: stop something, or add memory")
    if ours > available:
        return doubtful("memory", room, "less is free than the service may take: lower MEMORY_LIMIT_MB")
    return fine("memory", room)


def container_limit(files: tuple[Path, ...] = CGROUP_LIMITS) -> int | None:
    """Megabytes at which the kernel kills in this control group; None when there is no limit."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < psutil.virtual_memory().total:
            return int(text) // MEGABYTE
    return None


def check_key(settings: Settings) -> Finding:
    """The API key is there, long, and for its owner's eyes only."""
    if settings.api_key is None:
        return _key_file(settings.data / "api-key")
    if len(settings.api_key.get_secret_value()) < SHORT_KEY:
        advice = "use 16 characters or more: openssl rand -hex 24"
        return doubtful("api key", "WAHOOK_API_KEY is short", advice)
    return fine("api key", "given by WAHOOK_API_KEY")


def _key_file(file: Path) -> Finding:
    if not file.exists():
        return fine("api key", f"{file} is made at the first start")
    try:
        text = file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        return broken("api key", f"{file} cannot be read: {error.strerror}", f"chown {os.geteuid()} {file}")
    if not text:
        return broken("api key", f"{file} is empty", "remove it, and a new key will be made")
    if file.stat().st_mode & 0o077:
        return doubtful("api key", f"{file} is readable by others", f"chmod 600 {file}")
    return fine("api key", f"{file}, readable by its owner only")


def check_service(settings: Settings) -> Finding:
    """Whether a service runs on this folder; if none does, its port should be free."""
    if data_lock.is_taken(settings.data):
        return fine("service", f"runs on {settings.data}")
    users = [
        one.pid or 0
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == settings.port
    ]
    if users:
        return broken(
            "service", f"not running, and port {settings.port} is taken", "stop its user, or set PORT"
        )
    return fine("service", f"not running; port {settings.port} is free")
