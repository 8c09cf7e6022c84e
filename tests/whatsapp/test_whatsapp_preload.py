"""What a document gets, early or late, and what happens when it cannot be had."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from actors.errors import ProcessError
from actors.messages import DocumentLoaded
from wahook.browser.channel import DevToolsChannel
from wahook.browser.page import Page, PageFault
from wahook.whatsapp.factory import Browsers
from wahook.whatsapp.preload import Preload, find_wa_js

from .conftest import Session

STATE = "window.__wahook.call('state')"


def test_a_missing_bundle_says_what_to_do(tmp_path: Path):
    with pytest.raises(ProcessError, match="make setup"):
        Preload.read(find_wa_js(tmp_path / "none.js"))


async def late(browsers: Browsers, profile: Path) -> tuple[Any, int, bool]:
    """Open the page without us, then come twice: its state, documents told of, is wa-js the first one."""
    launched = await browsers.maker.launch("browser:late", profile, None)
    try:
        channel = await DevToolsChannel.connect(launched.endpoint, 5)
        page = await Page.attach(channel, 5)
        events: list[dict[str, Any]] = []
        shown = asyncio.Event()

        def take(method: str, params: dict[str, Any]) -> None:
            if method == "Runtime.bindingCalled":
                events.append(json.loads(params["payload"]))
                if events[-1]["kind"] == "qr":
                    shown.set()

        page.on_event = take
        await page.wake(5)
        await page.navigate(browsers.url, 5)
        await browsers.preload.install(page, 5)
        await page.evaluate("window.__first = window.WPP, 0", 5)
        await browsers.preload.install(page, 5)
        await asyncio.wait_for(shown.wait(), 10)
        same = await page.evaluate("window.__first === window.WPP", 5)
        with pytest.raises(PageFault):
            await page.evaluate("nothing.of.that.name", 5)
        state = await page.evaluate(STATE, 5)
        await channel.close()
        return state, sum(event["kind"] == "document" for event in events), same
    finally:
        launched.process.kill_group()
        await launched.process.ended(5)
        await browsers.maker.clean("browser:late", profile)


@pytest.mark.browser
def test_a_document_that_is_there_already_gets_it_at_once_and_only_once(browsers: Browsers, tmp_path: Path):
    state, documents, same = browsers.loop.submit(late(browsers, tmp_path)).result(90)
    assert state["ok"]
    assert state["value"]["mode"] == "QR"
    assert documents == 1
    assert same


@pytest.mark.browser
def test_a_broken_bundle_leaves_the_bridge_alive_and_the_page_not_connected(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        session.client, "_preload", Preload("syntax error here (", session.client._preload.bridge)
    )
    ear = session.open()
    ear.wait(DocumentLoaded)
    assert not session.client.state(20).result(21).connected


@pytest.mark.browser
def test_errors_of_the_page_reach_us_without_long_numbers(session: Session):
    session.link()
    life = session.client._life
    assert life is not None
    answer = session.client._loop.submit(
        life.page.evaluate("__wahook.call('pairingCode', {number: '4917299999999'})", 5)
    ).result(6)
    assert answer["ok"] is False
    assert "4917299999999" not in json.dumps(answer)
