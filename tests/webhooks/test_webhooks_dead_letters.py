"""What a receiver does not take: refused for good, out of time, set aside, and sent again by hand."""

import pytest
from aiohttp import web

from actors.durable import TaskState
from actors.errors import RuleBroken
from wahook.notify.webhooks import commands

from .house import OTHER, SESSION, until


async def test_what_a_receiver_refuses_for_good_becomes_a_dead_letter_and_holds_nothing_up(house, receiver):
    receiver.answer = lambda call: {"in1": 410, "in2": 422}.get(call.message, 200)
    await house.account(receiver.url)
    await house.arrive(3)
    gone, refused = await house.settled(TaskState.DEAD, 2)
    assert (gone.attempts, gone.last_status, gone.last_error) == (1, 410, "answered 410")
    assert (refused.attempts, refused.last_error) == (6, "answered 422")
    await house.settled(TaskState.DONE, 1)
    assert receiver.messages()[-1] == "in3"


async def test_redirects_are_not_followed(house, receiver, other):
    receiver.answer = lambda _: web.Response(status=307, headers={"Location": other.url})
    await house.account(receiver.url)
    await house.arrive()
    await receiver.got(2)
    assert other.calls == []

    def told():  # what an answer meant is on disk a little later, and after six of them it is a dead letter
        return [one for one in house.journal.queues.deliveries(SESSION, None) if one.last_error]

    (delivery,) = await until("told", told)
    assert delivery.last_error == "answered 307: redirects are not followed"


async def test_after_a_day_a_delivery_is_a_dead_letter_that_can_be_replayed_in_its_place(house, receiver):
    receiver.answer = lambda _: 500
    await house.account(receiver.url)
    await house.arrive(2)
    await receiver.got(2)
    house.clock.ahead = 86400
    house.webhooks._sender.doubted()  # any sign of life: real time would have come by itself
    dead = await house.settled(TaskState.DEAD, 2)
    assert [one.last_error for one in dead] == ["its time was over"] * 2
    receiver.answer = lambda _: 200
    receiver.calls.clear()
    assert await house.commands.replay_dead(SESSION) == 2
    done = await house.settled(TaskState.DONE, 2)
    assert receiver.messages() == ["in1", "in2"]
    assert [one.id for one in done] == [one.id for one in dead]


async def test_of_more_dead_letters_than_one_call_takes_the_oldest_go_first(house, receiver, monkeypatch):
    receiver.answer = lambda _: 410
    await house.account(receiver.url)
    await house.arrive(5)
    await house.settled(TaskState.DEAD, 5)
    receiver.answer = lambda _: 200
    receiver.calls.clear()
    monkeypatch.setattr(commands, "MOST_AT_ONCE", 3)
    assert await house.commands.replay_dead(SESSION) == 3
    await house.settled(TaskState.DONE, 3)
    assert await house.commands.replay_dead(SESSION) == 2
    await house.settled(TaskState.DONE, 5)
    assert receiver.messages() == [f"in{n}" for n in range(1, 6)]


async def test_what_is_pending_for_a_removed_receiver_is_a_dead_letter(house, receiver):
    receiver.answer = lambda _: 500
    await house.account(receiver.url)
    await house.arrive(2)
    await receiver.got(1)
    await house.account()
    dead = await house.settled(TaskState.DEAD, 2)
    assert {one.last_error for one in dead} == {"this webhook was removed"}


async def test_only_dead_letters_of_this_session_can_be_replayed(house, receiver):
    receiver.answer = lambda call: 410 if call.message == "in1" else 200
    await house.account(receiver.url)
    await house.account(session=OTHER)
    await house.arrive(2)
    (dead,) = await house.settled(TaskState.DEAD, 1)
    (done,) = await house.settled(TaskState.DONE, 1)
    for session, delivery, code in (
        (SESSION, done.id, "wrong_state"),
        (OTHER, dead.id, "unknown_delivery"),
        (SESSION, "evt_0", "unknown_delivery"),
    ):
        with pytest.raises(RuleBroken) as refused:
            await house.commands.replay(session, delivery)
        assert refused.value.code == code
    receiver.answer = lambda _: 200
    again = await house.commands.replay(SESSION, dead.id)
    assert (again.state, again.attempts) == (TaskState.PENDING, 0)
    await house.settled(TaskState.DONE, 2)
