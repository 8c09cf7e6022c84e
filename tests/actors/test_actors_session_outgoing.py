"""What a session is asked to do: sends, and questions to the page."""

from datetime import UTC, datetime

import pytest

from actors.errors import DeadlinePassed, SendFailed, SendRefused, SessionNotReady
from actors.messages import (
    AckArrived,
    BrowserLost,
    CheckNumber,
    Logout,
    QrShown,
    RequestPairingCode,
    SendMessage,
    StateChanged,
    TakeScreenshot,
)
from actors.model import Ack, NumberStatus, OutgoingMessage, SendReceipt, SessionStatus
from supervision import ActorDown
from tests.actors.parts import ID, OPENING

WA = "3EB0AAAAAAAAAAAAAAAAAA"


def send(deadline=30.0, *, may_be_on_wire=False):
    row = OutgoingMessage("msg_1", ID, "492", "hi", WA)
    return SendMessage(row, deadline, may_be_on_wire)


def ask(world, request):
    answer = world.tree.handle("session").ask_async(request, 30)
    world.tree.settle()
    return answer


def test_a_send_is_answered_by_the_page(ready):
    answer = ask(ready, send())
    ready.answer("send", SendReceipt(WA, Ack.SERVER))
    assert answer.result(0) == SendReceipt(WA, Ack.SERVER)


def test_a_send_is_answered_by_its_ack_when_the_page_forgets_to(ready):
    answer = ask(ready, send())
    ready.page(AckArrived(WA, Ack.DEVICE))
    assert answer.result(0) == SendReceipt(WA, Ack.DEVICE)


def test_a_refusal_and_a_failure_reach_the_asker(ready):
    for error in (SendRefused("not_on_whatsapp", "no"), SendFailed("no")):
        answer = ask(ready, send())
        ready.answer("send", error=error)
        with pytest.raises(type(error)):
            answer.result(0)
    assert ready.tree.state("session") == "running"


def test_nothing_is_sent_while_the_session_is_not_ready(ready):
    ready.page(StateChanged(OPENING))
    with pytest.raises(SessionNotReady):
        ask(ready, send()).result(0)
    assert "send" not in ready.client.names()


def test_what_may_be_on_the_wire_is_looked_for_first(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    assert ready.client.names()[-1] == "find_sent"
    ready.answer("find_sent", Ack.READ)
    assert answer.result(0).ack is Ack.READ
    assert "send" not in ready.client.names()


@pytest.mark.parametrize("known", [None, Ack.ERROR])
def test_what_is_not_on_the_wire_is_sent(ready, known):
    ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", known)
    assert ready.client.names()[-1] == "send"


def test_of_what_the_page_still_has_to_send_it_is_asked_to_tell(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", Ack.PENDING)
    assert ready.client.names()[-1] == "send"  # which the page does not do twice
    ready.page(AckArrived(WA, Ack.SERVER))
    assert answer.result(0).ack is Ack.SERVER


def test_a_message_whose_ack_never_comes_gets_another_page_after_its_second_attempt(ready):
    ask(ready, send())
    ready.answer("send", error=DeadlinePassed("no ack"))
    assert ready.status is SessionStatus.READY
    again = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", Ack.PENDING)
    ready.answer("send", error=DeadlinePassed("no ack"))
    assert isinstance(again.exception(0), DeadlinePassed)
    assert ready.tree.state("session") == "backoff"
    assert ready.view.last_error == "unacknowledged"


def test_two_messages_that_are_late_once_are_no_reason_for_another_page(ready):
    for number in "AB":
        row = OutgoingMessage(f"msg_{number}", ID, "492", "hi", WA[:-1] + number)
        ask(ready, SendMessage(row, 30.0, may_be_on_wire=False))
        ready.answer("send", error=DeadlinePassed("no ack"))
    assert ready.status is SessionStatus.READY


def test_unable_to_tell_it_is_not_sent(ready):
    answer = ask(ready, send(may_be_on_wire=True))
    ready.answer("find_sent", error=DeadlinePassed("page"))
    with pytest.raises(SendFailed):
        answer.result(0)
    assert "send" not in ready.client.names()


def test_a_send_ends_with_the_incarnation(ready):
    answer = ask(ready, send())
    ready.page(BrowserLost("browser_exited"))
    with pytest.raises(ActorDown):
        answer.result(0)


def test_an_ack_of_ours_is_announced_after_the_journal_has_it(ready):
    ready.ours.add(WA)
    ready.page(AckArrived(WA, Ack.READ))
    (event,) = ready.events
    assert (event.name, event.message_id, event.ack, event.status) == ("message:ack", "msg_1", 3, "read")
    ready.page(AckArrived("OTHER", Ack.READ))
    assert len(ready.events) == 1


# -- questions ---------------------------------------------------------------------------------------------


def test_questions_are_passed_to_the_page(ready):
    answer = ask(ready, CheckNumber("492"))
    ready.answer("number_status", NumberStatus(exists=True, id="492@c.us"))
    assert answer.result(0).exists
    picture = ask(ready, TakeScreenshot())
    ready.answer("screenshot", error=DeadlinePassed("page"))
    with pytest.raises(DeadlinePassed):
        picture.result(0)


def test_a_pairing_code_is_for_a_page_that_shows_a_code(world):
    world.start()
    world.answer("open")
    with pytest.raises(SessionNotReady):
        ask(world, RequestPairingCode("491")).result(0)
    world.page(QrShown("a"))
    answer = ask(world, RequestPairingCode("491"))
    world.answer("pairing_code", "ABCD1234")
    assert answer.result(0) == "ABCD1234"


def test_a_session_that_is_not_ready_cannot_log_out(world):
    world.start()
    with pytest.raises(SessionNotReady):
        ask(world, Logout()).result(0)


def test_a_start_waits_for_its_turn(world):
    world.slots.request("another", lambda: None)
    world.start()
    assert "open" not in world.client.names()
    world.slots.release("another")
    world.tree.settle()
    assert "open" in world.client.names()


def test_a_time_of_a_code_is_in_milliseconds(world):
    world.start()
    world.answer("open")
    world.page(QrShown("a"))
    event = next(event for event in world.events if event.name == "qr")
    assert datetime.fromtimestamp(event.timestamp / 1000, UTC) == world.calendar()
