"""A PostgreSQL server of the tests' own: Debian's binaries, a scratch directory, a socket in it, no port."""

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

DEADLINE = 30.0
OWNER = "postgres"
# With its way through folders kept: a minimal system's root folder may be closed to all but root.
THROUGH = "+dac_override,+dac_read_search"
BECOME = [
    *("--reuid", OWNER, "--regid", OWNER, "--clear-groups"),
    *("--securebits", "+no_setuid_fixup", "--inh-caps", THROUGH, "--ambient-caps", THROUGH),
]


def binaries() -> Path | None:
    """Where initdb and postgres are; the newest version there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Server:
    """Runs until `stop`, and dies with this process. It refuses to run as root, so root becomes its user."""

    def __init__(self, bin_dir: Path) -> None:
        self._bin = bin_dir
        self.directory = Path(tempfile.mkdtemp(prefix="wahook-pg-", dir="/tmp"))
        self._ready = threading.Event()
        if os.geteuid() == 0:
            os.chown(self.directory, pwd.getpwnam(OWNER).pw_uid, -1)
        data = str(self.directory / "data")
        self._run("initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
        command = ["postgres", "-D", data, "-k", str(self.directory), *options]
        self._process = subprocess.Popen(
            self._as_owner(*command), stderr=subprocess.PIPE, text=True, cwd=self.directory
        )
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._ready.wait(DEADLINE):
            self.stop()
            raise TimeoutError("PostgreSQL did not get ready")

    def url(self, database: str = "postgres") -> str:
        """As DATABASE_URL."""
        return f"postgresql://{OWNER}@/{database}?host={self.directory}"

    def create(self, name: str) -> str:
        """Make an empty database; its URL."""
        self._run("createdb", "-h", str(self.directory), "-U", OWNER, name)
        return self.url(name)

    def stop(self) -> None:
        """End it at once and leave nothing."""
        self._process.kill()
        self._process.wait(DEADLINE)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            self._as_owner(*command),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            cwd=self.directory,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _as_owner(self, program: str, *arguments: str) -> list[str]:
        become = BECOME if os.geteuid() == 0 else []
        return ["setpriv", *become, "--pdeathsig", "KILL", str(self._bin / program), *arguments]

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "ready to accept connections" in line:
                self._ready.set()
