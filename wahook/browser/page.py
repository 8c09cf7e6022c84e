"""The one page of a session's browser, reached through a flat DevTools session. Lives on the browser loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from actors.errors import Fault
from wahook.browser.channel import ChannelClosed, DevToolsChannel, Json

log = structlog.get_logger(__name__)


class PageFault(Fault):
    """The page's own script failed, or its document went away under a call."""


class Page:
    """Calls into the page, and its events to one listener. `on_lost` is called once, with a fixed word."""

    def __init__(self, channel: DevToolsChannel, target: str, session: str) -> None:
        self.target = target
        self.on_lost: Callable[[str], None] = lambda _: None
        self.on_event: Callable[[str, Json], None] = lambda *_: None
        self._channel = channel
        self._session = session
        self._lost = False
        channel.listen(session, self._take)
        channel.listen(None, self._take_browser)

    @classmethod
    async def attach(cls, channel: DevToolsChannel, deadline: float, target: str | None = None) -> Page:
        """Attach to `target`, else to the browser's first page."""
        target = target or await _first_page(channel, deadline)
        answer = await channel.call(
            "Target.attachToTarget", {"targetId": target, "flatten": True}, deadline=deadline
        )
        return cls(channel, target, answer["sessionId"])

    async def wake(self, deadline: float) -> None:
        """Hear of crashes and navigations, and keep the page from being throttled because nobody looks."""
        for method, params in (
            ("Inspector.enable", {}),
            ("Page.enable", {}),
            ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
            ("Page.setWebLifecycleState", {"state": "active"}),
        ):
            await self.call(method, params, deadline=deadline)

    async def call(self, method: str, params: Json | None = None, *, deadline: float) -> Json:
        """One command to this page; errors as `DevToolsChannel.call`."""
        if self._lost:
            raise ChannelClosed("page_lost")
        return await self._channel.call(method, params, session=self._session, deadline=deadline)

    async def evaluate(self, expression: str, deadline: float) -> Any:
        """The value of an expression, promises awaited, by value. PageFault when it throws."""
        answer = await self.call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
            deadline=deadline,
        )
        if details := answer.get("exceptionDetails"):
            raise PageFault(str(details.get("text", "exception"))[:200])
        return answer["result"].get("value")

    async def navigate(self, url: str, deadline: float) -> None:
        """Set off to `url`. PageFault when it cannot be reached."""
        answer = await self.call("Page.navigate", {"url": url}, deadline=deadline)
        if error := answer.get("errorText"):
            raise PageFault(str(error))

    def _take(self, method: str, params: Json) -> None:
        if method == "Inspector.targetCrashed":
            self._lose("renderer_crashed")
        elif method == "Inspector.detached":
            self._lose("page_closed")
        else:
            self.on_event(method, params)

    def _take_browser(self, method: str, params: Json) -> None:
        if method == "Target.detachedFromTarget" and params.get("sessionId") == self._session:
            self._lose("page_closed")

    def _lose(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self._channel.fail_session(self._session, reason)
            self.on_lost(reason)


async def _first_page(channel: DevToolsChannel, deadline: float) -> str:
    answer = await channel.call("Target.getTargets", {}, deadline=deadline)
    pages = [info for info in answer["targetInfos"] if info["type"] == "page"]
    if not pages:
        made = await channel.call("Target.createTarget", {"url": "about:blank"}, deadline=deadline)
        return str(made["targetId"])
    # A full Chromium has pages of its own; ours is the blank one.
    blank = [info for info in pages if info["url"] == "about:blank"]
    return str((blank or pages)[0]["targetId"])
