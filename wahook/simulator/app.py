"""Starting and stopping a simulator."""

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

import structlog
from aiohttp import web

from wahook.simulator.control import Control, guard
from wahook.simulator.media import FILE_LIMIT
from wahook.simulator.network import Network
from wahook.simulator.options import SimulatorOptions
from wahook.simulator.requests import PageRequests
from wahook.simulator.site import Site
from wahook.simulator.switchboard import Switchboard
from wahook.simulator.tls import server_context
from wahook.simulator.wire import serve_page

_log = structlog.get_logger(__name__)
START_SECONDS = 10.0
STOP_SECONDS = 5.0


class Simulator:
    """A running simulator. Its methods belong to the event loop that started it."""

    def __init__(
        self, runner: web.AppRunner, network: Network, host: str, port: int, tls_port: int | None
    ) -> None:
        """Made by start_simulator."""
        self._runner = runner
        self.network = network
        self.host = host
        self.port = port
        self.tls_port = tls_port

    @property
    def url(self) -> str:
        """Where the page and the control API are, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    async def stop(self) -> None:
        """Close every connection and stop listening. Idempotent."""
        self.network.close()
        await self._runner.cleanup()


def create_app(network: Network) -> web.Application:
    """The aiohttp application: the site, the wire, the control API."""
    switchboard = Switchboard(network)
    requests = PageRequests(network, switchboard)

    async def wire(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        wires.add(transport)
        try:
            return await serve_page(request, requests.handle, switchboard.left)
        finally:
            wires.discard(transport)

    async def cut_wires(_app: web.Application) -> None:
        # aiohttp waits for open WebSockets; pages never hang up by themselves
        for transport in list(wires):
            if transport is not None:
                transport.close()

    wires: set[asyncio.Transport | None] = set()
    app = web.Application(middlewares=[guard], client_max_size=2 * FILE_LIMIT)
    app.add_routes(
        [*Site(network).routes(), *Control(network, switchboard).routes(), web.get("/ws/chat", wire)]
    )
    app.on_shutdown.append(cut_wires)
    return app


async def start_simulator(
    host: str = "127.0.0.1",
    port: int = 0,
    tls_port: int | None = None,
    *,
    network: Network | None = None,
    **options: Any,
) -> Simulator:
    """Listen and answer; port 0 takes a free one. options: see SimulatorOptions.

    tls_port also serves HTTPS with a self-made certificate. network: that of a stopped simulator, to go on
    with its phones and ledger (a server restart). Raises OSError when a port is taken, TypeError or
    ValueError for bad options.
    """
    network = network or Network(SimulatorOptions(**options))
    runner = web.AppRunner(create_app(network), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        plain = await _listen(runner, host, port)
        secure = None if tls_port is None else await _listen(runner, host, tls_port, tls=True)
    except BaseException:
        await runner.cleanup()
        raise
    _log.info("simulator.started", port=plain, tls_port=secure)
    return Simulator(runner, network, host, plain, secure)


async def _listen(runner: web.AppRunner, host: str, port: int, *, tls: bool = False) -> int:
    context = await asyncio.to_thread(server_context) if tls else None
    known = {address[1] for address in runner.addresses}
    await web.TCPSite(runner, host, port, ssl_context=context).start()
    return next(int(address[1]) for address in runner.addresses if address[1] not in known)


class SimulatorThread:
    """A simulator in a thread of its own: a context manager for tests and the demo.

    `url`, `port` and `tls_port` are set inside the block; entering raises what start_simulator raises.
    """

    url: str
    port: int
    tls_port: int | None

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, tls_port: int | None = None, **options: Any
    ) -> None:
        """Take what start_simulator takes; nothing runs yet."""
        self._arguments = {"host": host, "port": port, "tls_port": tls_port, **options}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._simulator: Simulator | None = None

    def __enter__(self) -> Self:
        """Start; returns once it answers."""
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(start_simulator(**self._arguments), self._loop)
        try:
            self._simulator = starting.result(START_SECONDS)
        except BaseException:
            self._end_loop()
            raise
        self.url, self.port, self.tls_port = (
            self._simulator.url,
            self._simulator.port,
            self._simulator.tls_port,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and wait for the thread to end."""
        if self._simulator is not None:
            asyncio.run_coroutine_threadsafe(self._simulator.stop(), self._loop).result(STOP_SECONDS)
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()
