"""The dashboard in a real Chromium: key, live sessions, QR code, messages, tree; and no script errors."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from actors.events import MessageAck, MessageReceived, Qr, QrUpdated, Ready, StatusChanged
from actors.model import MessageStatus, SessionStatus
from tests.simulator.devtools import BrowserProcess, Tab, connected, temporary_profile

from .conftest import KEY, SOCKET_IO
from .service import CODE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not SOCKET_IO.exists(), reason="npm packages are not installed"),
]
SHOTS = os.environ.get("EDGE_SCREENSHOTS")  # a folder to look at them


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserProcess]:
    with temporary_profile() as profile:
        process = BrowserProcess(profile)
        yield process
        process.kill()


@pytest.fixture
async def page(browser, running) -> AsyncIterator[Tab]:
    """The dashboard before the key; at the end nothing may have been reported as an error."""
    running.sessions.add("1", "1", phone_number="491700000001", profile_name="Harbour Café")
    running.sessions.add("1", "2", SessionStatus.INITIALIZING)
    async with connected(browser.endpoint) as devtools:
        tab = await devtools.tab(running.url, wa_js=False)
        await tab.until("!document.getElementById('gate').hidden")
        yield tab
        assert tab.errors == []


async def enter(tab: Tab, key: str = KEY) -> None:
    await tab.run(f"document.getElementById('key').value = '{key}'")
    await tab.run("document.querySelector('#key-form button').click()")


async def inside(tab: Tab) -> None:
    await enter(tab)
    await tab.until("document.getElementById('link').dataset.state === 'live'")


async def shoot(tab: Tab, name: str) -> None:
    """Light, dark and on a phone."""
    if not SHOTS:
        return
    for kind, width, height, scheme in (
        ("light", 1200, 800, "light"), ("dark", 1200, 800, "dark"), ("phone", 390, 844, "light"),
    ):  # fmt: skip
        await tab.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                          deviceScaleFactor=1, mobile=kind == "phone")  # fmt: skip
        await tab.command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        shot = await tab.command("Page.captureScreenshot", format="png")
        Path(SHOTS, f"{name}-{kind}.png").write_bytes(base64.b64decode(shot["data"]))


async def test_the_key_is_asked_for_and_a_wrong_one_is_refused(page, running):
    await enter(page, "wrong")
    assert (
        await page.until("document.getElementById('key-error').textContent")
        == "That is not the key of this service."
    )
    assert await page.run("sessionStorage.getItem('wahook-key')") is None
    page.errors[:] = [error for error in page.errors if "401" not in error]  # the browser reports the answer
    await shoot(page, "gate")
    await inside(page)
    assert await page.run("sessionStorage.getItem('wahook-key')") == KEY
    assert await page.run("localStorage.length") == 0
    await page.reload()
    await page.until("document.querySelectorAll('[data-session]').length === 2")


async def test_sessions_are_shown_and_their_status_changes_by_itself(page, running):
    await inside(page)
    assert await page.until(
        "document.querySelector('[data-session=user_1_wa_1]').innerText.includes('Harbour Café')"
    )
    badge = "document.querySelector('[data-session=user_1_wa_2] .badge').textContent"
    assert await page.run(badge) == "starting"
    running.edge.publish(StatusChanged("user_1_wa_2", "reconnecting"))
    assert await page.until(f"{badge} === 'reconnecting'")
    running.sessions.add("2", "1")
    running.edge.publish(StatusChanged("user_2_wa_1", "ready"))
    assert await page.until(
        "document.querySelector('[data-session=user_2_wa_1]')?.innerText.includes('ready')"
    )


async def test_a_code_appears_changes_and_goes_when_it_was_scanned(page, running):
    await inside(page)
    await page.run("location.hash = '#/s/user_1_wa_2'")
    running.edge.publish(StatusChanged("user_1_wa_2", "qr"))
    running.edge.publish(Qr("user_1_wa_2", CODE, 0))
    first = await page.until(
        "document.getElementById('qr')?.naturalWidth > 200 && document.getElementById('qr').src"
    )
    await shoot(page, "qr")
    running.edge.publish(QrUpdated("user_1_wa_2", CODE + "x", 0))
    await page.until(f"document.getElementById('qr').src !== '{first}'")
    running.edge.publish(StatusChanged("user_1_wa_2", "ready"))
    running.edge.publish(Ready("user_1_wa_2", "491700000002", "Second"))
    await page.until(
        "!document.getElementById('qr') && document.querySelector('.detail h2').textContent === 'Second'"
    )


async def test_a_session_is_created_with_the_form(page, running):
    await inside(page)
    await page.run("document.getElementById('new-session').click()")
    await page.run(
        "document.getElementById('user-id').value = '7'; document.getElementById('account-id').value = 'x'"
    )
    await page.run("document.querySelector('#create-form button').click()")
    await page.until("document.querySelector('.detail .meta')?.textContent.includes('user_7_wa_x')")
    assert "user_7_wa_x" in running.sessions.accounts


async def test_messages_come_in_and_go_out(page, running):
    running.messages.receive("user_1_wa_1", "Is there a table tonight?")
    await inside(page)
    await page.run("location.hash = '#/s/user_1_wa_1'")
    await page.until("document.querySelector('.bubble.in')?.innerText.includes('a table tonight')")
    await page.run("document.querySelector('[name=to]').value = '+49 170 0000003'")
    await page.run("document.querySelector('[name=text]').value = 'Yes: <b>seven</b> o clock'")
    await page.run("document.querySelector('.compose button').click()")
    await page.until("document.querySelector('.bubble.out p')?.textContent === 'Yes: <b>seven</b> o clock'")
    assert [row.to for row in running.messages.rows.values()] == ["491700000003"]
    running.edge.publish(
        MessageReceived(
            "user_1_wa_1", "IN9", "491700000003", "Thanks!", "chat", has_media=False, timestamp=1795330000
        )
    )
    await page.until("document.querySelectorAll('.bubble.in').length === 2")
    await shoot(page, "messages")
    await page.run("document.querySelector('.compose button').click()")  # the text is gone: nothing is sent
    assert len(running.messages.rows) == 1


async def test_a_refusal_is_said_beside_the_message(page, running):
    await inside(page)
    await page.run("location.hash = '#/s/user_1_wa_1'")
    await page.until("!!document.querySelector('[name=to]')")
    for _ in range(2):
        await page.run("document.querySelector('[name=to]').value = '491700000003'")
        await page.run("document.querySelector('[name=text]').value = 'Twice'")
        await page.run("document.querySelector('.compose button').click()")
        await page.until("document.querySelectorAll('.bubble.out').length === 1")
    assert "allowDuplicate" in await page.until("document.querySelector('.detail > .error').textContent")
    page.errors[:] = [error for error in page.errors if "409" not in error]


async def test_the_tree_follows_the_operators_verbs(page, running):
    await inside(page)
    await page.run("location.hash = '#/tree'")
    await page.until("document.getElementById('tree').textContent.includes('├─● steady')")
    await running.operations.act("restart", "steady", "test")
    await page.until("document.getElementById('tree').textContent.includes('steady #2')")
    await page.until("document.getElementById('transitions').innerText.includes('by test')")
    await shoot(page, "tree")


async def test_the_page_finds_its_way_back_after_the_edge_was_restarted(page, running):
    await inside(page)
    edge = running.edge
    edge._port = int(running.url.rpartition(":")[2])
    edge.stop(5.0)
    await page.until("document.getElementById('link').dataset.state === 'down'")
    running.sessions.put("user_1_wa_2", SessionStatus.READY)
    edge.start()
    await page.until("document.getElementById('link').dataset.state === 'live'", 20)
    await page.until("document.querySelector('[data-session=user_1_wa_2] .badge').textContent === 'ready'")
    page.errors[:] = [
        error for error in page.errors if "ERR_CONNECTION" not in error and "WebSocket" not in error
    ]


async def test_the_api_page_shows_every_operation(page, running):
    await inside(page)
    await page.goto(f"{running.url}/docs")
    await page.until("document.querySelectorAll('.operation').length > 40")
    assert await page.run(
        "document.querySelector('.docs').innerText.includes('/api/whatsapp/sessions/{id}/qr')"
    )
    await shoot(page, "docs")


async def test_nothing_is_wider_than_a_phone(page, running):
    await page.command(
        "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True
    )
    await inside(page)
    for place in ("#/", "#/s/user_1_wa_1", "#/tree"):
        await page.run(f"location.hash = '{place}'")
        await asyncio.wait_for(
            page.run("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"), 5
        )
        assert await page.run("document.documentElement.scrollWidth") <= 360, place
    await page.goto(f"{running.url}/docs")
    await page.until("document.querySelectorAll('.operation').length > 40")
    assert await page.run("document.documentElement.scrollWidth") <= 360


async def test_a_delivered_message_shows_its_ticks(page, running):
    await inside(page)
    await page.run("location.hash = '#/s/user_1_wa_1'")
    await page.until("!!document.querySelector('[name=to]')")
    await page.run("document.querySelector('[name=to]').value = '491700000003'")
    await page.run("document.querySelector('[name=text]').value = 'Ticks'")
    await page.run("document.querySelector('.compose button').click()")
    await page.until("!!document.querySelector('.bubble.out')")
    (message_id,) = running.messages.rows
    running.edge.publish(MessageAck("user_1_wa_1", message_id, "3EB0", 2, MessageStatus.DELIVERED.value))
    await page.until("document.querySelector('.bubble.out').dataset.status === 'delivered'")
