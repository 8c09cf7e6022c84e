"""A server that speaks Supabase's protocols (npm's @supabase/lite) on a PostgreSQL of the tests' own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.journal import postgres
from tests.ports import free_port

HERE = Path(__file__).parent
LITE = HERE / "server/node_modules/.bin/lite"
SQL = sorted((HERE.parents[1] / "config/supabase").glob("*.sql"))
SECRET, PUBLISHABLE = "sb_secret_test", "sb_publishable_test"
DEADLINE = 30.0

# What every project has before its owner does anything.
FURNITURE = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
grant usage on schema public to anon, authenticated, service_role;
"""
CONFIG = """
[api]
port = {port}
[db]
driver = "postgres"
url = "postgres:///{database}"
[auth]
enabled = true
jwt_secret = "Kq8vN2xW5rT9yB3mZ7cF1hJ4pL6sD0gA"
jwt_expiry = 3600
enable_signup = true
publishable_key = "{publishable}"
secret_key = "{secret}"
[auth.email]
enable_confirmations = false
"""


class Project:
    """A project of its own database. `start` and `stop` are those of the server; the data stay."""

    def __init__(self, server: postgres.Server, database: str) -> None:
        self._server, self._database = server, database
        server.create(database)
        self.sql(FURNITURE if database == "first" else FURNITURE[FURNITURE.index("alter") :])
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="wahook-lite-")
        config = Path(self._folder.name) / "supabase/config.toml"
        config.parent.mkdir()
        config.write_text(
            CONFIG.format(port=self.port, database=database, publishable=PUBLISHABLE, secret=SECRET)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Run our SQL, as its reader would."""
        for path in SQL:
            self.sql(path.read_text())

    def sql(self, text: str) -> list[list[str]]:
        """Run it as the owner; the rows of the last statement."""
        command = ["psql", "-h", self._server.directory, "-U", postgres.OWNER, "-d", self._database]
        done = subprocess.run(
            [*map(str, command), "-qAtX", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", text],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def start(self) -> None:
        """Returns when it answers."""
        quiet = {"LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1"}
        place = {"PGHOST": str(self._server.directory), "PGUSER": postgres.OWNER}
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(LITE), "start", "--no-admin"],
            cwd=self._folder.name,
            env={**os.environ, **quiet, **place},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ends = time.monotonic() + DEADLINE
        while self._away():
            assert time.monotonic() < ends, "the server does not answer"
            time.sleep(0.05)

    def _away(self) -> bool:
        try:
            self.call("GET", "/rest/v1/", SECRET)
        except OSError:
            return True
        return False

    def stop(self) -> None:
        """Kill it and all of its own."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(DEADLINE)
            self._process = None

    def close(self) -> None:
        """Stop, and leave no file."""
        self.stop()
        self._folder.cleanup()

    def call(
        self, method: str, path: str, key: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        """A request as a frontend makes it."""
        headers = {
            "apikey": key,
            "Authorization": f"Bearer {token or key}",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def user(self, email: str) -> tuple[str, str]:
        """Sign somebody up: their id and token."""
        status, found = self.call(
            "POST", "/auth/v1/signup", PUBLISHABLE, {"email": email, "password": "Long-enough-1"}
        )
        assert status == 200, found
        return found["user"]["id"], found["access_token"]
