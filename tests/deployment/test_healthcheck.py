"""The container's health check, against a real server."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .dockerfile import ROOT


def check(port: int) -> subprocess.CompletedProcess[str]:
    """Run the script as the engine does."""
    call = [sys.executable, ROOT / "config/healthcheck.py"]
    environment = {"PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(call, env=environment, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def serving(status: int) -> Iterator[int]:
    """A server that answers /livez with this status and nothing else."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(5)


def test_a_service_that_answers_is_healthy():
    with serving(200) as port:
        assert check(port).returncode == 0


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_service_that_answers_with_an_error_is_unhealthy(status):
    with serving(status) as port:
        done = check(port)
    assert done.returncode == 1
    assert str(status) in done.stderr


def test_a_service_that_is_not_there_is_unhealthy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = check(taken.getsockname()[1])
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_a_service_that_does_not_answer_is_unhealthy_within_its_deadline():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        done = check(deaf.getsockname()[1])
    assert done.returncode == 1
    assert "timed out" in done.stderr
