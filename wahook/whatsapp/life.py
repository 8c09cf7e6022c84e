"""One browser with its page, from launch to last trace. On the browser loop; a new one for each opening."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from actors.errors import DeadlinePassed, Fault, SessionError, SessionNotReady, TransientLoss
from wahook.browser.channel import ChannelClosed, DevToolsChannel, Json, ProtocolFault
from wahook.browser.driver import ChromeDriver, SeleniumFault, SeleniumSeat
from wahook.browser.makers import BrowserMaker, LaunchedBrowser
from wahook.browser.page import Page, PageFault
from wahook.browser.proxy_login import ProxyLogin
from wahook.processes import OwnedProcess
from wahook.whatsapp.calls import failure
from wahook.whatsapp.narrator import Narrator
from wahook.whatsapp.plan import Plan
from wahook.whatsapp.preload import Preload

log = structlog.get_logger(__name__)

EXIT_GRACE = 0.25  # a closed socket is the first sign of a death; the exit that explains it follows
ABSENT = "{ok:false,code:'not_ready',message:'the page loads'}"


class PageLife:
    """All methods but `kill` and `pid` belong to the loop."""

    def __init__(
        self,
        plan: Plan,
        maker: BrowserMaker,
        driver: ChromeDriver | None,
        preload: Preload,
        narrator: Narrator,
    ) -> None:
        self.narrator = narrator
        self._plan = plan
        self._maker = maker
        self._driver = driver
        self._preload = preload
        self._browser: LaunchedBrowser | None = None
        self._channel: DevToolsChannel | None = None
        self._page: Page | None = None
        self._seat: SeleniumSeat | None = None
        self._opened = False
        self._ending = False
        self._killed = False
        self._loss: TransientLoss | None = None
        self._lost = asyncio.Event()
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._cleaned = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = log.bind(session=plan.session_id)

    @property
    def pid(self) -> int | None:
        browser = self._browser
        return browser.process.pid if browser is not None and browser.process.alive else None

    # --- opening ------------------------------------------------------------------------------------------

    async def open(self, previous: PageLife | None) -> None:
        """After `previous` has ended: launch, connect, preload, attach, navigate. Raises SessionError."""
        try:
            async with asyncio.timeout(self._plan.deadlines.open):
                if previous is not None:
                    previous.kill()
                    await previous.close()
                await self._unless_lost(self._open())
        except TimeoutError:
            await self._give_up()
            raise TransientLoss("open_timeout") from None
        except SessionError:
            await self._give_up()
            raise
        except Fault as error:
            await self._give_up()
            raise TransientLoss("open_failed", str(error)) from error
        except BaseException:
            await self._give_up()
            raise
        finally:
            self._settled.set()

    async def _unless_lost(self, opening: Coroutine[Any, Any, None]) -> None:
        task, lost = asyncio.create_task(opening), asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if self._loss is not None:
                raise self._loss
            task.result()
            self._opened = True
        finally:
            for waiting in (task, lost):
                waiting.cancel()
            await asyncio.gather(task, lost, return_exceptions=True)

    async def _open(self) -> None:
        plan = self._plan
        self._browser = await self._maker.launch(plan.process_name, plan.profile, plan.proxy)
        self._browser.process.exited.add_done_callback(self._exited)
        await self._connect(None)
        if self._driver is not None:
            self._seat = SeleniumSeat(self._driver, self._browser.debugger_address)
        await self._navigate()

    async def _connect(self, target: str | None) -> None:
        deadline = self._plan.deadlines.call
        channel = self._channel = await DevToolsChannel.connect(self._running.endpoint, deadline)
        channel.on_close = self._channel_closed
        page = await Page.attach(channel, deadline, target)
        login = ProxyLogin(self._plan.proxy, page) if self._plan.proxy else None
        page.on_lost = self._lose
        page.on_event = lambda method, params: self._take(method, params, page, login)
        await page.wake(deadline)
        if login is not None:
            await login.enable(deadline)
        await self._preload.install(page, deadline)
        self._page = page

    async def _navigate(self) -> None:
        """By Selenium; over DevTools where there is none, or none that answers."""
        try:
            if self._seat is not None:
                await self._seat.navigate(self._plan.url, self._plan.deadlines.attach)
                await self._arrived.wait()  # Selenium does not say whether anybody was there
                return
        except SeleniumFault as error:
            self._log.warning("selenium.absent", reason=str(error))
        await self.page.navigate(self._plan.url, self._plan.deadlines.open)

    async def _give_up(self) -> None:
        self.narrator.silence()
        self.kill()
        await asyncio.shield(self._end())

    # --- asking -------------------------------------------------------------------------------------------

    async def ask(self, name: str, arguments: Json, deadline: float) -> Any:
        """Ask the bridge. SessionNotReady, SendRefused, PageCallFailed, DeadlinePassed, TransientLoss."""
        call = f"__wahook.call({json.dumps(name)},{json.dumps(arguments)})"
        answer = await self.evaluate(f"window.__wahook?{call}:{ABSENT}", deadline)
        if not answer["ok"]:
            raise failure(answer["code"], answer["message"])
        return answer["value"]

    async def evaluate(self, expression: str, deadline: float) -> Any:
        """The value of an expression in the page; errors as `ask`."""
        try:
            return await self.page.evaluate(expression, deadline)
        except (PageFault, ProtocolFault) as error:
            raise failure("document_gone", str(error)) from error
        except ChannelClosed as error:
            raise self._loss or TransientLoss(error.reason) from error

    async def command(self, method: str, params: Json, deadline: float) -> Json:
        """A DevTools command to the page; errors as `ask`."""
        try:
            return await self.page.call(method, params, deadline=deadline)
        except ProtocolFault as error:
            raise failure("devtools", str(error)) from error
        except ChannelClosed as error:
            raise self._loss or TransientLoss(error.reason) from error

    @property
    def _running(self) -> LaunchedBrowser:
        if self._browser is None:
            raise TransientLoss("no_browser")
        return self._browser

    @property
    def page(self) -> Page:
        """The live page. SessionNotReady before it is there and after it is gone."""
        if self._page is None or self._ending:
            raise SessionNotReady("the browser is not open")
        return self._page

    @property
    def seat(self) -> SeleniumSeat | None:
        return self._seat

    # --- what happens to it -------------------------------------------------------------------------------

    def _take(self, method: str, params: Json, page: Page, login: ProxyLogin | None) -> None:
        if method == "Page.javascriptDialogOpening":  # an open dialog would stop the page for ever
            self._later(self._dismiss(page))
        elif method == "Page.frameNavigated" and "parentId" not in params["frame"]:
            if params["frame"].get("unreachableUrl"):
                self._lose("page_unreachable")
            self._arrived.set()
        elif login is not None:
            login.take(method, params)
        self.narrator.take(method, params)

    async def _dismiss(self, page: Page) -> None:
        await page.call("Page.handleJavaScriptDialog", {"accept": True}, deadline=self._plan.deadlines.call)

    def _exited(self, exited: asyncio.Future[int]) -> None:
        self._lose("killed" if self._killed else "browser_exited", f"code {exited.result()}")
        self._later(self._clean())

    def _channel_closed(self) -> None:
        if not self._ending:
            self._later(self._mend())

    async def _mend(self) -> None:
        """The socket closed. Mostly the browser died; if it lives, connect again and hear what was missed."""
        process = self._running.process
        if process.dying:
            self._lose("killed" if self._killed else "browser_exited")
            return
        await asyncio.wait({process.exited}, timeout=EXIT_GRACE)
        if not process.alive or self._page is None or self._loss is not None:
            return
        try:
            await self._connect(self._page.target)
            with suppress(SessionNotReady):  # a document without the bridge has told nothing
                await self.ask("replay", dict(self.narrator.heard), self._plan.deadlines.call)
            self._log.warning("channel.mended")
        except Fault as error:
            self._lose("channel_closed", type(error).__name__)

    def _lose(self, reason: str, detail: str = "") -> None:
        if self._loss is not None or self._ending:
            return
        self._loss = TransientLoss(reason, detail)
        self._lost.set()
        if self._opened:  # else `open` fails with it
            self._log.warning("browser.lost", reason=reason, detail=detail)
            self.narrator.lost(reason, detail)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._log.warning("browser.task_failed", kind=type(error).__name__, reason=str(error)[:200])

    # --- ending -------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL to the group now; any thread. `killed` on the loop must follow."""
        self._killed = True
        if browser := self._browser:
            browser.process.kill_group()

    def killed(self) -> None:
        """Tell of a `kill`: an opening fails now, an opened one is lost now."""
        self._lose("killed")

    async def close(self) -> None:
        """End it so that it flushes its profile, kill it if it does not, wait until nothing of it is left."""
        if not self._opened:
            self._lose("closed")
        self._ending = True
        await self._settled.wait()
        await self._end()

    async def _end(self) -> None:
        self._ending = True
        if self._browser is None:
            return
        process = self._browser.process
        if process.alive and not self._killed:
            await self._ask_to_end(process)
        await process.ended(self._plan.deadlines.close)
        await self._cleaned.wait()

    async def _ask_to_end(self, process: OwnedProcess) -> None:
        if self._channel is None or self._channel.closed:
            process.signal(signal.SIGTERM)
            return
        try:
            await self._channel.call("Browser.close", {}, deadline=min(2.0, self._plan.deadlines.close))
        except ChannelClosed:
            return  # it was quicker than its answer
        except (ProtocolFault, DeadlinePassed):
            process.signal(signal.SIGTERM)

    async def _clean(self) -> None:
        """After the leader's exit: connection, Selenium's memory of it, strays, the profile's lock."""
        try:
            if self._channel is not None:
                await self._channel.close()
            if self._seat is not None:
                await self._seat.leave()
            await self._maker.clean(self._plan.process_name, self._plan.profile)
        finally:
            self._cleaned.set()
