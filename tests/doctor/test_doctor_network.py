"""Reaching WhatsApp, each step failing in turn."""

import socket
import threading

import pytest

from wahook.doctor import State, network
from wahook.simulator import SimulatorThread


def test_a_server_that_answers_is_fine_and_a_self_made_certificate_is_not_trusted(settings):
    with SimulatorThread(tls_port=0) as simulator:
        plain = network.check_whatsapp(settings(whatsapp_url=simulator.url))
        tls = network.check_whatsapp(settings(whatsapp_url=f"https://127.0.0.1:{simulator.tls_port}"))
        wrong = network.check_whatsapp(settings(whatsapp_url=simulator.url.replace("http:", "https:")))
    assert (plain.state, "answers" in plain.found) == (State.OK, True)
    assert (tls.state, "certificate is not trusted" in tls.found) == (State.FAILED, True)
    assert (wrong.state, "no TLS" in wrong.found) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://no-such-host.invalid", "no address"),
        ("ftp://web.whatsapp.com", "no http(s) URL"),
        ("http://127.0.0.1:1", "connection refused"),
    ],
)
def test_what_cannot_be_reached_fails_and_says_at_which_step(settings, url, says):
    found = network.check_whatsapp(settings(whatsapp_url=url))
    assert (found.state, says in found.found) == (State.FAILED, True), found


def test_a_server_that_is_silent_fails_at_the_deadline(settings, monkeypatch):
    monkeypatch.setattr(network, "DEADLINE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        found = network.check_whatsapp(settings(whatsapp_url=f"http://127.0.0.1:{deaf.getsockname()[1]}"))
    assert "no answer within" in found.found


@pytest.mark.parametrize(("status", "state"), [(503, State.WARNING), (404, State.OK)])
def test_a_server_in_trouble_is_a_doubt(settings, status, state):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        found = network.check_whatsapp(settings(whatsapp_url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join(5)
    assert found.state is state
