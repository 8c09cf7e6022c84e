"""One session's WhatsApp, as its actor sees it (`actors.ports.WhatsAppClient`)."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import random
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from structlog.contextvars import bind_contextvars

from actors.errors import DeadlinePassed, Fault, SendFailed, SessionNotReady
from actors.messages import PageEvent
from actors.model import JSON, Ack, NumberStatus, OutgoingMessage, PageState, SendReceipt
from actors.page import Arrival, PageCall
from wahook.browser.driver import ChromeDriver, SeleniumFault
from wahook.browser.makers import BrowserMaker
from wahook.loop import LoopThread
from wahook.whatsapp import settling
from wahook.whatsapp.decoding import ack_of, history, number_status, page_state
from wahook.whatsapp.life import PageLife
from wahook.whatsapp.narrator import Narrator
from wahook.whatsapp.plan import Plan
from wahook.whatsapp.preload import Preload
from wahook.whatsapp.uploading import hand_over

T = TypeVar("T")
log = structlog.get_logger(__name__)


class PageClient:
    """Any thread. Every Future settles within its deadline; a call before `open` or after `close` gives
    SessionNotReady, a browser that dies under a call gives TransientLoss (SendFailed for sends) at once.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        loop: LoopThread,
        maker: BrowserMaker,
        driver: ChromeDriver | None,
        preload: Preload,
        media: Path = Path(),
        rng: random.Random | None = None,
    ) -> None:
        self._plan = plan
        self._loop = loop
        self._maker = maker
        self._driver = driver
        self._preload = preload
        self._media = media
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._life: PageLife | None = None

    def open(self, incarnation: int, emit: Callable[[PageEvent], None]) -> Future[None]:
        """See the port. Whatever an earlier opening left is killed first."""
        log.info("browser.opening", session=self._plan.session_id, incarnation=incarnation)
        narrator = Narrator(self._plan.session_id, emit)
        life = PageLife(self._plan, self._maker, self._driver, self._preload, narrator)
        with self._lock:
            previous, self._life = self._life, life
        if previous is not None:
            previous.narrator.silence()
        # what the browser's loop does and logs from here on is about this incarnation
        context = contextvars.copy_context()
        context.run(bind_contextvars, session=self._plan.session_id, incarnation=incarnation)
        return context.run(self._loop.submit, life.open(previous))

    def close(self) -> Future[None]:
        life = self._life
        if life is None:
            return _done()
        life.narrator.silence()
        return self._loop.submit(life.close())

    def kill(self) -> None:
        if life := self._life:
            life.kill()
            self._loop.call(life.killed)

    @property
    def pids(self) -> tuple[int, ...]:
        life = self._life
        return () if life is None or life.pid is None else (life.pid,)

    def state(self, deadline: float) -> Future[PageState]:
        return self._run(self._state(deadline), deadline)

    def send(self, message: OutgoingMessage, deadline: float) -> Future[SendReceipt]:
        return self._run(self._send(message, deadline), deadline)

    def find_sent(self, message: OutgoingMessage, deadline: float) -> Future[Ack | None]:
        return self._run(self._find(message, deadline), deadline)

    def recent_incoming(self, since: int, deadline: float) -> Future[tuple[Arrival, ...]]:
        return self._run(self._recent(since, deadline), deadline)

    def number_status(self, number: str, deadline: float) -> Future[NumberStatus]:
        return self._run(self._number(number, deadline), deadline)

    def ask(self, call: PageCall, arguments: Mapping[str, JSON], deadline: float) -> Future[JSON]:
        return self._run(self._ask(call, arguments, deadline), deadline)

    def pairing_code(self, phone_number: str, deadline: float) -> Future[str]:
        return self._run(self._pairing(phone_number, deadline), deadline)

    def send_presence(self, deadline: float) -> Future[None]:
        return self._run(self._nothing("presence", deadline), deadline)

    def simulate_activity(self, deadline: float) -> Future[None]:
        return self._run(self._activity(deadline), deadline)

    def settle(self, deadline: float) -> Future[None]:
        return self._run(self._settle(deadline), deadline)

    def screenshot(self, deadline: float) -> Future[bytes]:
        return self._run(self._screenshot(deadline), deadline)

    def logout(self, deadline: float) -> Future[None]:
        return self._run(self._nothing("logout", deadline), deadline)

    def _run(self, work: Coroutine[Any, Any, T], deadline: float) -> Future[T]:
        return self._loop.submit(_within(deadline, work))

    def _live(self) -> PageLife:
        if self._life is None:
            raise SessionNotReady("the browser is not open")
        return self._life

    async def _state(self, deadline: float) -> PageState:
        return page_state(await self._live().ask("state", {}, deadline))

    async def _send(self, message: OutgoingMessage, deadline: float) -> SendReceipt:
        life = self._live()
        try:
            if isinstance(media := message.content.get("media"), dict):
                await hand_over(life, self._media / str(media["id"]), str(media["id"]), deadline)
            answer = await life.ask("send", _as_asked(message), deadline)
        except DeadlinePassed:
            raise
        except Fault as error:
            raise SendFailed(str(error)) from error
        return SendReceipt(message.wa_message_id, ack_of(answer["ack"]))

    async def _find(self, message: OutgoingMessage, deadline: float) -> Ack | None:
        answer = await self._live().ask("findSent", _as_asked(message), deadline)
        return None if answer is None else ack_of(answer["ack"])

    async def _recent(self, since: int, deadline: float) -> tuple[Arrival, ...]:
        answer = await self._live().ask("recentIncoming", {"since": since}, deadline)
        arrivals, unreadable = history(answer)
        for error in unreadable:
            log.error("page.bad_payload", session=self._plan.session_id, reason=str(error))
        return arrivals

    async def _number(self, number: str, deadline: float) -> NumberStatus:
        return number_status(await self._live().ask("numberStatus", {"number": number}, deadline))

    async def _pairing(self, number: str, deadline: float) -> str:
        return str(await self._live().ask("pairingCode", {"number": number}, deadline))

    async def _ask(self, call: PageCall, arguments: Mapping[str, JSON], deadline: float) -> JSON:
        answer: JSON = await self._live().ask(call.value, dict(arguments), deadline)
        return answer

    async def _nothing(self, name: str, deadline: float) -> None:
        await self._live().ask(name, {}, deadline)

    async def _activity(self, deadline: float) -> None:
        life = self._live()
        place = {"x": self._rng.randint(200, 800), "y": self._rng.randint(200, 600)}
        shift = {"key": "Shift", "code": "ShiftLeft", "windowsVirtualKeyCode": 16}
        for method, params in (
            ("Input.dispatchMouseEvent", {"type": "mouseMoved", **place}),
            ("Input.dispatchKeyEvent", {"type": "rawKeyDown", **shift}),
            ("Input.dispatchKeyEvent", {"type": "keyUp", **shift}),
            # What the page logs is kept for a DevTools window that nobody opens, with all it refers to.
            ("Runtime.discardConsoleEntries", {}),
        ):
            await life.command(method, params, deadline)
        await life.ask("wakeLock", {}, deadline)

    async def _settle(self, deadline: float) -> None:
        life, mark = self._live(), uuid4().hex
        await life.evaluate(settling.put(mark), deadline)
        await settling.settled(self._plan.profile, mark)
        await life.evaluate(settling.TAKE_AWAY, deadline)

    async def _screenshot(self, deadline: float) -> bytes:
        """By Selenium, in half the time; else over DevTools."""
        life = self._live()
        if life.seat is not None:
            try:
                return await life.seat.screenshot(deadline / 2)
            except SeleniumFault as error:
                log.info("selenium.screenshot_failed", session=self._plan.session_id, reason=str(error))
        answer = await life.command("Page.captureScreenshot", {"format": "png"}, deadline)
        return base64.b64decode(answer["data"])


async def _within(deadline: float, work: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(deadline):
            return await work
    except TimeoutError:
        raise DeadlinePassed(f"no answer from the page within {deadline:g} s") from None


def _as_asked(message: OutgoingMessage) -> dict[str, Any]:
    return {
        "to": message.to,
        "id": message.wa_message_id,
        "type": message.type,
        "body": message.body,
        "content": message.content,
    }


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
