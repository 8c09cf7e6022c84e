"""QR, pairing code, login, restored login, logout."""

import pytest

from wahook.simulator import SimulatorThread

from .conftest import MINE, OTHER, READY, Phones, link
from .devtools import BrowserProcess, DevTools, Tab, connected, temporary_profile


async def test_an_unpaired_page_boots_without_a_single_error_and_in_the_real_order(
    simulator, devtools: DevTools
):
    tab = await devtools.tab(simulator.url)
    await tab.event("loader.full_ready")
    await tab.until(
        "new Promise((done) => setTimeout(() => done(true), 1300))"
    )  # late wraps: 1 s after ready
    assert tab.errors == []
    assert tab.names() == [
        "conn.auth_code_change",
        "conn.require_auth",
        "conn.stream_mode_changed",
        "conn.main_ready",
        "conn.stream_info_changed",
        "conn.main_init",
    ]


async def test_a_scan_logs_the_page_in_without_a_single_error(simulator, devtools: DevTools, phones: Phones):
    tab = await devtools.tab(simulator.url)
    await tab.event("loader.full_ready")
    before = len(tab.names())
    await link(tab, phones)
    await tab.event("conn.backend_event")
    assert tab.names()[before:][:8] == [
        "conn.stream_info_changed",
        "conn.stream_info_changed",
        "conn.stream_mode_changed",
        "conn.auth_code_change",
        "conn.authenticated",
        "conn.main_loaded",
        "conn.stream_info_changed",
        "conn.stream_mode_changed",
    ]
    state = await phones.state(MINE)
    assert (state["linked"], state["connected"], state["pages"]) == (True, True, 1)
    assert await tab.run("String(WPP.conn.getMyUserId())") == f"{MINE}@c.us"
    assert tab.errors == []


async def test_the_code_on_the_screen_is_the_code_of_the_api(simulator, devtools: DevTools):
    tab = await devtools.tab(simulator.url)
    code = await tab.until("WPP.whatsapp.Conn.ref && WPP.conn.getAuthCode().then((code) => code.fullCode)")
    shown = await tab.run("document.querySelector('[data-ref]').dataset.ref")
    assert (shown, code.count(",")) == (code, 3)
    assert await tab.run("document.querySelector('[data-ref] canvas').width") > 100


async def test_has_synced_comes_at_least_300_ms_after_connected(
    simulator, devtools: DevTools, phones: Phones
):
    tab = await devtools.tab(simulator.url)
    await tab.event("loader.full_ready")
    await tab.run("""(() => { const { Socket } = require('WAWebSocketModel'); window.times = {};
        Socket.on('change:state', (model, state) => { times[state] = performance.now(); });
        Socket.on('change:hasSynced', () => { times.synced = performance.now(); }); })()""")
    await link(tab, phones)
    assert await tab.run("times.synced - times.CONNECTED") >= 290


@pytest.mark.parametrize("options", [{"qr_first": 2.5, "qr_next": 0.3, "qr_count": 3}])
async def test_codes_rotate_until_the_page_goes_idle_and_a_refresh_starts_again(
    simulator, devtools, phones: Phones
):
    tab = await devtools.tab(simulator.url)
    await tab.until("WPP.isFullReady")
    await tab.until("WPP.whatsapp.Socket.state === 'UNPAIRED_IDLE'")
    await tab.event("conn.qrcode_idle")
    first = (await tab.event("conn.auth_code_change"))["fullCode"]
    refused = await phones.post(MINE, "scan", 410, code=first)
    assert "rotated" in refused["error"]
    fresh = await tab.run("WPP.conn.refreshQR().then((code) => code.fullCode)")
    assert fresh != first
    await phones.post(MINE, "scan", code=fresh)
    await tab.until(READY)


async def test_only_the_whole_code_can_be_scanned(simulator, devtools: DevTools, phones: Phones):
    tab = await devtools.tab(simulator.url, wa_js=False)
    ref = await tab.until("require('WAWebConnModel').Conn.ref")
    await phones.post(MINE, "scan", 404, code=ref)
    await phones.post(MINE, "scan", 404, code=f"{ref},AAAA,BBBB,CCCC")
    await phones.post(MINE, "scan", 400)


async def test_a_pairing_code_links_the_phone_it_was_made_for_and_no_other(
    simulator, devtools, phones: Phones
):
    tab = await devtools.tab(simulator.url)
    await tab.until("WPP.isFullReady && WPP.whatsapp.Socket.state === 'UNPAIRED'")
    code = await tab.run(f"WPP.conn.genLinkDeviceCodeForPhoneNumber('+{MINE}')")
    assert len(code) == 8
    await phones.post(OTHER, "scan", 404, pairingCode=code)
    await phones.post(MINE, "scan", pairingCode=f"{code[:4]}-{code[4:]}")
    await tab.until(READY)


async def test_a_reload_restores_the_login(linked: Tab):
    linked.events.clear()
    await linked.reload()
    await linked.event("loader.full_ready")
    await linked.until(READY)
    assert "conn.authenticated" not in linked.names()
    assert "conn.require_auth" not in linked.names()
    assert await linked.run("localStorage.getItem('last-wid-md')") == f'"{MINE}:1@c.us"'
    assert linked.errors == []


async def test_a_killed_browser_restores_the_login_from_its_profile(simulator, phones: Phones):
    with temporary_profile() as profile:
        first = BrowserProcess(profile)
        try:
            async with connected(first.endpoint) as devtools:
                await link(await devtools.tab(simulator.url, own_context=False), phones)
        finally:
            first.kill()
        second = BrowserProcess(profile)
        try:
            async with connected(second.endpoint) as devtools:
                tab = await devtools.tab(simulator.url, own_context=False)
                await tab.until(READY)
                assert tab.errors == []
        finally:
            second.kill()


async def test_without_the_database_there_is_no_login_whatever_local_storage_says(plain: Tab):
    await plain.run("new Promise((done) => { indexedDB.deleteDatabase('wawc').onsuccess = () => done(1); })")
    await plain.reload()
    await plain.until("require('WAWebSocketModel').Socket.state === 'UNPAIRED'")
    assert await plain.run("localStorage.getItem('last-wid-md')") is None


async def test_logout_by_the_page_ends_at_the_qr_screen(linked: Tab, phones: Phones):
    assert await linked.run("WPP.conn.logout()") is True
    await linked.until(
        "location.search.startsWith('?post_logout=1') && WPP.isFullReady"
        " && WPP.whatsapp.Socket.state === 'UNPAIRED'"
    )
    assert (await phones.state(MINE))["linked"] is False


async def test_unlinking_by_the_phone_tells_the_reason_and_navigates(linked: Tab, phones: Phones):
    before = len(linked.events)
    await phones.post(MINE, "unlink", reason="account_locked")
    assert await linked.event("conn.logout_reason", before) == "account_locked"
    await linked.until("location.search === '?post_logout=1&logout_reason=account_locked'")
    names = [name for name, _ in linked.events[before:] if name.startswith("conn.")]
    wanted = ["conn.logout_reason", "conn.require_auth", "conn.logout", "conn.stream_mode_changed"]
    assert [name for name in names if name in wanted][:4] == wanted


async def test_a_page_that_was_away_when_it_was_unlinked_learns_it_at_its_next_start(
    plain: Tab, simulator, phones
):
    await plain.goto("about:blank")
    await phones.post(MINE, "unlink")
    await plain.goto(simulator.url)
    await plain.until("location.search === '?post_logout=1&logout_reason=LOGOUT'")


async def test_the_page_works_over_tls_too(browser, phones):
    with SimulatorThread(tls_port=0) as secure, temporary_profile() as profile:
        rule = f"MAP web.whatsapp.com 127.0.0.1:{secure.tls_port}"
        process = BrowserProcess(profile, f"--host-resolver-rules={rule}", "--ignore-certificate-errors")
        try:
            async with connected(process.endpoint) as devtools:
                tab = await devtools.tab("https://web.whatsapp.com/")
                await tab.until("WPP.isFullReady && WPP.whatsapp.Socket.state === 'UNPAIRED'")
                assert tab.errors == []
        finally:
            process.kill()
