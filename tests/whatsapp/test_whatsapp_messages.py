"""Messages both ways, checked on the simulator's ledger."""

import itertools
import threading
from collections.abc import Callable

import pytest

from actors.errors import DeadlinePassed, SendRefused
from actors.messages import AckArrived, MessageArrived, StateChanged
from actors.model import Ack

from .conftest import Phones, Session

pytestmark = pytest.mark.browser
Make = Callable[..., Session]


def test_a_text_goes_out_once_with_our_id_and_its_levels_come_back(linked: Session, phones: Phones):
    message = linked.message("first\nsecond 🙂 \u2028 </script>")
    receipt = linked.client.send(message, 30).result(31)
    assert receipt.wa_message_id == message.wa_message_id
    assert receipt.ack >= Ack.SERVER
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert (entry["count"], entry["body"], entry["to"]) == (1, message.body, message.to)
    for level in (Ack.SERVER, Ack.DEVICE):
        heard = AckArrived(message.wa_message_id, level)
        linked.ear.wait(AckArrived, lambda event, heard=heard: event == heard)
    phones.post(message.to, "read", **{"from": linked.number})
    linked.ear.wait(AckArrived, lambda event: event == AckArrived(message.wa_message_id, Ack.READ))


def test_many_texts_at_once_all_arrive_once_in_order(linked: Session, phones: Phones):
    messages = [linked.message(f"text {n}") for n in range(50)]
    for future in [linked.client.send(message, 20) for message in messages]:
        future.result(21)
    entries = [phones.ledger(message.wa_message_id) for message in messages]
    assert [entry and entry["count"] for entry in entries] == [1] * 50


def test_the_same_message_given_twice_is_on_the_wire_once(linked: Session, phones: Phones):
    message = linked.message()
    together = [linked.client.send(message, 10) for _ in range(3)]
    assert {future.result(11).wa_message_id for future in together} == {message.wa_message_id}
    assert linked.client.send(message, 30).result(31).ack >= Ack.SERVER
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1


def test_a_number_that_is_not_on_whatsapp_is_refused_for_good(linked: Session, phones: Phones):
    message = linked.message(to="99912345678")
    with pytest.raises(SendRefused) as caught:
        linked.client.send(message, 30).result(31)
    assert caught.value.code == "not_on_whatsapp"
    assert phones.ledger(message.wa_message_id) is None


@pytest.mark.parametrize("reject", [False, True])
def test_a_send_that_whatsapp_does_not_take_fails_and_may_be_tried_again(linked: Session, reject: bool):
    message = linked.message()
    linked.refused_and_sent(message, reject=reject)


def test_a_send_without_an_answer_ends_at_its_deadline_and_the_message_is_found_as_pending(
    session: Session, phones: Phones
):
    session.link()
    message = session.message()
    phones.post(session.number, "faults", kind="lost_ack")
    with pytest.raises(DeadlinePassed):
        session.client.send(message, 2).result(20)
    assert session.client.find_sent(message, 20).result(21) is Ack.PENDING
    session.client.close().result(40)
    ear = session.open()
    ear.connected()
    assert session.client.find_sent(message, 20).result(21) in (Ack.PENDING, Ack.SERVER, Ack.DEVICE)
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1


def test_a_slow_answer_is_waited_for_by_the_next_try_instead_of_sent_again(linked: Session, phones: Phones):
    message = linked.message()
    phones.post(linked.number, "faults", kind="slow_ack", seconds=1.5)
    with pytest.raises(DeadlinePassed):
        linked.client.send(message, 0.5).result(20)
    assert linked.client.send(message, 30).result(31).ack >= Ack.SERVER
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1


def test_what_was_sent_is_found_before_and_after_a_restart_and_nothing_else_is(session: Session):
    session.link()
    message = session.message()
    assert session.client.find_sent(message, 20).result(21) is None
    session.client.send(message, 30).result(31)
    found = session.client.find_sent(message, 20).result(21)
    assert found is not None
    assert found >= Ack.SERVER
    session.client.close().result(40)
    session.open().connected()
    again = session.client.find_sent(message, 20).result(21)
    assert again is not None
    assert again >= Ack.SERVER
    assert session.client.find_sent(session.message(), 20).result(21) is None


def test_what_was_sent_long_ago_is_found_in_the_chats_history(session: Session):
    session.link()
    old = session.message("old")
    session.client.send(old, 30).result(31)
    for future in [session.client.send(session.message(f"n {n}"), 20) for n in range(40)]:
        future.result(21)
    session.client.close().result(40)
    session.open().connected()
    found = session.client.find_sent(old, 20).result(21)
    assert found is not None
    assert found >= Ack.SERVER


def test_an_incoming_message_is_told_once_with_what_it_says(linked: Session, phones: Phones):
    message_id = phones.write(linked.number, "good morning")
    arrived = linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == message_id).message
    assert (arrived.sender, arrived.body, arrived.type) == ("491700000003", "good morning", "chat")
    assert (arrived.from_me, arrived.is_group, arrived.has_media) == (False, False, False)
    assert arrived.sender_name == "Phone 0003"


def test_a_sender_known_by_lid_only_is_told_by_its_number_and_can_be_answered(
    linked: Session, phones: Phones
):
    sender = "491700000777"
    message_id = phones.write(linked.number, "from afar", **{"from": sender, "lid": True})
    arrived = linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == message_id).message
    assert arrived.sender == sender
    assert arrived.chat_id.endswith("@lid")
    answer = linked.message(to=sender)
    assert linked.client.send(answer, 30).result(31).ack >= Ack.SERVER
    assert linked.client.find_sent(answer, 20).result(21) is not None


def test_media_is_told_with_its_caption_and_never_with_its_thumbnail(linked: Session, phones: Phones):
    media = {"data": "aGk=", "mimetype": "text/plain", "filename": "a.txt"}
    message_id = phones.post(linked.number, "messages", **{"from": "491700000003"}, media=media)["id"]
    arrived = linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == message_id).message
    assert arrived.has_media
    assert arrived.type == "document"
    assert "aGk" not in arrived.body


def test_our_own_messages_are_not_told_as_incoming(linked: Session, phones: Phones):
    mine = linked.message("mine")
    linked.client.send(mine, 30).result(31)
    marker = phones.write(linked.number, "theirs")
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == marker)
    told = {event.message.wa_message_id for event in linked.ear.all(MessageArrived)}
    assert mine.wa_message_id not in told


def test_what_arrived_while_the_browser_was_away_is_told_or_found_and_never_lost(
    session: Session, phones: Phones
):
    session.link()
    before = phones.write(session.number, "before")
    arrived = session.ear.wait(MessageArrived)
    session.client.close().result(40)
    away = [phones.write(session.number, f"away {n}") for n in range(60)]
    ear = session.open()
    ear.connected()
    recent = session.client.recent_incoming(arrived.message.timestamp, 30).result(31)
    told = {event.message.wa_message_id for event in ear.all(MessageArrived)}
    assert {message.wa_message_id for message in recent} | told == {before, *away}
    assert len(recent) > 50, "the chat is read further back than the page had it"
    assert [m.timestamp for m in recent] == sorted(m.timestamp for m in recent)
    future = arrived.message.timestamp + 10_000
    assert session.client.recent_incoming(future, 30).result(31) == ()


def test_a_number_is_looked_up(linked: Session):
    status = linked.client.number_status("491700000555", 30).result(31)
    assert (status.exists, status.id) == (True, "491700000555@c.us")
    assert not linked.client.number_status("99900000000", 30).result(31).exists


def test_calls_from_many_threads_all_get_their_own_answer(linked: Session):
    answers: list[str | None] = []

    def look(number: str) -> None:
        answers.append(linked.client.number_status(number, 20).result(21).id)

    asked = [f"4917000008{n:02}" for n in range(16)]
    threads = [threading.Thread(target=look, args=(number,)) for number in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(filter(None, answers)) == [f"{number}@c.us" for number in asked]


def test_the_screen_can_be_seen_presence_sent_and_activity_simulated(linked: Session):
    assert linked.client.screenshot(30).result(31).startswith(b"\x89PNG")
    linked.client.send_presence(30).result(31)
    linked.client.simulate_activity(30).result(31)


def test_states_are_told_only_when_they_change(linked: Session):
    states = [event.state for event in linked.ear.all(StateChanged)]
    assert all(one != other for one, other in itertools.pairwise(states))
