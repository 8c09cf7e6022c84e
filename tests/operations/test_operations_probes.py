"""Health that is asked of the real thing, seldom, and told with its age."""

import asyncio
import threading

import pytest

from wahook.probes import Probe


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def test_a_reading_serves_everybody_until_it_is_old(clock):
    asked = []
    probe = Probe("redis", lambda: asked.append(1), fresh=2, clock=clock)
    first = await probe.look()
    clock.now += 1.9
    assert await probe.look() is first
    assert first.fields(clock())["age"] == 1.9
    clock.now += 0.2
    assert (await probe.look()).at == clock.now
    assert len(asked) == 2


async def test_many_who_ask_at_once_wait_for_one_check(clock):
    asked, gate = [], threading.Event()

    def check():
        asked.append(1)
        assert gate.wait(10)

    probe = Probe("database", check, clock=clock)
    waiting = [asyncio.create_task(probe.look()) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert all(reading.ok for reading in await asyncio.gather(*waiting))
    assert len(asked) == 1


async def test_one_who_goes_away_takes_nothing_from_the_others():
    gate = threading.Event()
    probe = Probe("database", lambda: gate.wait(10))
    leaver, stayer = asyncio.create_task(probe.look()), asyncio.create_task(probe.look())
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    gate.set()
    assert (await stayer).ok


async def test_what_fails_is_not_well_and_is_asked_again_later(clock):
    faults = [ConnectionError("down"), None]

    def check():
        if fault := faults.pop(0):
            raise fault

    probe = Probe("redis", check, fresh=2, clock=clock)
    reading = await probe.look()
    assert reading.fields(clock()) == {"connected": False, "ping": None, "age": 0}
    assert not (await probe.look()).ok
    clock.now += 2
    assert (await probe.look()).ok


async def test_a_check_that_hangs_is_not_well_at_the_deadline_and_is_never_doubled():
    started, gate = [], threading.Event()

    def check():
        started.append(1)
        gate.wait(20)

    probe = Probe("database", check, fresh=0, deadline=0.05)
    try:
        assert not (await probe.look()).ok
        assert not (await probe.look()).ok
        assert len(started) == 1
    finally:
        gate.set()
    async with asyncio.timeout(30):
        while not (await probe.look()).ok:
            pass
