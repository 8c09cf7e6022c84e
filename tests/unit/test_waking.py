"""Who lies down by idleness is brought up once, however many need him, and nobody waits for ever."""

import asyncio
import threading
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from actors.errors import DeadlinePassed, MemoryShort
from actors.events import StatusChanged
from actors.model import SessionStatus, SessionView
from wahook.announcer import Announcer
from wahook.board import Board
from wahook.waking import Waker, WakerParts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STOPPED, STARTING, READY = SessionStatus.STOPPED, SessionStatus.INITIALIZING, SessionStatus.READY


class House:
    """A session that lies down, and a start that is finished by hand."""

    def __init__(self, deadline=5.0):
        self.board, self.announcer = Board(), Announcer()
        self.ups, self.full = [], False
        self.begun = threading.Event()
        self.show(STOPPED, idle=True)
        self.waker = Waker(
            WakerParts(
                board=self.board,
                announcer=self.announcer,
                submit=self.submit,
                up=self.up,
                admit=self.admit,
                deadline=deadline,
            )
        )

    def show(self, status, **fields):
        self.board.publish(SessionView("a", status, NOW, **fields))
        self.announcer(StatusChanged("a", status))

    def submit(self, coroutine):
        coroutine.close()
        self.ups.append(Future())
        self.begun.set()
        return self.ups[-1]

    async def up(self, session_id):
        raise NotImplementedError

    def admit(self):
        if self.full:
            raise MemoryShort("full")

    def started(self):
        self.show(STARTING)
        self.ups[-1].set_result(None)

    async def asked(self, count=1):
        tasks = [asyncio.create_task(self.waker.awake("a")) for _ in range(count)]
        await asyncio.to_thread(self.begun.wait, 5)
        return tasks


async def test_who_needs_it_waits_until_it_is_ready():
    house = House()
    (task,) = await house.asked()
    house.started()
    house.show(SessionStatus.AUTHENTICATED)
    await asyncio.sleep(0)
    assert not task.done()
    house.show(READY)
    await asyncio.wait_for(task, 5)


async def test_many_who_need_it_at_once_start_it_once():
    house = House()
    tasks = await house.asked(20)
    house.waker.wanted("a")
    house.started()
    house.show(READY)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert len(house.ups) == 1


async def test_a_session_that_was_ready_before_anybody_listened_is_not_waited_for():
    house = House()
    (task,) = await house.asked()
    house.show(READY)
    house.ups[-1].set_result(None)
    await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("status", [READY, STOPPED, SessionStatus.RECONNECTING])
async def test_a_session_that_does_not_lie_down_is_left_to_itself(status):
    house = House()
    house.show(status)
    await asyncio.wait_for(house.waker.awake("a"), 5)
    await asyncio.wait_for(house.waker.awake("unknown"), 5)
    house.waker.wanted("a")
    house.waker.wanted("unknown")
    assert house.ups == []


async def test_a_start_that_takes_too_long_is_told_and_goes_on():
    house = House(deadline=0.05)
    (task,) = await house.asked()
    with pytest.raises(DeadlinePassed):
        await asyncio.wait_for(task, 5)
    assert not house.ups[-1].cancelled()


async def test_a_start_that_fails_is_told_and_the_next_one_tries_again():
    house = House()
    (task,) = await house.asked()
    house.ups[-1].set_exception(MemoryError("no"))
    with pytest.raises(MemoryError):
        await asyncio.wait_for(task, 5)
    house.waker.wanted("a")
    assert len(house.ups) == 2


async def test_without_memory_who_asks_is_told_and_messages_go_on_waiting():
    house = House()
    house.full = True
    with pytest.raises(MemoryShort):
        await house.waker.awake("a")
    house.waker.wanted("a")
    assert house.ups == []
    house.full = False
    house.waker.wanted("a")
    assert len(house.ups) == 1


async def test_messages_do_not_wake_who_waits_for_a_human_to_scan_but_a_human_does():
    house = House()
    house.show(STOPPED, idle=True, last_error="qr_not_scanned")
    house.waker.wanted("a")
    assert house.ups == []
    (task,) = await house.asked()
    house.started()
    house.show(SessionStatus.QR)
    await asyncio.wait_for(task, 5)
