"""What every document gets before the page's own scripts: wa-js, our bridge, and the binding for events."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import structlog

from actors.errors import ProcessError
from wahook.browser.page import Page
from wahook.npm import find_module_file

log = structlog.get_logger(__name__)

BINDING = "__wahookEvent"
CONFIG = "window.WPPConfig={disableGoogleAnalytics:true};"
# Not in frames and error pages, and once only: injected twice, wa-js wraps everything twice.
GUARD = "if(window.top===window.self&&/^https?:$/.test(location.protocol)&&!window.WPP)"
PRESENT = "location.protocol.startsWith('http')?Boolean(window.__wahook):null"
# The last takes in the parts before it.
_PARTS = ("sending", "reading", "history", "media", "events")
BRIDGE = (*(f"bridge_{part}.js" for part in _PARTS), "bridge.js")
NPM_BUNDLE = "@wppconnect/wa-js/dist/wppconnect-wa.js"


@dataclass(frozen=True, slots=True)
class Preload:
    """The two scripts. Apart, so that a broken bundle cannot take the bridge with it."""

    wa_js: str
    bridge: str

    @classmethod
    def read(cls, wa_js: Path) -> Preload:
        """Read the bundle at `wa_js`. ProcessError says what to do when it is not there."""
        try:
            bundle = wa_js.read_text(encoding="utf-8")
        except OSError as error:
            raise ProcessError(f"no wa-js at {wa_js}: run `make setup`") from error
        here = files("wahook.whatsapp")
        bridge = "".join(here.joinpath(name).read_text(encoding="utf-8") for name in BRIDGE)
        return cls(f"{GUARD}{{{CONFIG}{bundle}\n}}", bridge)

    async def install(self, page: Page, deadline: float) -> None:
        """For every document to come, and at once for one that is there without it.

        DevTools forgets all of it with the connection that set it, so each new connection installs anew.
        """
        await page.call("Runtime.enable", {}, deadline=deadline)  # else a new document has no binding
        await page.call("Runtime.addBinding", {"name": BINDING}, deadline=deadline)
        for source in (self.wa_js, self.bridge):
            await page.call("Page.addScriptToEvaluateOnNewDocument", {"source": source}, deadline=deadline)
        if await page.evaluate(PRESENT, deadline) is False:
            log.info("page.injected_late")
            for source in (self.wa_js, self.bridge):
                await page.evaluate(f"{source};0", deadline)


def find_wa_js(configured: Path | None = None) -> Path:
    """The configured bundle, else npm's. ProcessError says what to do when there is none."""
    return configured or find_module_file(NPM_BUNDLE)
