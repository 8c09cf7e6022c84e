import asyncio
import threading

from actors.events import Authenticated, StatusChanged
from wahook.announcer import Announcer

ONE, TWO = Authenticated("a"), StatusChanged("a", "ready")


def test_everybody_hears_every_event_until_they_leave():
    announcer, first, second = Announcer(), [], []
    leave = announcer.subscribe(first.append)
    announcer.subscribe(second.append)
    announcer(ONE)
    leave()
    announcer(TWO)
    assert (first, second) == ([ONE], [ONE, TWO])


def test_a_listener_that_raises_keeps_nobody_from_hearing():
    announcer, heard = Announcer(), []

    def broken(_):
        raise RuntimeError("no")

    announcer.subscribe(broken)
    announcer.subscribe(heard.append)
    announcer(ONE)
    assert heard == [ONE]


async def test_an_expected_event_wakes_the_loop_from_another_thread():
    announcer = Announcer()
    with announcer.expecting(lambda event: event is TWO) as happened:
        threading.Thread(target=lambda: (announcer(ONE), announcer(TWO))).start()
        await asyncio.wait_for(happened.wait(), 30)


async def test_an_event_that_is_not_wanted_wakes_nobody():
    announcer = Announcer()
    with announcer.expecting(lambda event: event is TWO) as happened:
        announcer(ONE)
        await asyncio.sleep(0)
        assert not happened.is_set()


async def test_nobody_listens_after_an_expectation():
    announcer = Announcer()
    with announcer.expecting(lambda _: True) as happened:
        pass
    announcer(ONE)
    await asyncio.sleep(0)
    assert not happened.is_set()
