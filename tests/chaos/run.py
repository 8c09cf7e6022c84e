"""A run of chaos: a household under traffic, a script of harm, and what was seen of it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.chaos.acts import Acts
from tests.chaos.disk import SmallDisk
from tests.chaos.household import Household
from tests.chaos.leftovers import Census, census, left_behind
from tests.chaos.script import Step, script
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import Verdict, judge
from tests.service.house import API, until
from wahook.simulator import SimulatorThread

HEALED = 90.0  # seconds after which an action counts as never healed


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of actions; settling and judging come on top. `folder` keeps data and logs."""

    seed: int
    seconds: float
    sessions: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the action to a message sent and one received on its session. None: it could not be done."""

    step: Step
    at: float
    took: float | None


@dataclass
class Outcome:
    """What a run showed. `wrong` is empty when all went well."""

    options: Options
    recoveries: list[Recovery] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    sent: int = 0
    written: int = 0
    retried: int = 0
    starts: int = 0
    before: Census | None = None
    after: Census | None = None
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@asynccontextmanager
async def _household(options: Options) -> AsyncIterator[tuple[Household, SmallDisk]]:
    data = options.folder / "data"
    disk = SmallDisk(data / "whatsapp-sessions")
    try:
        with SimulatorThread(delivery_after=0.02, read_after=0.2) as simulator:
            async with aiohttp.ClientSession() as http:
                household = Household(data, options.folder / "service.log", simulator.url, http)
                try:
                    yield household, disk
                finally:
                    household.abandon()
    finally:
        disk.remove()


async def run(options: Options) -> Outcome:
    """The whole of it; raises only when the household could not even be set up."""
    outcome = Outcome(options)
    async with _household(options) as (household, disk):
        if not disk.usable:
            outcome.notes.append("no tmpfs could be mounted: full disk and read-only profile were left out")
        await household.start()
        traffics = await _linked(household, options)
        outcome.before = await asyncio.to_thread(census, household)
        tasks = [asyncio.create_task(traffic.run()) for traffic in traffics]
        try:
            await _harm(Acts(household, disk, traffics), options, outcome)
            await _settle(household, traffics, tasks, outcome)
        except (AssertionError, TimeoutError, aiohttp.ClientError) as error:
            outcome.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _end(household, outcome)
    return outcome


async def _linked(household: Household, options: Options) -> list[Traffic]:
    traffics = []
    for number in range(options.sessions):
        phone = f"49151000000{number + 1}"
        session_id = await household.client.linked(str(number + 1), "1", phone)
        rng = random.Random(f"traffic {options.seed} {number}")
        traffics.append(Traffic(household.client, session_id, phone, rng))
    for traffic in traffics:
        await traffic.probe()
    return traffics


async def _harm(acts: Acts, options: Options, outcome: Outcome) -> None:
    began = time.monotonic()
    healing: set[asyncio.Task[None]] = set()
    for step in script(options.seed, options.sessions):
        if healing and not step.together:
            await asyncio.gather(*healing)
            healing.clear()
        if time.monotonic() - began > options.seconds:
            break
        await asyncio.sleep(step.pause)
        at = time.monotonic()
        done = await acts.carry_out(step)
        nobody = "" if done else " (nobody there)"
        print(f"{at - began:6.1f} {step.number:4} {step.action} @{step.session}{nobody}", flush=True)
        if done:
            healing.add(
                asyncio.create_task(_watch(acts.traffics[step.session], step, at - began, at, outcome))
            )
        else:
            outcome.recoveries.append(Recovery(step, at - began, None))
    await asyncio.gather(*healing)


async def _watch(traffic: Traffic, step: Step, at: float, began: float, outcome: Outcome) -> None:
    try:
        await asyncio.wait_for(traffic.probe(), HEALED)
    except TimeoutError:
        status = await traffic.insist("GET", f"{API}/{traffic.session_id}")
        outcome.wrong.append(f"step {step.number}, {step.action}: not healed in {HEALED:g} s ({status})")
    outcome.recoveries.append(Recovery(step, at, time.monotonic() - began))


async def _settle(household: Household, traffics: list[Traffic], tasks: list, outcome: Outcome) -> None:
    for traffic in traffics:
        traffic.stop()
        await household.client.phone(f"{traffic.phone}/faults", {"kind": "clear"})
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    outcome.sent = sum(len(traffic.sent) for traffic in traffics)
    outcome.written = sum(len(traffic.written) for traffic in traffics)
    for traffic in traffics:
        outcome.wrong += traffic.surprises
        await household.client.status(traffic.session_id, "ready", patience=HEALED)
        retried = await _retry_failed(household, traffic)
        outcome.retried += len(retried)
        if missing := await _nothing_missing(traffic):
            outcome.wrong.append(f"{traffic.session_id}: {missing} missing at the end")
        verdict = await judge(household.client, traffic.session_id, traffic.sent, traffic.written, retried)
        outcome.verdicts[traffic.session_id] = verdict
        if verdict:
            outcome.wrong.append(f"{traffic.session_id}: {verdict}")
    outcome.after = await _settled_census(household, outcome.before)
    outcome.wrong += outcome.after.grown_since(outcome.before)


async def _settled_census(household: Household, before: Census | None) -> Census:
    """Once all processes are back: one that was killed often comes back after a longer wait."""
    ends = time.monotonic() + HEALED
    while True:
        now = await asyncio.to_thread(census, household)
        back = before is None or (set(now.processes) == set(before.processes) and not now.frozen)
        if back or time.monotonic() > ends:
            return now
        await asyncio.sleep(0.5)


async def _nothing_missing(traffic: Traffic) -> str:
    try:
        await until("all there", lambda: _settled(traffic), 60)
    except AssertionError:
        return await traffic.unsettled()
    return ""


async def _settled(traffic: Traffic) -> bool:
    return not await traffic.unsettled()


async def _retry_failed(household: Household, traffic: Traffic) -> frozenset[str]:
    """What has spent its attempts is the operator's to send again."""
    client, base = household.client, f"{API}/{traffic.session_id}/messages"
    await until("no message waits", lambda: _at_rest(client, base), 90)
    failed = [
        wa_id
        for wa_id, message_id in traffic.messages.items()
        if (await client.message(traffic.session_id, message_id))["status"] == "failed"
    ]
    for wa_id in failed:
        await client.ok("POST", f"{base}/{traffic.messages[wa_id]}/retry")
    for wa_id in failed:
        await client.delivered(traffic.session_id, traffic.messages[wa_id])
    return frozenset(failed)


async def _at_rest(client, base: str) -> bool:
    page = await client.ok("GET", f"{base}?direction=out&limit=200")
    return all(one["status"] not in ("queued", "sending") for one in page["messages"])


async def _end(household: Household, outcome: Outcome) -> None:
    outcome.starts = household.starts
    try:
        code = await household.end(signal.SIGTERM)
        if code != 0:
            outcome.wrong.append(f"the service ended with {code}: {household.tail()}")
    except Exception as error:  # noqa: BLE001  # the report must be written
        outcome.wrong.append(f"the service did not end: {type(error).__name__}")
    outcome.wrong += await asyncio.to_thread(left_behind, household.data)
