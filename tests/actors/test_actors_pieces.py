from dataclasses import replace

from actors.inbox import OVERLAP, TRIES, Inbox
from actors.messages import UNSET, DeleteAccount
from actors.model import CaughtUp, IncomingMessage
from actors.page import NoticeArrived, Noticed
from actors.post import Post
from actors.slots import LaunchSlots

NOW = 10_000


def message(number, timestamp):
    return IncomingMessage(f"IN{number}", "492@c.us", "492", "hi", "text", timestamp)


def inbox_of(passed, newest=0, missed_since=None, floor=0):
    """Its batches go to `passed`; to what it says beside them nobody listens."""
    return Inbox(lambda messages, _: passed.append(messages), floor, CaughtUp(newest, missed_since))


# -- inbox --------------------------------------------------------------------------------------------------


def test_an_inbox_passes_live_messages_on_at_once():
    passed = []
    inbox = inbox_of(passed)
    inbox.history(())
    inbox.arrived(message(1, 100))
    assert passed == [(message(1, 100),)]
    assert not inbox.fetching


def test_what_comes_before_the_first_history_waits_for_it():
    passed = []
    inbox = inbox_of(passed)
    inbox.arrived(message(2, 200))
    assert passed == []
    inbox.fetch(NOW)
    inbox.history([message(1, 100)])
    assert passed == [(message(1, 100), message(2, 200))]


def test_a_batch_waits_until_the_one_before_it_is_on_disk():
    passed = []
    inbox = inbox_of(passed)
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
    inbox = inbox_of(passed)
    inbox.arrived(message(1, 100))
    for _ in range(TRIES):
        assert passed == []
        inbox.fetch(NOW)
        inbox.failed()
    assert passed == [(message(1, 100),)]


def test_what_went_ahead_of_a_failing_history_does_not_hide_what_was_missed_before_it():
    passed = []
    inbox = inbox_of(passed, newest=5000)
    inbox.arrived(message(2, 9000))
    for _ in range(TRIES):
        inbox.fetch(NOW)
        inbox.failed()
    inbox.recorded()
    inbox.arrived(message(3, 9100))
    assert [one.wa_message_id for batch in passed for one in batch] == ["IN2", "IN3"]
    assert inbox.fetch(NOW) == 5000 - OVERLAP
    inbox.history([message(1, 6000), message(2, 9000)])
    assert inbox.fetch(NOW) == 9000 - OVERLAP


class Disk:
    """The journal as far as an inbox needs it: batches, their order, and what is noted of what is missed."""

    def __init__(self, newest=0, missed_since=None):
        self.known = CaughtUp(newest, missed_since)
        self.told = []

    def inbox(self):
        """A new incarnation's."""
        return Inbox(lambda *batch: self.told.append(batch), floor=0, caught_up=self.known)

    def write(self):
        """The last batch; gives the ids in it and what it said beside them."""
        messages, missed_since = self.told[-1]
        newest = max((self.known.newest, *(one.timestamp for one in messages)))
        if missed_since is UNSET:
            missed_since = self.known.missed_since
        self.known = CaughtUp(newest, missed_since)
        return [one.wa_message_id for one in messages], self.told[-1][1]


def fail(inbox, times=TRIES):
    for _ in range(times):
        inbox.fetch(NOW)
        inbox.failed()


def test_what_was_missed_before_a_failing_history_is_asked_for_by_the_next_incarnation_too():
    disk = Disk(newest=5000)
    inbox = disk.inbox()
    inbox.arrived(message(2, 9000))
    fail(inbox)
    assert disk.write() == (["IN2"], 5000)
    again = disk.inbox()
    assert again.fetch(NOW) == 5000 - OVERLAP
    again.arrived(message(3, 9100))
    again.history([message(1, 6000)])
    assert disk.write() == (["IN1", "IN3"], None)
    assert disk.inbox().fetch(NOW) == 9100 - OVERLAP


def test_what_comes_in_after_histories_have_failed_is_noted_as_ahead_of_them_too():
    disk = Disk(newest=5000)
    inbox = disk.inbox()
    fail(inbox)
    assert disk.told == []
    inbox.arrived(message(2, 9000))
    assert disk.write() == (["IN2"], 5000)
    inbox.recorded()
    fail(inbox, times=1)
    inbox.arrived(message(3, 9100))
    assert disk.write() == (["IN3"], 5000)


def test_an_empty_history_clears_what_was_noted_once():
    disk = Disk(newest=9000, missed_since=5000)
    inbox = disk.inbox()
    inbox.history(())
    assert disk.write() == ([], None)
    inbox.recorded()
    inbox.history(())
    inbox.arrived(message(1, 9100))
    assert disk.told[1:] == [((message(1, 9100),), UNSET)]


def test_a_history_behind_a_batch_that_went_ahead_clears_what_that_one_noted():
    disk = Disk(newest=5000)
    inbox = disk.inbox()
    inbox.arrived(message(2, 9000))
    fail(inbox)
    inbox.history(())
    assert len(disk.told) == 1, "one at a time"
    disk.write()
    inbox.recorded()
    assert disk.write() == ([], None)


def test_what_goes_ahead_behind_a_history_that_is_not_on_disk_is_noted():
    disk = Disk(newest=5000)
    inbox = disk.inbox()
    inbox.arrived(message(1, 6000))
    inbox.history(())
    inbox.history([message(2, 7000)])
    inbox.hold()
    inbox.arrived(message(3, 9000))
    fail(inbox)
    assert disk.write() == (["IN1"], UNSET)
    inbox.recorded()
    assert disk.write() == (["IN2", "IN3"], 7000)


def test_without_a_failure_nothing_is_said_of_what_was_missed():
    disk = Disk(newest=5000)
    inbox = disk.inbox()
    fail(inbox, times=TRIES - 1)
    inbox.history([message(1, 6000)])
    inbox.recorded()
    inbox.arrived(message(2, 6100))
    assert disk.told == [((message(1, 6000),), UNSET), ((message(2, 6100),), UNSET)]


def test_what_another_phone_missed_is_not_asked_of_this_one():
    disk = Disk(newest=9000, missed_since=5000)
    inbox = disk.inbox()
    inbox.other_phone()
    assert inbox.fetch(NOW) == 9000 - OVERLAP
    inbox.history(())
    assert disk.told == []


def test_a_stamp_from_the_future_hides_nothing_that_comes_before_it():
    inbox = inbox_of([])
    inbox.history([message(1, NOW + 90_000)])
    assert inbox.fetch(NOW) == NOW - OVERLAP


def test_an_inbox_puts_the_history_before_what_came_meanwhile():
    passed = []
    inbox = inbox_of(passed)
    inbox.fetch(NOW)
    inbox.arrived(message(2, 200))
    inbox.history([message(1, 100)])
    assert passed == [(message(1, 100), message(2, 200))]


def test_what_is_done_to_a_message_waits_behind_it():
    passed = []
    inbox = inbox_of(passed)
    edit = NoticeArrived(Noticed.EDITED, "IN2", "492@c.us", "492", 900, body="x")
    found = replace(edit, wa_id="IN1", found=True)
    inbox.arrived(message(2, 200))
    inbox.arrived(edit)
    inbox.fetch(NOW)
    inbox.history([message(1, 100), message(2, 200), found])
    assert passed == [(message(1, 100), message(2, 200), found, edit)]
    assert inbox.fetch(NOW) == max(0, 200 - OVERLAP), "a notice's stamp is nobody's arrival"


def test_an_empty_history_writes_nothing():
    passed = []
    inbox = inbox_of(passed)
    inbox.fetch(NOW)
    inbox.history(())
    assert passed == []


def test_the_next_history_begins_at_the_newest_message_with_an_overlap():
    inbox = inbox_of([], floor=1000)
    assert inbox.fetch(NOW) == 1000
    inbox.history((message(1, 5000), message(2, 4000)))
    assert inbox.fetch(NOW) == 5000 - OVERLAP


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
