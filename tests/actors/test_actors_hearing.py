"""Which chats are heard, and what follows from a notice."""

import pytest

from actors import session_view
from actors.events import IncomingCall, MessageEdited, MessageReaction, MessageRevoked, PollVote
from actors.hearing import Hearing
from actors.messages import RecordIncoming
from actors.model import CaughtUp, IncomingMessage
from actors.page import NoticeArrived, Noticed
from actors.session_journal import SessionJournal

PERSON, GROUP, STATUS = "491700000001@c.us", "120363000000000000@g.us", "status@broadcast"


@pytest.mark.parametrize(
    ("hearing", "heard"),
    [
        (Hearing(), {PERSON, GROUP}),
        (Hearing(ignore_groups=True), {PERSON}),
        (Hearing(ignore_status=False), {PERSON, GROUP, STATUS}),
        (Hearing(ignore_groups=True, ignore_status=False), {PERSON, STATUS}),
    ],
)
def test_persons_are_always_heard_the_rest_by_setting(hearing, heard):
    assert {chat for chat in (PERSON, GROUP, STATUS) if hearing.counts(chat)} == heard


@pytest.mark.parametrize(
    ("what", "event"),
    [
        (Noticed.EDITED, MessageEdited("s", "A", PERSON, "49", "b", from_me=False, timestamp=5)),
        (Noticed.REVOKED, MessageRevoked("s", "A", PERSON, "49", from_me=False, timestamp=5)),
        (Noticed.REACTION, MessageReaction("s", "A", PERSON, "49", "b", 5)),
        (Noticed.VOTE, PollVote("s", "A", PERSON, "49", ["x"], 5)),
        (Noticed.CALL, IncomingCall("s", "A", "49", is_video=True, is_group=False, timestamp=5)),
    ],
)
def test_each_notice_has_its_event(what, event):
    notice = NoticeArrived(what, "A", PERSON, "49", 5, body="b", options=("x",), is_video=True)
    assert session_view.noticed("s", notice) == event


def test_what_is_not_heard_is_never_journaled_whichever_way_it_comes():
    told = []
    journal = SessionJournal(
        "s",
        path="p",
        incarnation=1,
        tell=lambda write: bool(told.append(write.operation)) or True,
        announce=lambda _: None,
        now=lambda: 0.0,
        floor=0,
        caught_up=CaughtUp(0, None),
        hearing=Hearing(ignore_groups=True),
    )
    for chat in (GROUP, STATUS, PERSON):
        journal.arrived(IncomingMessage(f"live in {chat}", chat, "49", "b", "chat", 5))
        journal.arrived(NoticeArrived(Noticed.REACTION, f"act in {chat}", chat, "49", 5))
    missed = [
        IncomingMessage(f"missed in {chat}", chat, "49", "b", "chat", 5) for chat in (GROUP, STATUS, PERSON)
    ]
    journal.fetch(0)
    journal.history(missed)
    (recorded,) = [one for one in told if isinstance(one, RecordIncoming)]
    assert {one.chat_id for one in recorded.messages} == {PERSON}
    assert len(recorded.messages) == 3


def test_a_message_of_which_nothing_is_left_is_told_as_deleted():
    trace = IncomingMessage("A", PERSON, "49", "", "revoked", 5)
    assert session_view.arrived("s", trace) == MessageRevoked(
        "s", "A", PERSON, "49", from_me=False, timestamp=5
    )
