"""The server as a whole, and its place in a supervision tree."""

import asyncio
import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from actors.edge import EdgeActor
from actors.errors import ProcessError
from actors.events import StatusChanged
from supervision import BackOff, ChildSpec, SupervisorSpec, System
from tests.ports import free_port
from wahook.edge import server
from wahook.edge.app import Parts
from wahook.edge.outlet import Outlet
from wahook.edge.server import EdgeServer

from .conftest import KEY
from .service import Messages, Operations, Sessions


@pytest.fixture
def parts():
    sessions = Sessions()
    return Parts(sessions, Messages(sessions), Operations(), KEY)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/livez", timeout=20) as answer:  # noqa: S310
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def test_a_port_that_is_taken_is_a_clear_error(parts):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ProcessError, match=rf"cannot listen on 127\.0\.0\.1 port {port}: .*set PORT"):
            EdgeServer(parts, port=port).start()


def test_a_host_that_is_not_ours_is_a_clear_error(parts):
    with pytest.raises(ProcessError, match=r"cannot listen on 203\.0\.113\.1 port 0"):
        EdgeServer(parts, "203.0.113.1", 0).start()


def test_what_fails_while_starting_is_raised_and_leaves_nothing_behind(parts, tmp_path):
    broken = Parts(parts.sessions, parts.messages, parts.operations, KEY, (), tmp_path / "missing.js")
    with pytest.raises(ProcessError, match=r"did not start: FileNotFoundError"):
        EdgeServer(broken, port=0).start()
    assert "edge" not in {thread.name for thread in threading.enumerate()}


def test_a_start_that_was_given_up_before_its_loop_was_there_frees_the_port_and_ends(parts, monkeypatch):
    go, live, port = threading.Event(), EdgeServer._live, free_port()
    monkeypatch.setattr(EdgeServer, "_live", lambda edge, run: go.wait(30) and live(edge, run))
    monkeypatch.setattr(server, "START_SECONDS", 0.05)
    with pytest.raises(ProcessError, match="did not start: TimeoutError"):
        EdgeServer(parts, port=port).start()
    (late,) = [thread for thread in threading.enumerate() if thread.name == "edge"]
    with socket.create_server(("127.0.0.1", port)):
        go.set()
        late.join(30)
    assert not late.is_alive()


def test_it_can_be_started_again_on_the_same_port_at_once(parts):
    edge = EdgeServer(parts, port=free_port())
    address = edge.start()
    again = EdgeServer(parts, port=address.port)
    edge.stop(5.0)
    assert not answers(f"http://{address}")
    assert again.start() == address
    assert answers(f"http://{address}")
    again.stop(5.0)
    again.stop(5.0)


def test_ipv6_has_its_brackets(parts):
    edge = EdgeServer(parts, "::1", 0)
    address = edge.start()
    assert str(address).startswith("[::1]:")
    assert answers(f"http://{address}")
    edge.stop(5.0)


def test_publishing_while_it_is_down_does_nothing(parts):
    edge = EdgeServer(parts, port=0)
    edge.publish(StatusChanged("user_1_wa_1", "ready"))
    edge.start()
    edge.stop(5.0)
    edge.publish(StatusChanged("user_1_wa_1", "ready"))
    assert edge.silence() == 0.0


def test_stopping_cuts_clients_that_would_stay(parts):
    edge = EdgeServer(parts, port=0)
    address = edge.start()
    with socket.create_connection((address.host, address.port)) as idle:
        idle.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " in idle.recv(4096)
        began = time.monotonic()
        edge.stop(5.0)
        assert time.monotonic() - began < 4.0
        idle.settimeout(20.0)
        with contextlib.suppress(ConnectionResetError):
            while idle.recv(4096):  # until the end of the stream, or the reset
                pass
    assert "edge" not in {thread.name for thread in threading.enumerate()}


async def test_a_full_outlet_keeps_the_newest():
    outlet = Outlet(3)
    for number in range(5):
        outlet.put(number)
    assert [await outlet.take() for _ in range(3)] == [2, 3, 4]
    assert outlet.dropped == 2


async def test_an_outlet_wakes_who_waits_from_another_thread():
    outlet = Outlet(3)
    waiting = asyncio.create_task(outlet.take())
    await asyncio.sleep(0)
    threading.Thread(target=outlet.put, args=("x",)).start()
    assert await asyncio.wait_for(waiting, 5) == "x"


# --- in a tree -------------------------------------------------------------------------------------------


class Tree:
    """The edge as a supervised child."""

    def __init__(self, edge: EdgeServer, **options) -> None:
        backoff = BackOff(min=0.01, max=0.05)
        child = ChildSpec(
            "edge", lambda context: EdgeActor(context, edge, **options), backoff=backoff, shutdown=5
        )
        self.system = System(SupervisorSpec((child,)))
        self._changed = threading.Condition()
        self.system.subscribe(lambda _: self._notify())

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def node(self):
        return self.system.snapshot().find("edge")

    def until(self, state: str, incarnation: int) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: (self.node()["state"], self.node()["incarnation"]) == (state, incarnation), 10
            ), self.node()


def test_the_dump_says_where_it_listens(parts):
    edge = EdgeServer(parts, port=0)
    tree = Tree(edge)
    with tree.system:
        assert answers(f"http://{tree.node()['app']['address']}")
    assert edge.silence() == 0.0


def test_a_loop_that_dies_is_replaced(parts):
    edge = EdgeServer(parts, port=0)
    tree = Tree(edge)
    with tree.system:
        edge._run.loop.call_soon_threadsafe(edge._run.loop.stop)
        tree.until("running", 2)
        assert answers(f"http://{tree.node()['app']['address']}")
    assert "edge's loop ended" in str(tree.system.transitions)


def test_a_loop_that_is_stuck_is_left_behind_and_replaced_on_the_same_port(parts):
    edge = EdgeServer(parts, port=0)
    freed = threading.Event()
    tree = Tree(edge, check_every=0.05, patience=1.5, stop_deadline=0.2)
    try:
        with tree.system:
            edge._port = int(tree.node()["app"]["address"].rpartition(":")[2])
            edge._run.loop.call_soon_threadsafe(freed.wait, 30)
            tree.until("running", 2)
            assert answers(f"http://127.0.0.1:{edge._port}")
    finally:
        freed.set()


def test_a_taken_port_is_tried_again_until_it_is_free(parts):
    other = socket.create_server(("127.0.0.1", 0))
    edge = EdgeServer(parts, port=other.getsockname()[1])
    backoff = BackOff(min=0.01, max=0.05, retry_first_start=True)
    system = System(
        SupervisorSpec((ChildSpec("edge", lambda context: EdgeActor(context, edge), backoff=backoff),))
    )
    ready = threading.Event()
    system.subscribe(lambda entry: ready.set() if (entry.path, entry.after) == ("edge", "running") else None)
    with system:
        assert not ready.is_set()
        other.close()
        assert ready.wait(10)
        assert answers(f"http://127.0.0.1:{edge._port}")
