"""What comes in: on disk, once and in order, before anybody is told."""

import pytest

from actors.errors import DeadlinePassed
from actors.messages import (
    UNSET,
    BrowserLost,
    MessageArrived,
    RecordIncoming,
    StateChanged,
)
from actors.model import CaughtUp, IncomingMessage
from actors.page import NoticeArrived, Noticed
from tests.actors.parts import CONNECTED, CREATED, ID, OPENING


def message(number, timestamp=1_767_260_000):
    return IncomingMessage(f"IN{number}", "492@c.us", "492", f"text {number}", "text", timestamp)


def connect(world):
    """The page of a new incarnation."""
    world.answer("open")
    world.page(StateChanged(CONNECTED))


def test_a_message_is_announced_once_it_is_on_disk(ready):
    ready.writer_deaf = True
    ready.page(MessageArrived(message(1)))
    assert ready.names() == []
    ready.writer_deaf = False
    ready.tree.advance(10)
    assert ready.names() == ["message:received"]
    assert ready.events[0].body == "text 1"


def test_a_message_that_comes_twice_is_announced_once(ready):
    ready.page(MessageArrived(message(1)))
    ready.page(MessageArrived(message(1)))
    assert ready.names() == ["message:received"]


def test_what_is_done_to_a_message_is_told_once_it_is_on_disk_and_after_the_message(world):
    world.start()
    connect(world)
    edit = NoticeArrived(Noticed.EDITED, "IN1", "492@c.us", "492", 5, body="better")
    world.page(MessageArrived(message(1)))
    world.page(edit)
    world.writer_deaf = True
    world.answer("recent_incoming", ())
    assert not {"message:received", "message:edited"} & set(world.names())
    world.writer_deaf = False
    world.tree.advance(10)
    assert world.operations(RecordIncoming)[-1].messages == (message(1), edit)
    assert world.names()[-2:] == ["message:received", "message:edited"]
    assert world.events[-1].body == "better"


def test_live_messages_wait_behind_the_history(world):
    world.start()
    connect(world)
    world.page(MessageArrived(message(3)))
    assert world.operations(RecordIncoming) == []
    world.answer("recent_incoming", (message(1), message(2)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2", "IN3"]


def test_what_a_page_tells_before_it_is_connected_waits_for_the_history(world):
    world.start()
    world.answer("open")
    world.page(MessageArrived(message(3)))
    world.page(StateChanged(CONNECTED))
    world.answer("recent_incoming", (message(1), message(2), message(3)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2", "IN3"]


def test_what_comes_in_while_the_page_is_reconnecting_waits_for_the_history(ready):
    ready.page(StateChanged(OPENING))
    ready.page(MessageArrived(message(2)))
    ready.page(StateChanged(CONNECTED))
    ready.answer("recent_incoming", (message(1),))
    assert [event.id for event in ready.events if event.name == "message:received"] == ["IN1", "IN2"]


def test_a_history_that_fails_is_asked_again_and_keeps_the_order(world):
    world.start()
    connect(world)
    world.page(MessageArrived(message(2)))
    world.answer("recent_incoming", error=DeadlinePassed("history"))
    world.tree.advance(5)
    world.answer("recent_incoming", (message(1), message(2)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN1", "IN2"]


def test_messages_are_not_held_up_for_ever_by_a_history_that_never_comes(world):
    world.start()
    connect(world)
    world.page(MessageArrived(message(2)))
    for _ in range(3):
        world.answer("recent_incoming", error=DeadlinePassed("history"))
        world.tree.advance(5)
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN2"]


def test_the_history_is_asked_from_the_last_message_with_an_overlap(world):
    world.caught_up = CaughtUp(1_767_240_000)
    world.start()
    connect(world)
    assert ("recent_incoming", 1_767_240_000 - 600) in world.client.calls


def test_what_was_missed_before_failing_histories_is_asked_for_again_after_a_restart(world):
    world.caught_up = CaughtUp(1_767_240_000)
    world.start()
    connect(world)
    world.page(MessageArrived(message(2)))
    for _ in range(3):
        world.answer("recent_incoming", error=DeadlinePassed("history"))
        world.tree.advance(5)
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN2"]
    world.page(BrowserLost("browser_exited"))
    world.client.futures.clear()
    world.client.calls.clear()
    world.tree.advance(5)
    connect(world)
    assert ("recent_incoming", 1_767_240_000 - 600) in world.client.calls
    world.answer("recent_incoming", (message(1, 1_950_000_000), message(2)))
    assert [event.id for event in world.events if event.name == "message:received"] == ["IN2", "IN1"]
    assert world.caught_up.missed_since is None


def test_a_history_without_anything_new_writes_nothing_unless_something_was_missed(world):
    world.caught_up = CaughtUp(1_767_260_000, missed_since=1_767_240_000)
    world.start()
    connect(world)
    world.answer("recent_incoming", ())
    assert world.operations(RecordIncoming) == [RecordIncoming(ID, (), None)]
    world.tree.advance(301)
    world.answer("recent_incoming", ())
    assert len(world.operations(RecordIncoming)) == 1


@pytest.mark.parametrize(
    ("linked_before", "since", "written"),
    [("490", 1_767_260_000, None), ("491", 1_767_240_000, UNSET)],
    ids=["another phone", "the same phone"],
)
def test_a_phone_that_is_linked_is_asked_for_what_it_missed_and_not_for_what_another_did(
    world, linked_before, since, written
):
    world.caught_up = CaughtUp(1_767_260_000, missed_since=1_767_240_000, phone_number=linked_before)
    world.start()
    connect(world)
    assert ("recent_incoming", since - 600) in world.client.calls
    assert [one.missed_since for one in world.saved() if one.phone_number == "491"] == [written]


def test_what_is_older_than_the_account_is_not_ours(world):
    world.start()
    connect(world)
    assert ("recent_incoming", int(CREATED.timestamp())) in world.client.calls


def test_the_history_is_looked_at_again_now_and_then(ready):
    before = ready.client.names().count("recent_incoming")
    ready.tree.advance(301)
    assert ready.client.names().count("recent_incoming") == before + 1
