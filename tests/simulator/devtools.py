"""A tiny DevTools client: one browser process, tabs in contexts of their own."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
WA_JS = ROOT / "node_modules/@wppconnect/wa-js/dist/wppconnect-wa.js"
DEADLINE = 40.0


class BrowserProcess:
    """One Chromium with a profile folder; its whole process group dies with kill()."""

    def __init__(self, profile: Path, *arguments: str) -> None:
        """Launch and wait until DevTools listens."""
        binary = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), "chromium")
        port_file = profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                binary,
                "--headless",
                "--no-sandbox",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                *arguments,
                "about:blank",
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.endpoint = self._read_endpoint()

    def _read_endpoint(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "DevTools listening on " in line:
                return line.rpartition(" ")[2].strip()
        raise RuntimeError("Chromium ended before DevTools listened")

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End the browser and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        self._process.wait(DEADLINE)
        if self._process.stderr is not None:
            self._process.stderr.close()


class DevTools:
    """One browser-level connection; commands may go to any tab through its flat session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Use an open connection."""
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.tabs: dict[str, Tab] = {}
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            data = json.loads(message.data)
            if "id" in data:
                future = self._waiting.pop(data["id"], None)
                if future and not future.done():
                    future.set_result(data)
            elif tab := self.tabs.get(data.get("sessionId", "")):
                tab.take(data["method"], data["params"])

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command; AssertionError on a protocol error."""
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(
            {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        )
        answer = await asyncio.wait_for(future, DEADLINE)
        assert "error" not in answer, answer
        return answer["result"]

    async def tab(
        self,
        url: str,
        *,
        wa_js: bool = True,
        own_context: bool = True,
        beside: "Tab | None" = None,
    ) -> "Tab":
        """Open a page, wa-js injected before its own scripts; `beside`: with that tab's storage."""
        context = beside.context if beside else None
        if own_context and beside is None:
            context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        extra = {"browserContextId": context} if context else {}
        target = (await self.call("Target.createTarget", url="about:blank", **extra))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self.tabs[session] = Tab(self, session, target, context)
        for domain in ("Page", "Runtime", "Inspector", "Log"):
            await self.call(f"{domain}.enable", session)
        if wa_js:
            await self.call("Runtime.addBinding", session, name="report")
            source = f"window.WPPConfig={{disableGoogleAnalytics:true}};{WA_JS.read_text('utf-8')};{LISTEN}"
            await self.call("Page.addScriptToEvaluateOnNewDocument", session, source=source)
        await tab.goto(url)
        return tab

    async def close(self) -> None:
        """Close all tabs and the connection."""
        for tab in list(self.tabs.values()):
            with contextlib.suppress(Exception):
                await self.call("Target.closeTarget", targetId=tab.target)
        self._reader.cancel()
        await self._socket.close()


# Every wa-js event, reported by name with a few plain details.
LISTEN = """
if (window.WPP) WPP.onAny((name, value) => {
  const plain = (v) => (v === undefined || v === null || typeof v !== 'object' ? v
    : v.proxyName === 'msg' ? {id: v.id._serialized, body: v.body, type: v.type, ack: v.ack,
      from: String(v.from), fromMe: v.id.fromMe, isNewMsg: v.isNewMsg}
    : Array.isArray(v.ids) ? {ids: v.ids.map(String), ack: v.ack, chat: String(v.chat)}
    : v.fullCode ? {fullCode: v.fullCode} : JSON.parse(JSON.stringify(v)));
  if (window.report) report(JSON.stringify({name: String(name), value: plain(value)}));
});
"""


class Tab:
    """One page."""

    def __init__(self, devtools: DevTools, session: str, target: str, context: str | None) -> None:
        """Made by DevTools.tab."""
        self.context = context
        self._devtools = devtools
        self.session = session
        self.target = target
        self.errors: list[str] = []
        self.events: list[tuple[str, Any]] = []
        self.urls: list[str] = []
        self.crashed = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, method: str, params: dict[str, Any]) -> None:
        """An event of this tab."""
        match method:
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "assert"}:
                self.errors.append(
                    " ".join(str(a.get("value", a.get("description"))) for a in params["args"])
                )
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Inspector.targetCrashed":
                self.crashed.set()
            case "Page.frameNavigated":
                self.urls.append(params["frame"]["url"])
            case "Runtime.bindingCalled":
                event = json.loads(params["payload"])
                self.events.append((event["name"], event.get("value")))
        task = asyncio.create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def goto(self, url: str) -> None:
        """Navigate."""
        await self._devtools.call("Page.navigate", self.session, url=url)

    async def reload(self) -> None:
        """Reload; what is run from here on runs in the new document."""
        before = len(self.urls)
        await self._devtools.call("Page.reload", self.session)
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.urls) > before)

    async def send(self, expression: str) -> None:
        """Evaluate without waiting for the answer."""
        await self._devtools._socket.send_json(
            {
                "id": 0,
                "sessionId": self.session,
                "method": "Runtime.evaluate",
                "params": {"expression": expression},
            }
        )

    async def run(self, expression: str) -> Any:
        """The value of an expression, promises awaited; AssertionError when it throws."""
        answer = await self._devtools.call(
            "Runtime.evaluate", self.session, expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Any DevTools command for this page."""
        return await self._devtools.call(method, self.session, **params)

    async def until(self, condition: str, deadline: float = DEADLINE) -> Any:
        """The first truthy value of a condition that is asked over and over, with a deadline."""
        attempt = f"(() => {{ try {{ return {condition}; }} catch {{ return null; }} }})()"
        async with asyncio.timeout(deadline):
            while True:
                with contextlib.suppress(AssertionError):
                    if value := await self.run(attempt):
                        return value
                await asyncio.sleep(0.02)

    async def event(self, name: str, after: int = 0, deadline: float = DEADLINE, **wanted: Any) -> Any:
        """The first wa-js event of this name, from index `after` on, whose fields are as wanted."""

        def found() -> list[Any]:
            return [
                value
                for event, value in self.events[after:]
                if event == name
                and all(isinstance(value, dict) and value.get(key) == wish for key, wish in wanted.items())
            ]

        async with asyncio.timeout(deadline), self._changed:
            await self._changed.wait_for(found)
        return found()[0]

    def names(self, prefix: str = "conn.") -> list[str]:
        """The names of the events so far."""
        return [name for name, _ in self.events if name.startswith(prefix)]


@contextlib.asynccontextmanager
async def connected(endpoint: str):
    """A DevTools connection for the length of a block."""
    async with aiohttp.ClientSession() as session, session.ws_connect(endpoint, max_msg_size=0) as socket:
        devtools = DevTools(socket)
        try:
            yield devtools
        finally:
            await devtools.close()


@contextlib.contextmanager
def temporary_profile():
    """A profile folder that is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="wahook-simulator-test-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
