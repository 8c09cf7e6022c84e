"""Order, priorities, attempts, and what spends none."""

from actors.errors import SendFailed, SendRefused
from actors.events import MessageFailed, MessageSent
from actors.model import Ack, MessageStatus, Priority
from tests.outbox.conftest import eventually
from tests.outbox.house import HANG, LOST_ACK, NOT_READY


def test_messages_of_one_session_go_in_the_order_of_acceptance(make_house):
    house = make_house()
    house.add()
    bodies = [str(number) for number in range(50)]
    for body in bodies:
        house.send(body)
    house.phone().wait(lambda: len(house.phone().asked) == 50)
    assert house.phone().bodies() == bodies
    eventually(lambda: not house.journal.reader.undone())
    assert [event.message_id for event in house.events] == [
        request.message.message_id for request in house.phone().asked
    ]


def test_a_sent_message_is_journaled_before_it_is_announced(make_house):
    house = make_house()
    house.add()
    row = house.send("hello")
    eventually(lambda: house.events)
    assert house.events == [MessageSent(row.session_id, row.message_id, row.wa_message_id, row.to)]
    after = house.row(row)
    assert (after.status, after.attempts, after.ack) == (MessageStatus.SENT, 1, Ack.SERVER)
    assert after.sent_at is not None
