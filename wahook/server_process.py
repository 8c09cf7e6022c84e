"""A helper server (Redis, ChromeDriver) as the actor that owns it sees it: start, stop, kill, exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial

import structlog

from actors.errors import DeadlinePassed, ProcessError
from wahook.loop import LoopThread
from wahook.processes import OwnedProcess, launch, sweep

log = structlog.get_logger(__name__)


class ServerProcess:
    """Implements `actors.ports.ManagedProcess`; may be started again after it has ended. Any thread.

    `command` is asked at every start (it may choose a free port), on the loop, and must not block. `ready` is
    awaited until the server answers; it raises ProcessError when it does not. `question` is what to ask it to
    see that it does not hang; an OSError or something false is no answer.
    """

    def __init__(
        self,
        name: str,
        *,
        loop: LoopThread,
        owner: str,
        command: Callable[[], Sequence[str]],
        ready: Callable[[OwnedProcess], Awaitable[None]],
        question: Callable[[], Awaitable[object]] | None = None,
        start_deadline: float = 15.0,
        stop_deadline: float = 5.0,
    ) -> None:
        self.name = name
        self._loop = loop
        self._owner = owner
        self._command = command
        self._ready = ready
        self._question = question
        self._start_deadline = start_deadline
        self._stop_deadline = stop_deadline
        self._process: OwnedProcess | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Its pid while it lives."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    def start(self, on_exit: Callable[[int], None]) -> Future[int]:
        """Kill what an earlier life left, start, await its answer. ProcessError or DeadlinePassed if none.

        `on_exit` gets the return code on the loop's thread, once, if it ends without `stop`; not when the
        start itself failed.
        """
        return self._loop.submit(self._start(on_exit))

    def answers(self, deadline: float) -> Future[bool]:
        """Whether its `question` is answered in time; without one, whether it lives."""
        return self._loop.submit(self._answers(deadline))

    def stop(self) -> Future[None]:
        """SIGTERM, after the deadline SIGKILL. Idempotent; `on_exit` is not called."""
        return self._loop.submit(self._stop())

    def kill(self) -> None:
        """SIGKILL to its group now; `on_exit` is called as for any death."""
        if process := self._process:
            process.kill_group()

    async def _start(self, on_exit: Callable[[int], None]) -> int:
        if self.pid is not None:
            raise ProcessError(f"{self.name} runs already")
        self._stopping = False
        try:
            async with asyncio.timeout(self._start_deadline):
                process = await self._launch()
                await self._ready(process)
        except TimeoutError:
            await self._stop()
            raise DeadlinePassed(f"{self.name} did not answer within {self._start_deadline} s") from None
        except BaseException:
            await self._stop()
            raise
        log.info("server.ready", name=self.name, pid=process.pid)
        process.exited.add_done_callback(partial(self._ended, on_exit))
        return process.pid

    async def _launch(self) -> OwnedProcess:
        await asyncio.to_thread(sweep, self._owner, self.name)
        self._process = await launch(self._command(), owner=self._owner, name=self.name)
        if self._stopping:
            raise ProcessError(f"{self.name} was stopped while it started")
        return self._process

    def _ended(self, on_exit: Callable[[int], None], exited: asyncio.Future[int]) -> None:
        if self._stopping:
            return
        log.warning("server.died", name=self.name, code=exited.result())
        on_exit(exited.result())

    async def _answers(self, deadline: float) -> bool:
        if self.pid is None or self._question is None:
            return self.pid is not None
        try:
            async with asyncio.timeout(deadline):
                return bool(await self._question())
        except (OSError, TimeoutError):
            return False

    async def _stop(self) -> None:
        self._stopping = True
        if (process := self._process) is not None:
            await process.terminate(self._stop_deadline)
            log.info("server.stopped", name=self.name, pid=process.pid)
