"""Which chats are heard, and what follows from a notice."""

import pytest

from actors import session_view
from actors.events import IncomingCall, MessageEdited, MessageReaction, MessageRevoked, PollVote
from actors.hearing import Hearing
from actors.page import NoticeArrived, Noticed

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
