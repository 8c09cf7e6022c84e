"""Answers a proxy's demand for a login, over DevTools. Lives on the browser loop."""

from __future__ import annotations

import asyncio

import structlog

from actors.errors import Fault
from wahook.browser.channel import Json
from wahook.browser.page import Page
from wahook.browser.proxy import Proxy

log = structlog.get_logger(__name__)

DEADLINE = 5.0
# A challenge is heard only for requests that are paused. Documents come first, and the login that one gave is
# used for all that follows, WebSockets too; so the others need not be paused.
DOCUMENTS = [{"urlPattern": "*", "resourceType": "Document"}]


class ProxyLogin:
    """Gives user and password once for each request; a proxy that asks again gets no second try."""

    def __init__(self, proxy: Proxy, page: Page) -> None:
        self._proxy = proxy
        self._page = page
        self._answered: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def enable(self, deadline: float) -> None:
        await self._page.call(
            "Fetch.enable", {"handleAuthRequests": True, "patterns": DOCUMENTS}, deadline=deadline
        )

    def take(self, method: str, params: Json) -> None:
        """An event of the page's; others than Fetch's are ignored."""
        if method == "Fetch.authRequired":
            self._answer("Fetch.continueWithAuth", params["requestId"], self._response(params))
        elif method == "Fetch.requestPaused":
            self._answer("Fetch.continueRequest", params["requestId"], {})

    def _response(self, params: Json) -> Json:
        if params["authChallenge"].get("source") != "Proxy" or self._proxy.username is None:
            return {"authChallengeResponse": {"response": "Default"}}
        if params["requestId"] in self._answered:
            log.warning("proxy.refused_login")
            return {"authChallengeResponse": {"response": "CancelAuth"}}
        self._answered.add(params["requestId"])
        login = {"username": self._proxy.username, "password": self._proxy.password}
        return {"authChallengeResponse": {"response": "ProvideCredentials", **login}}

    def _answer(self, method: str, request: str, extra: Json) -> None:
        task = asyncio.create_task(self._call(method, {"requestId": request, **extra}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, method: str, params: Json) -> None:
        try:
            await self._page.call(method, params, deadline=DEADLINE)
        except Fault as error:
            log.info("proxy.answer_failed", kind=type(error).__name__)
