"""What the page's store shows of a time when nobody listened, and what it can read only later."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from actors.messages import MessageArrived
from actors.model import IncomingMessage
from actors.page import NoticeArrived, Noticed
from wahook.simulator import SimulatorThread
from wahook.whatsapp.calls import PageCallFailed

from .conftest import Phones, Session

pytestmark = pytest.mark.browser
Make = Callable[..., Session]
FRIEND = "491700000003"


def script(session: Session, code: str) -> Any:
    """Run a script in the page."""
    life = session.client._live()
    return session.client._loop.submit(life.evaluate(code, 20)).result(21)


def recent(session: Session, since: int = 0) -> list[Any]:
    return list(session.client.recent_incoming(since, 30).result(31))


def test_a_message_that_came_and_was_deleted_while_nobody_listened_leaves_a_trace(
    session: Session, phones: Phones
):
    session.link()
    session.client.close().result(40)
    gone = phones.write(session.number, "gone")
    kept = phones.write(session.number, "kept")
    phones.post(session.number, "revoke", **{"from": FRIEND, "message": gone})
    session.open().connected()
    second, first, *changes = recent(session)
    assert (first.wa_message_id, first.body, first.type) == (kept, "kept", "chat")
    assert isinstance(second, IncomingMessage)
    assert (second.wa_message_id, second.sender, second.type) == (gone, FRIEND, "revoked")
    assert (second.body, second.has_media) == ("", False)
    assert [(one.what, one.wa_id) for one in changes] == [(Noticed.REVOKED, gone)]


def test_what_was_told_in_time_and_then_deleted_leaves_no_trace_beside_its_deletion(
    session: Session, phones: Phones
):
    session.link()
    told = phones.write(session.number, "told")
    session.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == told)
    phones.post(session.number, "revoke", **{"from": FRIEND, "message": told})
    session.ear.wait(NoticeArrived, lambda event: event.wa_id == told)
    assert [type(one) for one in recent(session)] == [NoticeArrived]


def encrypted(session: Session, wa_id: str, *, new: bool) -> dict[str, Any]:
    """The page has a message that it cannot decrypt."""
    friend = f"{FRIEND}@c.us"
    raw = {"id": wa_id, "chat": friend, "from": friend, "to": f"{session.number}@c.us", "fromMe": False}
    raw |= {"t": int(time.time()), "ack": 0, "type": "ciphertext"}
    script(session, f"WASim.use('SimMessages').place({json.dumps(raw)}, {{ isNew: {json.dumps(new)} }}), 0")
    return raw


def decrypt(session: Session, wa_id: str) -> None:
    find = f"WASim.use('WAWebMsgCollection').MsgCollection.findFirst((msg) => msg.id.id === '{wa_id}')"
    script(session, f"{find}.set({{ body: 'at last' }}), {find}.set({{ type: 'chat' }}), 0")


@pytest.mark.parametrize("new", [True, False], ids=["it came live", "the history shows it"])
def test_a_message_that_can_be_decrypted_only_later_is_told_then(linked: Session, new: bool):
    raw = encrypted(linked, f"3EB0LATER{new}".upper(), new=new)
    if not new:
        assert raw["id"] not in [
            one.wa_message_id for one in recent(linked) if isinstance(one, IncomingMessage)
        ]
    decrypt(linked, raw["id"])
    told = linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == raw["id"]).message
    assert (told.body, told.type, told.timestamp) == ("at last", "chat", raw["t"])


def test_an_old_message_that_is_decrypted_is_no_news(linked: Session, phones: Phones):
    old = encrypted(linked, "3EB0OLD", new=False)["id"]
    decrypt(linked, old)
    marker = phones.write(linked.number, "news")
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == marker)
    assert old not in [event.message.wa_message_id for event in linked.ear.all(MessageArrived)]


def test_a_chat_that_cannot_be_read_keeps_no_other_from_being_read(session: Session, phones: Phones):
    session.link()
    session.client.close().result(40)
    away = [phones.write(session.number, f"away {n}") for n in range(60)]
    other = phones.write(session.number, "from another", **{"from": "491700000004"})
    session.open().connected()
    script(
        session,
        "const find = WASim.use('WAWebDBMessageFindLocal'), read = find.msgFindByDirection;"
        "find.msgFindByDirection = async (query) => {"
        "  if (String(query.anchor.remote).startsWith('491700000004')) throw new Error('unreadable');"
        "  return read(query);"
        "}; 0",
    )
    with pytest.raises(PageCallFailed, match="unreadable"):  # it may have been an accident
        recent(session)
    assert {one.wa_message_id for one in recent(session)} == {*away, other}


def test_of_a_busy_chat_everything_is_found(session: Session, simulator: SimulatorThread):
    session.link()
    ids, now = [f"3EB0BUSY{n:04}" for n in range(1200)], int(time.time())

    async def write() -> None:
        for wa_id in ids:
            message = {"id": wa_id, "t": now, "type": "chat", "body": wa_id}
            simulator._simulator.network.send(FRIEND, f"{session.number}@c.us", message)

    asyncio.run_coroutine_threadsafe(write(), simulator._loop).result(30)
    session.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == ids[-1])
    session.client.close().result(40)
    session.open().connected()
    assert [one.wa_message_id for one in recent(session)] == ids
