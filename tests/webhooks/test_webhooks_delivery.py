"""From a commit to a receiver: in order, again until it arrives, and nobody waits for the dead."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web
from yarl import URL

from actors import tree
from actors.durable import Prune, TaskState
from actors.errors import RuleBroken
from actors.events import Disconnected, Qr, Ready, StatusChanged
from actors.messages import (
    AcceptMessage,
    BeginAttempt,
    DeleteAccount,
    EndAttempt,
    RecordAck,
    RecordIncoming,
    RetryMessage,
)
from actors.model import Ack, MessageStatus, OutgoingMessage, Webhook
from actors.page import NoticeArrived, Noticed
from tests.ports import free_port

from .house import OTHER, SESSION, incoming, until


def outgoing(name: str = "a") -> OutgoingMessage:
    return OutgoingMessage(f"msg_{name}", SESSION, "4917009", "hello", f"3EB0{name}", content_hash=name)


async def test_an_incoming_message_reaches_its_receiver_as_the_documented_envelope(house, receiver):
    await house.account(receiver.url)
    (message,) = await house.arrive()
    (call,) = await receiver.got(1)
    delivery = (await house.settled(TaskState.DONE, 1))[0]
    assert call.body == {
        "id": delivery.id,
        "event": "message:received",
        "sessionId": SESSION,
        "timestamp": call.body["timestamp"],
        "payload": call.body["payload"],
    }
    assert call.body["payload"]["body"] == f"text of {message}"
    assert call.body["payload"]["from"] == "4917001"
    assert abs(call.body["timestamp"] / 1000 - house.clock().timestamp()) < 20
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["X-Webhook-Id"] == call.headers["X-Webhook-Request-Id"] == delivery.id
    assert (call.headers["X-Webhook-Event"], call.headers["X-Webhook-Attempt"]) == ("message:received", "1")
    assert (delivery.attempts, delivery.last_status, delivery.last_error) == (1, 200, None)


async def test_a_message_that_was_journaled_before_is_not_told_again(house, receiver):
    await house.account(receiver.url)
    again = incoming("same"), incoming("same")
    await house.write(RecordIncoming(SESSION, again))
    await house.write(RecordIncoming(SESSION, again))
    await house.arrive()
    await house.settled(TaskState.DONE, 2)
    assert receiver.messages() == ["same", "in1"]


async def test_the_life_of_an_outgoing_message_is_told_once_per_step(house, receiver):
    await house.account(receiver.url)
    await house.write(AcceptMessage(outgoing(), None))
    await house.write(BeginAttempt("msg_a"))
    sent = EndAttempt("msg_a", MessageStatus.SENT, Ack.SERVER)
    for operation in (
        sent,
        sent,  # told twice: the answer was lost
        RecordAck(SESSION, "3EB0a", Ack.SERVER),
        RecordAck(SESSION, "3EB0a", Ack.DEVICE),
        RecordAck(SESSION, "3EB0a", Ack.DEVICE),
        RecordAck(SESSION, "3EB0a", Ack.READ),
    ):
        await house.write(operation)
    await house.settled(TaskState.DONE, 3)
    told = [(call.body["event"], call.body["payload"].get("status")) for call in receiver.calls]
    assert told == [("message:sent", None), ("message:ack", "delivered"), ("message:ack", "read")]
    assert {call.body["payload"]["messageId"] for call in receiver.calls} == {"msg_a"}


async def test_an_ack_that_is_faster_than_the_attempt_s_end_tells_that_it_was_sent(house, receiver):
    await house.account(receiver.url)
    await house.write(AcceptMessage(outgoing(), None))
    await house.write(BeginAttempt("msg_a"))
    await house.write(RecordAck(SESSION, "3EB0a", Ack.DEVICE))
    await house.write(EndAttempt("msg_a", MessageStatus.SENT, Ack.SERVER))
    await house.settled(TaskState.DONE, 2)
    assert [call.body["event"] for call in receiver.calls] == ["message:sent", "message:ack"]


async def test_each_time_that_a_message_is_given_up_is_told(house, receiver):
    await house.account(Webhook(receiver.url, ("message:failed",)))
    await house.write(AcceptMessage(outgoing(), None))
    for _ in range(2):
        await house.write(BeginAttempt("msg_a"))
        await house.write(EndAttempt("msg_a", MessageStatus.QUEUED, error="not yet"))
        await house.write(BeginAttempt("msg_a"))
        await house.write(EndAttempt("msg_a", MessageStatus.FAILED, error="no such number"))
        await house.write(RetryMessage("msg_a"))
    await house.settled(TaskState.DONE, 2)
    assert [call.body["payload"]["error"] for call in receiver.calls] == ["no such number"] * 2


async def test_session_events_come_in_order_and_each_receiver_hears_what_it_asked_for(house, receiver, other):
    await house.account(receiver.url, Webhook(other.url, ("disconnected", "qr")))
    told = [
        Qr(SESSION, "2@code", 1),
        StatusChanged(SESSION, "ready"),
        Ready(SESSION, "4917001", "Shop"),
        Disconnected(SESSION, "browser_lost", permanent=False),
    ]
    for event in told:
        house.announcer(event)
    await receiver.got(3)
    await other.got(2)
    assert [call.body["event"] for call in receiver.calls] == ["session:status", "ready", "disconnected"]
    assert [call.body["event"] for call in other.calls] == ["qr", "disconnected"]
    assert other.calls[0].body["payload"]["qr"].startswith("data:image/png;base64,")
    assert receiver.calls[1].body["payload"] == {
        "sessionId": SESSION,
        "phoneNumber": "4917001",
        "profileName": "Shop",
    }


def noticed(what: Noticed, wa_id: str, **more) -> NoticeArrived:
    values = {"chat_id": "990001@lid", "sender": "4917001", "timestamp": 1, "peer": "4917001"}
    return NoticeArrived(what, wa_id, **(values | more))


async def test_what_is_done_to_a_message_comes_after_it_also_where_its_chat_has_another_address(
    house, receiver
):
    failures = [500, 500]
    receiver.answer = lambda _: failures.pop() if failures else 200
    await house.account(Webhook(receiver.url, ("message:*",)))
    (message,) = await house.arrive(1, "4917001")
    await house.write(RecordIncoming(SESSION, (noticed(Noticed.EDITED, message, body="better"),)))
    await house.settled(TaskState.DONE, 2)
    assert [call.body["event"] for call in receiver.calls] == ["message:received"] * 3 + ["message:edited"]
    assert receiver.calls[-1].body["payload"]["body"] == "better"


async def test_edits_deletions_reactions_votes_and_calls_are_in_the_commit_and_told_once(house, receiver):
    await house.account(receiver.url)
    (message,) = await house.arrive()
    acts = tuple(noticed(what, message, body="x", mark="1") for what in Noticed)
    again = noticed(Noticed.REACTION, message, body="x", mark="2")
    for arrivals in (acts, acts, (again,)):  # told twice: the answer was lost
        await house.write(RecordIncoming(SESSION, arrivals))
    last = await house.arrive()
    await house.settled(TaskState.DONE, 8)
    names = ["edited", "revoked", "reaction"]
    assert [call.body["event"] for call in receiver.calls] == [
        "message:received",
        *(f"message:{name}" for name in names),
        "poll:vote",
        "call",
        "message:reaction",
        "message:received",
    ]
    assert receiver.messages() == [message, *last]
    assert len({call.headers["X-Webhook-Id"] for call in receiver.calls}) == 8


async def test_a_global_receiver_hears_every_session_and_one_url_hears_once(open_house, receiver):
    house = open_house(webhooks=receiver.url)
    await house.account(receiver.url)
    await house.account(session=OTHER)
    await house.arrive()
    await house.arrive(session=OTHER)
    await house.settled(TaskState.DONE, 1)
    await house.settled(TaskState.DONE, 1, OTHER)
    assert sorted(call.body["sessionId"] for call in receiver.calls) == [SESSION, OTHER]


async def test_a_change_of_the_receivers_holds_from_the_next_event_on(house, receiver, other):
    await house.account(receiver.url)
    await house.arrive()
    await house.settled(TaskState.DONE, 1)
    await house.account(other.url)
    await house.arrive()
    await house.settled(TaskState.DONE, 2)
    assert (receiver.messages(), other.messages()) == (["in1"], ["in2"])


async def test_within_a_chat_order_holds_over_failures_and_other_chats_go_on(house, receiver):
    failures = {"in1": 2, "in3": 1}

    def answer(call):
        left = failures.get(call.message, 0)
        failures[call.message] = left - 1
        return 500 if left > 0 else 200

    receiver.answer = answer
    await house.account(receiver.url)
    await house.arrive(4, "4917001")
    await house.arrive(4, "4917002")
    await house.settled(TaskState.DONE, 8)
    arrived = receiver.messages()
    slow = [one for one in arrived if one in {"in1", "in2", "in3", "in4"}]
    assert slow == ["in1", "in1", "in1", "in2", "in3", "in3", "in4"]
    assert [one for one in arrived if one not in slow] == ["in5", "in6", "in7", "in8"]
    assert len({call.headers["X-Webhook-Id"] for call in receiver.calls}) == 8
    attempts = [call.headers["X-Webhook-Attempt"] for call in receiver.calls if call.message == "in1"]
    assert attempts == ["1", "2", "3"]


async def test_what_a_receiver_can_never_digest_makes_no_other_chat_wait(house, receiver):
    receiver.answer = lambda call: 500 if call.message == "in1" else 200
    await house.account(receiver.url)
    await house.arrive(1, "4917001")
    await receiver.got(9)  # more failures in a row than open a circuit
    assert house.webhooks._sender.view().open_circuits == 0
    await house.arrive(2, "4917002")
    await house.settled(TaskState.DONE, 2)
    assert house.webhooks._sender.view().open_circuits == 0


async def test_at_most_so_many_are_in_flight_at_one_receiver(open_house, receiver):
    house = open_house(webhook_in_flight=3)
    receiver.open.clear()
    await house.account(receiver.url)
    for number in range(9):
        await house.arrive(1, f"491700{number}")
    await receiver.got(3)
    await until("in flight", lambda: house.webhooks._sender.view().in_flight == 3)
    receiver.open.set()
    await house.settled(TaskState.DONE, 9)
    assert receiver.at_once == 3


async def test_a_receiver_that_hangs_is_cut_off_and_tried_again(open_house, receiver):
    house = open_house(webhook_deadline=0.2)
    receiver.open.clear()
    await house.account(receiver.url)
    await house.arrive()
    await receiver.got(2)
    receiver.open.set()
    (delivery,) = await house.settled(TaskState.DONE, 1)
    assert delivery.attempts >= 2
    assert {call.headers["X-Webhook-Id"] for call in receiver.calls} == {delivery.id}


async def test_a_dead_receiver_delays_nobody_and_gets_everything_in_order_when_it_is_back(house, receiver):
    dead = f"http://127.0.0.1:{free_port()}/hook"
    await house.account(dead, receiver.url)
    await house.arrive(30)
    await receiver.got(30)
    assert receiver.messages() == [f"in{n}" for n in range(1, 31)]
    await until("circuit", lambda: house.webhooks._sender.view().open_circuits == 1)
    waiting = [one for one in house.deliveries(TaskState.PENDING) if one.receiver == dead]
    assert len(waiting) == 30
    tried = [one for one in waiting if one.attempts]
    assert [one.last_error for one in tried] == ["connection refused"]

    receiver.port, moved = URL(dead).port, receiver.calls
    receiver.calls = []
    await receiver.stop()
    await receiver.start()
    await house.settled(TaskState.DONE, 60)
    assert receiver.messages() == [one.message for one in moved]
    await until("circuit", lambda: house.webhooks._sender.view().open_circuits == 0)


async def test_a_receiver_that_asks_for_rest_gets_it(house, receiver):
    answers = [web.Response(status=429, headers={"Retry-After": "1"})]
    receiver.answer = lambda _: answers.pop() if answers else 200
    await house.account(receiver.url)
    await house.arrive(1, "4917001")
    await house.arrive(3, "4917002")
    await house.settled(TaskState.DONE, 4)
    refused, again = [call for call in receiver.calls if call.message == "in1"]
    assert again.at - refused.at >= 0.15  # the rest is capped by the longest wait of this house: 0.2 s


async def test_a_deleted_session_is_told_of_no_more(house, receiver):
    receiver.answer = lambda _: 500
    await house.account(receiver.url)
    await house.arrive(2)
    await receiver.got(1)
    await house.write(DeleteAccount(SESSION))
    house.announcer(StatusChanged(SESSION, "stopped"))
    await until("forgotten", lambda: house.webhooks._sender.view().waiting == 0)
    assert house.journal.queues.receivers() == []


async def test_what_was_pending_when_the_service_stopped_goes_after_its_next_start(open_house, receiver):
    receiver.answer = lambda _: 500
    first = open_house()
    await first.account(receiver.url)
    await first.arrive(5)
    await receiver.got(1)
    await asyncio.to_thread(first.stop)
    receiver.answer = lambda _: 200
    receiver.calls.clear()
    second = open_house()
    await second.settled(TaskState.DONE, 5)
    assert receiver.messages() == [f"in{n}" for n in range(1, 6)]
    first.stop = lambda: None


async def test_more_than_memory_holds_is_delivered_in_order_too(house, receiver):
    receiver.open.clear()
    await house.account(receiver.url)
    await house.write(RecordIncoming(SESSION, tuple(incoming(f"m{n}") for n in range(500))))
    await receiver.got(1)
    assert house.webhooks._sender.view().waiting <= 400
    receiver.open.set()
    await house.settled(TaskState.DONE, 500)
    assert receiver.messages() == [f"m{n}" for n in range(500)]


async def test_a_sender_that_crashed_is_started_anew_and_goes_on_from_the_disk(house, receiver):
    receiver.answer = lambda _: 500
    await house.account(receiver.url)
    await house.arrive(3)
    await receiver.got(1)
    life = house.webhooks._sender._life
    life.tell(lambda dispatcher: dispatcher.__setattr__("_lines", None))  # its loop fails on the next turn
    life.tell(lambda dispatcher: dispatcher._changed.set())
    receiver.answer = lambda _: 200
    await house.settled(TaskState.DONE, 3)
    assert house.system.handle(tree.WEBHOOKS).incarnation == 2


async def test_a_receiver_s_answer_is_not_waited_for_beyond_its_head(house, receiver):
    def endless(_):
        return web.Response(status=200, body=b"x" * 5_000_000)

    receiver.answer = endless
    await house.account(receiver.url)
    await house.arrive(3)
    await house.settled(TaskState.DONE, 3)
    assert len(receiver.calls) == 3


async def test_a_try_says_what_each_receiver_answered_and_leaves_nothing_behind(house, receiver, other):
    receiver.answer = lambda _: 503
    dead = f"http://127.0.0.1:{free_port()}/hook"
    await house.account(receiver.url, other.url, dead)
    found = await house.commands.test(SESSION, None)
    assert [(one.delivered, one.status, one.error) for one in found] == [
        (False, 503, "answered 503"),
        (True, 200, None),
        (False, None, "connection refused"),
    ]
    (one,) = await house.commands.test(SESSION, other.url)
    assert one.url == other.url
    assert [call.body["event"] for call in other.calls] == ["webhook:test"] * 2
    assert house.journal.queues.deliveries(SESSION, None) == []
    with pytest.raises(RuleBroken, match="no such webhook"):
        await house.commands.test(SESSION, "http://elsewhere.test/")


async def test_what_comes_after_a_deleted_session_is_delivered_though_the_database_counts_anew(
    open_house, receiver
):
    house = open_house(webhooks=receiver.url)
    await house.account()
    await house.account(session=OTHER)
    await house.arrive(1)
    await house.arrive(3, session=OTHER)
    await house.settled(TaskState.DONE, 1)
    await house.settled(TaskState.DONE, 3, OTHER)
    await house.write(DeleteAccount(OTHER))
    (late,) = await house.arrive(1)
    await house.settled(TaskState.DONE, 2)
    assert receiver.messages()[-1] == late


async def test_what_comes_after_the_old_rows_were_removed_is_delivered_too(house, receiver):
    await house.account(receiver.url)
    await house.arrive(3)
    await house.settled(TaskState.DONE, 3)
    assert await house.write(Prune(house.clock() + timedelta(days=1))) == 3
    (late,) = await house.arrive(1)
    await house.settled(TaskState.DONE, 1)
    assert receiver.messages()[-1] == late
