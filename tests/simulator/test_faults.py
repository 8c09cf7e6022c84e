"""Every fault does what it says, once or until cleared."""

import asyncio
import time

import pytest

from .conftest import (
    MINE,
    OUTSIDE,
    PLAIN_READY,
    READY,
    Phones,
    eventually,
    message_here,
    send_plainly,
    state,
)
from .devtools import DEADLINE, DevTools, Tab
from .test_messages import send


async def test_conflict_silences_the_page_until_it_takes_over(plain: Tab, phones: Phones):
    await phones.post(MINE, "faults", kind="conflict")
    await plain.until(f"{state('CONFLICT')} && require('WAWebStreamModel').Stream.mode === 'CONFLICT'")
    assert (await phones.state(MINE))["connected"] is False
    await plain.run("require('WAWebSocketModel').Socket.takeover()")
    await plain.until(PLAIN_READY)


async def test_a_second_page_of_the_same_device_puts_the_first_in_conflict(simulator, devtools, plain: Tab):
    second = await devtools.tab(simulator.url, wa_js=False, beside=plain)
    await second.until(PLAIN_READY)
    await plain.until(state("CONFLICT"))


async def test_offline_cuts_the_page_off_and_online_lets_it_back(linked: Tab, phones: Phones):
    await phones.post(MINE, "faults", kind="offline")
    await linked.until("WPP.conn.isOnline() === false && WPP.whatsapp.Socket.state === 'TIMEOUT'")
    await phones.write(MINE, "waiting")
    await phones.post(MINE, "faults", kind="online")
    await linked.until(f"{READY} && WPP.conn.isOnline()")
    await linked.event("chat.new_message", fromMe=False)


async def test_hang_blocks_the_main_thread_for_its_time(plain: Tab, phones: Phones):
    await plain.run("""(() => { window.longest = 0; let last = performance.now(); setInterval(() => {
        const now = performance.now(); longest = Math.max(longest, now - last); last = now; }, 10); })()""")
    await phones.post(MINE, "faults", kind="hang", seconds=0.8)
    assert await plain.until("window.longest > 780 && window.longest") < 5000


async def test_crash_kills_the_renderer(plain: Tab, phones: Phones):
    await phones.post(MINE, "faults", kind="crash")
    async with asyncio.timeout(DEADLINE):
        await plain.crashed.wait()


async def test_reload_reloads_and_the_login_is_restored(plain: Tab, phones: Phones):
    await plain.run("window.marked = 1")
    await phones.post(MINE, "faults", kind="reload")
    await plain.until(f"window.marked === undefined && {PLAIN_READY}")


async def test_grow_keeps_memory(plain: Tab, phones: Phones):
    async def grown() -> bool:
        return (await plain.command("Runtime.getHeapUsage"))["backingStorageSize"] >= 40 * 2**20

    assert not await grown()
    await phones.post(MINE, "faults", kind="grow", megabytes=40)
    await eventually(grown)
    await plain.command("HeapProfiler.collectGarbage")
    assert await grown()


async def test_a_slow_ack_is_late_and_a_lost_one_never_comes_but_both_reached_the_wire(
    linked: Tab, phones: Phones
):
    await phones.post(MINE, "faults", kind="slow_ack", seconds=0.4)
    start = time.monotonic()
    assert (await linked.run(send("slow")))["ack"] == 1
    assert time.monotonic() - start >= 0.4
    await phones.post(MINE, "faults", kind="lost_ack")
    lost = await linked.run(
        f"Promise.race([{send('lost')}, new Promise((done) => setTimeout(done, 400, 'pending'))])"
    )
    assert lost == "pending"
    assert (await linked.run(send("after")))["ack"] == 1
    assert [(entry["body"], entry["count"]) for entry in await phones.ledger()] == [
        ("slow", 1),
        ("lost", 1),
        ("after", 1),
    ]


async def test_a_message_whose_ack_was_lost_is_repeated_by_the_next_page_load(plain: Tab, phones: Phones):
    await phones.post(MINE, "faults", kind="lost_ack")
    await plain.run(f"({send_plainly('lost', OUTSIDE)}, 1)")
    entry = None

    async def sent() -> bool:
        nonlocal entry
        entry = next(iter(await phones.ledger()), None)
        return entry is not None

    await eventually(sent)
    key = f"true_{OUTSIDE}@c.us_{entry['id']}"
    assert await plain.run(f"{message_here(key)}.ack") == 0
    await plain.reload()
    await plain.until(f"{message_here(key)}.ack === 2")
    (entry,) = await phones.ledger()
    assert (entry["count"], entry["resent"]) == (1, 1)


async def test_a_refused_send_resolves_with_its_result_or_rejects_and_never_reaches_the_wire(
    linked, phones: Phones
):
    await phones.post(MINE, "faults", kind="send_error")
    assert (await linked.run(send("refused")))["sendMsgResult"]["messageSendResult"] == "ERROR_NETWORK"
    await phones.post(MINE, "faults", kind="send_error", reject=True, result="ERROR_UNKNOWN")
    assert await linked.run(send("rejected") + ".catch((error) => error.message)") == "ERROR_UNKNOWN"
    assert await phones.ledger() == []
    assert (await linked.run(send("fine")))["ack"] == 1


async def test_a_fault_strikes_as_often_as_it_says_or_until_it_is_cleared(linked: Tab, phones: Phones):
    result = send("x") + ".then(({ sendMsgResult }) => sendMsgResult.messageSendResult)"
    await phones.post(MINE, "faults", kind="send_error", times=2)
    assert [await linked.run(result) for _ in range(3)] == ["ERROR_NETWORK", "ERROR_NETWORK", "OK"]
    await phones.post(MINE, "faults", kind="send_error", times=0)
    assert [await linked.run(result) for _ in range(4)] == ["ERROR_NETWORK"] * 4
    await phones.post(MINE, "faults", kind="clear")
    assert await linked.run(result) == "OK"


async def test_a_ban_keeps_the_page_out_until_it_is_over(plain: Tab, phones: Phones):
    await plain.run("""require('WAWebBackendEventBus').BackendEventBus
        .on('account_temporarily_banned', (ban) => { window.ban = ban; })""")
    began = time.monotonic()
    await phones.post(MINE, "faults", kind="ban", seconds=0.6)
    assert await plain.until(f"{state('TOS_BLOCK')} && window.ban?.expire") == 0.6
    async with asyncio.timeout(DEADLINE):
        while not await plain.run(state("CONNECTED")):
            await plain.reload()
            await plain.until(f"{state('TOS_BLOCK')} || {state('CONNECTED')}")
    assert time.monotonic() - began >= 0.6


# Since the page has learned how it is to behave; how long it loads before is the machine's business.
SINCE_BOOT = """performance.now() - performance.getEntriesByType('resource')
    .find(({ name }) => name.includes('/boot')).responseEnd"""


async def test_a_slow_boot_delays_the_next_page_load_only(simulator, devtools: DevTools, phones: Phones):
    await phones.post("0", "faults", kind="slow_boot", seconds=2)
    tab = await devtools.tab(simulator.url, wa_js=False)
    assert await tab.until(
        "performance.now() > 300 && typeof require === 'undefined' && typeof __d === 'function'"
    )
    await tab.until(state("UNPAIRED"))
    assert await tab.run(SINCE_BOOT) > 1950
    await tab.reload()
    await tab.until(state("UNPAIRED"))
    assert await tab.run(SINCE_BOOT) < 1950


async def test_a_missing_module_is_missing_in_the_next_page_load_of_that_number_only(
    plain: Tab, phones: Phones
):
    await phones.post(MINE, "faults", kind="missing_module", module="WAWebQueryExistsJob")
    await plain.reload()
    await plain.until(f"{PLAIN_READY} && require('__debug').modulesMap.WAWebQueryExistsJob === undefined")
    await plain.reload()
    await plain.until(f"{PLAIN_READY} && require('__debug').modulesMap.WAWebQueryExistsJob !== undefined")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"kind": "explode"}, 400, "must be one of"),
        ({"kind": "slow_ack", "seconds": 0}, 400, "seconds"),
        ({"kind": "grow", "megabytes": 0}, 400, "megabytes"),
        ({"kind": "missing_module"}, 400, "module"),
        ({"kind": "send_error", "result": "OK"}, 400, "result"),
        ({"kind": "hang", "seconds": -1}, 400, "seconds"),
        ({"kind": "slow_ack", "seconds": 1, "times": 1.5}, 400, "times"),
        ({"kind": "crash"}, 409, "no"),
    ],
)
async def test_a_bad_fault_is_refused_with_a_reason(simulator, phones: Phones, body, status, says):
    assert says in (await phones.post(OUTSIDE, "faults", status, **body))["error"]
