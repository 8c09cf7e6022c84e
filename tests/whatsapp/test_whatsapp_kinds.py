"""Every type of message goes out once under its own id, and what is done to messages is done once."""

from dataclasses import replace
from typing import Any

import pytest

from actors.errors import SendRefused
from actors.messages import MessageArrived
from actors.model import Ack, OutgoingMessage
from actors.page import PageCall

from .conftest import Phones, Session

pytestmark = pytest.mark.browser
FRIEND = "491700000003"


def of_type(session: Session, kind: str, body: str = "", **content: Any) -> OutgoingMessage:
    return replace(session.message(body), type=kind, content=content)


def send(session: Session, message: OutgoingMessage) -> OutgoingMessage:
    assert session.client.send(message, 30).result(31).ack >= Ack.SERVER
    return message


def record(session: Session, message: OutgoingMessage) -> dict[str, Any]:
    """The message as WhatsApp's server keeps it for the sender."""
    return session.phones.kept(session.number, message.wa_message_id)


def about(message: OutgoingMessage) -> dict[str, Any]:
    return {"chat": message.to, "id": message.wa_message_id, "fromMe": True}


KINDS = {
    "location": {"location": {"latitude": 52.5, "longitude": 13.4, "name": "Berlin", "address": "Mitte"}},
    "contact": {"contact": {"name": "Ada", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nEND:VCARD"}},
    "poll": {"poll": {"question": "Tea?", "options": ["yes", "no"], "selectable": 1}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_goes_out_once_and_is_found_by_its_id(linked: Session, phones: Phones, kind: str):
    message = send(linked, of_type(linked, kind, **KINDS[kind]))
    send(linked, message)
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1
    assert linked.client.find_sent(message, 20).result(21) in (Ack.SERVER, Ack.DEVICE)
    kept = record(linked, message)
    match kind:
        case "location":
            assert (kept["lat"], kept["lng"]) == (52.5, 13.4)
            assert "Berlin" in kept["loc"]
        case "contact":
            assert kept["type"] == "vcard"
            assert "FN:Ada" in kept["body"]
        case "poll":
            assert [one["name"] for one in kept["pollOptions"]] == ["yes", "no"]
            assert (kept["pollName"], kept["pollSelectableOptionsCount"]) == ("Tea?", 1)


def test_a_reply_quotes_and_a_mention_names_a_person(linked: Session):
    first = send(linked, linked.message("which one?"))
    reply = send(
        linked,
        of_type(linked, "text", "that one, @491700000555", replyTo=about(first), mentions=["491700000555"]),
    )
    kept = record(linked, reply)
    assert kept["quotedStanzaID"] == first.wa_message_id
    assert str(kept["mentionedJidList"][0]).startswith("491700000555")


def test_an_incoming_message_can_be_replied_to_reacted_to_and_forwarded(linked: Session, phones: Phones):
    theirs = phones.write(linked.number, "the original")
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == theirs)
    target = {"chat": f"{FRIEND}@c.us", "id": theirs, "fromMe": False}
    reply = send(linked, of_type(linked, "text", "yes", replyTo=target))
    assert record(linked, reply)["quotedStanzaID"] == theirs
    send(linked, of_type(linked, "reaction", "👍", target=target))
    passed_on = send(linked, replace(of_type(linked, "forward", target=target), to="491700000777"))
    kept = record(linked, passed_on)
    assert (kept["body"], kept["isForwarded"]) == ("the original", True)
    entry = phones.ledger(passed_on.wa_message_id)
    assert entry is not None
    assert (entry["to"], entry["count"]) == ("491700000777", 1)


def test_an_edit_changes_the_text_and_a_revoke_takes_it_away(linked: Session):
    message = send(linked, linked.message("teh text"))
    edit = of_type(linked, "edit", "the text", target=about(message))
    send(linked, edit)
    send(linked, edit)
    assert record(linked, message)["body"] == "the text"
    revoke = of_type(linked, "revoke", target=about(message))
    send(linked, revoke)
    send(linked, revoke)
    assert record(linked, message)["type"] == "revoked"


def test_what_nobody_knows_is_refused_for_good(linked: Session):
    unknown = {"chat": FRIEND, "id": "3EB0000000000000000000", "fromMe": True}
    for message in (
        of_type(linked, "edit", "x", target=unknown),
        of_type(linked, "text", "x", replyTo=unknown),
        of_type(linked, "forward", target=unknown),
    ):
        with pytest.raises(SendRefused) as caught:
            linked.client.send(message, 30).result(31)
        assert caught.value.code == "unknown_message"


def test_a_message_of_somebody_else_cannot_be_deleted_for_everyone(linked: Session, phones: Phones):
    theirs = phones.write(linked.number, "mine to keep")
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == theirs)
    target = {"chat": FRIEND, "id": theirs, "fromMe": False}
    with pytest.raises(SendRefused) as caught:
        linked.client.send(of_type(linked, "revoke", target=target), 30).result(31)
    assert caught.value.code == "not_allowed"


def test_a_chat_can_be_seen_and_typed_into_and_presence_shown(linked: Session, phones: Phones):
    sender = "491700000999"
    theirs = phones.write(linked.number, "read me", **{"from": sender})
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == theirs)
    ask = linked.client.ask
    assert ask(PageCall.SEEN, {"chat": sender}, 20).result(21) == {"unread": 1}
    assert ask(PageCall.SEEN, {"chat": sender}, 20).result(21) == {"unread": 0}
    for state in ("composing", "recording", "paused"):
        ask(PageCall.CHAT_STATE, {"chat": sender, "state": state}, 20).result(21)
    ask(PageCall.AVAILABLE, {"available": False}, 20).result(21)
    ask(PageCall.AVAILABLE, {"available": True}, 20).result(21)

    def read() -> bool:
        entry = phones.ledger(theirs)
        return entry is not None and entry["acks"][-1]["ack"] == 3

    phones.until("its sender is told that it was read", read)
    with pytest.raises(SendRefused):
        ask(PageCall.SEEN, {"chat": "491799999999"}, 20).result(21)
