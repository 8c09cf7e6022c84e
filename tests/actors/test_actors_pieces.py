from dataclasses import replace

from actors.inbox import OVERLAP, TRIES, Inbox
from actors.messages import DeleteAccount
from actors.model import IncomingMessage
from actors.page import NoticeArrived, Noticed
from actors.post import Post
from actors.slots import LaunchSlots


def message(number, timestamp):
    return IncomingMessage(f"IN{number}", "492@c.us", "492", "hi", "text", timestamp)


# -- inbox --------------------------------------------------------------------------------------------------


def test_an_inbox_passes_live_messages_on_at_once():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.history(())
    inbox.arrived(message(1, 100))
    assert passed == [(message(1, 100),)]
    assert not inbox.fetching


def test_what_comes_before_the_first_history_waits_for_it():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.arrived(message(2, 200))
    assert passed == []
    inbox.fetch()
    inbox.history([message(1, 100)])
    assert passed == [(message(1, 100), message(2, 200))]


def test_a_batch_waits_until_the_one_before_it_is_on_disk():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.history(())
    for number in (1, 2, 3):
        inbox.arrived(message(number, 100))
    assert (passed, len(inbox)) == ([(message(1, 100),)], 2)
    inbox.recorded()
    assert passed[1:] == [(message(2, 100), message(3, 100))]
    inbox.recorded()
    assert len(passed) == 2


def test_a_history_that_fails_again_and_again_does_not_hold_messages_up_for_ever():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.arrived(message(1, 100))
    for _ in range(TRIES):
        assert passed == []
        inbox.fetch()
        inbox.failed()
    assert passed == [(message(1, 100),)]


def test_what_went_ahead_of_a_failing_history_does_not_hide_what_was_missed_before_it():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=5000)
    inbox.arrived(message(2, 9000))
    for _ in range(TRIES):
        inbox.fetch()
        inbox.failed()
    inbox.recorded()
    inbox.arrived(message(3, 9100))
    assert [one.wa_message_id for batch in passed for one in batch] == ["IN2", "IN3"]
    assert inbox.fetch() == 5000 - OVERLAP
    inbox.history([message(1, 6000), message(2, 9000)])
    assert inbox.fetch() == 9000 - OVERLAP


def test_an_inbox_puts_the_history_before_what_came_meanwhile():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.fetch()
    inbox.arrived(message(2, 200))
    inbox.history([message(1, 100)])
    assert passed == [(message(1, 100), message(2, 200))]


def test_what_is_done_to_a_message_waits_behind_it():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    edit = NoticeArrived(Noticed.EDITED, "IN2", "492@c.us", "492", 900, body="x")
    found = replace(edit, wa_id="IN1", found=True)
    inbox.arrived(message(2, 200))
    inbox.arrived(edit)
    inbox.fetch()
    inbox.history([message(1, 100), message(2, 200), found])
    assert passed == [(message(1, 100), message(2, 200), found, edit)]
    assert inbox.fetch() == max(0, 200 - OVERLAP), "a notice's stamp is nobody's arrival"


def test_an_empty_history_writes_nothing():
    passed = []
    inbox = Inbox(passed.append, floor=0, newest=0)
    inbox.fetch()
    inbox.history(())
    assert passed == []


def test_the_next_history_begins_at_the_newest_message_with_an_overlap():
    inbox = Inbox(lambda _: None, floor=1000, newest=0)
    assert inbox.fetch() == 1000
    inbox.history((message(1, 5000), message(2, 4000)))
    assert inbox.fetch() == 5000 - OVERLAP


# -- post ---------------------------------------------------------------------------------------------------


def test_what_got_no_answer_is_told_again_in_order_and_under_its_own_number():
    told = []
    post = Post("sessions/a/session", "3", lambda write: told.append(write) or True)
    post.write(DeleteAccount("a"), now=0.0)
    post.write(DeleteAccount("b"), now=1.0)
    first, second = told
    assert post.tell_again(now=5.0, after=4.5) == 1
    assert told == [first, second, first]
    assert post.tell_again(now=6.0, after=4.5) == 1
    assert told[-1] is second


def test_an_answer_settles_once():
    told = []
    post = Post("me", "1", lambda write: told.append(write) or True)
    post.write(DeleteAccount("a"), now=0.0)
    assert post.settle(told[0].correlation) == DeleteAccount("a")
    assert post.settle(told[0].correlation) is None
    assert post.settle("another") is None
    assert len(post) == 0
    assert post.tell_again(now=100.0, after=1.0) == 0


# -- slots --------------------------------------------------------------------------------------------------


def test_slots_are_given_in_order_and_come_back():
    given = []
    slots = LaunchSlots(1)
    for name in "abc":
        slots.request(name, lambda name=name: given.append(name))
    assert given == ["a"]
    slots.release("a")
    assert given == ["a", "b"]
    slots.release("a")
    assert given == ["a", "b"]
    slots.release("b")
    assert given == ["a", "b", "c"]


def test_who_gives_up_waiting_is_passed_over():
    given = []
    slots = LaunchSlots(1)
    for name in "abc":
        slots.request(name, lambda name=name: given.append(name))
    slots.release("b")
    slots.release("a")
    assert given == ["a", "c"]


def test_a_slot_that_nobody_wants_stays_free():
    given = []
    slots = LaunchSlots(2)
    slots.request("a", lambda: given.append("a"))
    slots.release("a")
    for name in "bc":
        slots.request(name, lambda name=name: given.append(name))
    assert given == ["a", "b", "c"]
