"""The edge as one thing with a thread of its own: start, stop, publish, and start again."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from actors.errors import ProcessError
from actors.events import Event
from actors.ports import EdgeAddress
from supervision import Transition
from wahook.edge.app import Parts, create_app
from wahook.edge.hub import Hub
from wahook.edge.outlet import Outlet
from wahook.edge.wire import Packet, packet_of, transition_packet

_log = structlog.get_logger(__name__)
START_SECONDS = 30.0
ANSWER_SECONDS = 1.0  # what is being answered may end before the connections are cut
PULSE_SECONDS = 1.0
EVENTS_WAITING = 10_000
TRANSITIONS_WAITING = 2_000

# aiohttp logs what it could not parse, and with it what clients sent; the guard logs failures of ours
_quiet = logging.getLogger("wahook.edge.http")
_quiet.setLevel(logging.CRITICAL)


@dataclass(eq=False)
class _Run:
    """One life of the server."""

    listener: socket.socket
    on_death: Callable[[BaseException], None]
    up: Future[None] = field(default_factory=Future)
    loop: asyncio.AbstractEventLoop | None = None
    stopping: asyncio.Event | None = None
    events: Outlet[Callable[[], Packet]] | None = None
    transitions: Outlet[Callable[[], Packet]] | None = None
    hub: Hub | None = None
    pulse: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None
    given_up: bool = False


class EdgeServer:
    """REST, Socket.IO and the static pages on one port (`actors.ports.EdgePort` and `actors.ports.Announce`).

    Every method may be called from any thread. `port` 0 takes a free one.
    """

    def __init__(self, parts: Parts, host: str = "127.0.0.1", port: int = 4000) -> None:
        self._parts = parts
        self._host = host
        self._port = port
        self._run: _Run | None = None

    @property
    def address(self) -> EdgeAddress | None:
        """Where it listens; None while it is down."""
        run = self._run
        return None if run is None else EdgeAddress(*run.listener.getsockname()[:2])

    def start(self, on_death: Callable[[BaseException], None] = lambda _: None) -> EdgeAddress:
        """Listen and answer. Returns once it does; ProcessError when it cannot, saying why.

        `on_death` is called on the edge's thread if the loop ends without having been stopped.
        """
        listener = _listen(self._host, self._port)
        run = _Run(listener, on_death)
        run.thread = threading.Thread(target=self._live, args=(run,), name="edge", daemon=True)
        run.thread.start()
        try:
            run.up.result(START_SECONDS)
        except BaseException as error:
            self._abandon(run)
            listener.close()
            raise ProcessError(f"the edge did not start: {type(error).__name__}: {error}") from error
        self._run = run
        host, port = listener.getsockname()[:2]
        _log.info("edge.started", host=host, port=port)
        return EdgeAddress(host, port)

    def stop(self, deadline: float) -> None:
        """Stop listening, cut every connection, end the thread, given up after `deadline` s. Idempotent."""
        run, self._run = self._run, None
        if run is None or run.thread is None:
            return
        self._abandon(run)
        run.thread.join(deadline)
        if run.thread.is_alive():
            run.listener.close()
        _log.info("edge.stopped", in_time=not run.thread.is_alive())

    def kill(self) -> None:
        """Free the port now, whatever the loop is doing."""
        run, self._run = self._run, None
        if run is not None:
            self._abandon(run)
            run.listener.close()

    def publish(self, event: Event) -> None:
        """Tell everybody whom it concerns. Never blocks, never raises; unheard while the edge is down."""
        run = self._run
        if run is not None and run.events is not None:
            run.events.put(lambda: packet_of(event))

    def silence(self) -> float:
        """Seconds since the loop last turned; 0 while the edge is down."""
        run = self._run
        return 0.0 if run is None else time.monotonic() - run.pulse

    def _abandon(self, run: _Run) -> None:
        run.on_death, run.given_up = lambda _: None, True
        if run.loop is not None and run.stopping is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                run.loop.call_soon_threadsafe(run.stopping.set)

    # -- on the edge's thread ---------------------------------------------------------------------------

    def _live(self, run: _Run) -> None:
        try:
            asyncio.run(self._serve(run))
            error: BaseException = ProcessError("the edge's loop ended")
        except BaseException as raised:  # noqa: BLE001  # handed on, whatever it is
            error = raised
        run.listener.close()
        if not run.up.done():
            run.up.set_exception(error)
        else:
            run.on_death(error)

    async def _serve(self, run: _Run) -> None:
        run.loop, run.stopping = asyncio.get_running_loop(), asyncio.Event()
        if run.given_up:  # before there was anything to stop
            return
        run.events, run.transitions = Outlet(EVENTS_WAITING), Outlet(TRANSITIONS_WAITING)
        app, run.hub = create_app(self._parts)
        hub = run.hub
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=ANSWER_SECONDS, logger=_quiet)
        await runner.setup()
        unsubscribe = self._parts.operations.subscribe(_into(run.transitions))
        try:
            await web.SockSite(runner, run.listener).start()
            run.up.set_result(None)
            await _until(run.stopping, hub.pump(run.events), hub.pump(run.transitions), _beat(run))
        finally:
            unsubscribe()
            await _hang_up(runner, hub)


def _into(outlet: Outlet[Callable[[], Packet]]) -> Callable[[Transition], None]:
    return lambda entry: outlet.put(lambda: transition_packet(entry))


async def _hang_up(runner: web.AppRunner, hub: Hub) -> None:
    for site in list(runner.sites):
        await site.stop()
    await hub.close()
    await runner.cleanup()


async def _until(stopping: asyncio.Event, *work: Coroutine[None, None, None]) -> None:
    """Run the work until it is time to stop; the work's own end is a failure and is raised."""
    waiting = asyncio.create_task(stopping.wait())
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *tasks):
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def _beat(run: _Run) -> None:
    while True:
        run.pulse = time.monotonic()
        await asyncio.sleep(PULSE_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ProcessError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(256)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        hint = "; stop what listens there, or set PORT" if error.errno == 98 else ""
        raise ProcessError(f"cannot listen on {host} port {port}: {error.strerror or error}{hint}") from error
    return listener
