"""Which events lead to which notice: a table, and the rule of one of a kind. No threads, no time."""

from datetime import UTC, datetime, timedelta

import pytest

from actors.events import AuthFailure, Disconnected, MessageSent, Qr, QrUpdated, Ready, Reconnected
from actors.notice_desk import NoticeDesk, Throttle
from actors.notices import Kind, Notice, Patience

ID = "user_1_wa_2"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QR, QR2 = Qr(ID, "c", 0), QrUpdated(ID, "d", 0)
READY, BACK = Ready(ID, "34600", "Ana"), Reconnected(ID, "34600", "Ana")
LOST = Disconnected(ID, "killed", permanent=False)
GONE = Disconnected(ID, "LOGOUT", permanent=True)
REFUSED = AuthFailure(ID, "LOGGED_OUT")
BY_HAND, GIVEN_UP, TICK = "by hand", "given up", "tick"


def at(seconds):
    return NOON + timedelta(seconds=seconds)


class Story:
    """Lets things happen to one session and gathers what is told."""

    def __init__(self, interval=600.0, linked=True):
        self.desk = NoticeDesk(Patience(away_after=120, asked=600), Throttle(interval))
        self.linked = linked
        self.told = []

    def happens(self, seconds, what):
        now = at(seconds)
        match what:
            case "by hand":
                found = [self.desk.by_hand(ID, now)]
            case "given up":
                found = [self.desk.gave_up(ID, now)]
            case "tick":
                found = self.desk.tick(now)
            case event:
                found = [self.desk.heard(event, now, linked=self.linked)]
        self.told += [notice for notice in found if notice is not None]
        return self

    def kinds(self):
        return [notice.kind for notice in self.told]


@pytest.mark.parametrize(
    ("linked", "happenings", "kinds"),
    [
        (False, [(0, QR), (20, QR2), (30, READY)], [Kind.CONNECTED]),
        (False, [(0, QR), (20, QR2), (40, QR2)], []),
        (True, [(0, READY)], []),  # the service was started
        (True, [(0, LOST), (6, BACK)], []),  # healed before anybody could worry
        (True, [(0, LOST), (6, TICK), (119, TICK), (119.5, BACK)], []),
        (True, [(0, LOST), (120, TICK)], [Kind.DISCONNECTED]),
        (True, [(0, LOST), (120, TICK), (125, TICK), (5000, TICK)], [Kind.DISCONNECTED]),
        (True, [(0, LOST), (120, TICK), (130, BACK)], [Kind.DISCONNECTED, Kind.RECONNECTED]),
        (True, [(0, LOST), (120, TICK), (130, READY)], [Kind.DISCONNECTED, Kind.RECONNECTED]),
        (True, [(0, LOST), (200, BACK)], [Kind.RECONNECTED]),  # no tick came between
        (True, [(0, LOST), (60, LOST), (120, TICK)], [Kind.DISCONNECTED]),  # one loss, from its beginning
        (True, [(0, GONE)], [Kind.DISCONNECTED]),
        (True, [(0, GONE), (0, REFUSED)], [Kind.DISCONNECTED]),  # one end, told once
        (True, [(0, GONE), (0, GIVEN_UP)], [Kind.DISCONNECTED]),
        (True, [(0, GONE), (500, TICK)], [Kind.DISCONNECTED]),
        (True, [(0, GONE), (60, QR), (90, READY)], [Kind.DISCONNECTED, Kind.CONNECTED]),
        (True, [(0, GONE), (3600, QR), (3630, READY)], [Kind.DISCONNECTED, Kind.NEEDS_QR, Kind.CONNECTED]),
        (True, [(0, REFUSED), (0, QR), (30, READY)], [Kind.AUTH_FAILED, Kind.CONNECTED]),
        (True, [(0, QR)], [Kind.NEEDS_QR]),
        (True, [(0, LOST), (10, QR), (40, BACK)], [Kind.NEEDS_QR, Kind.CONNECTED]),
        (True, [(0, BY_HAND)], [Kind.DISCONNECTED_BY_HAND]),
        (True, [(0, LOST), (10, BY_HAND), (200, TICK)], [Kind.DISCONNECTED_BY_HAND]),
        (True, [(0, LOST), (120, TICK), (4000, GIVEN_UP)], [Kind.DISCONNECTED, Kind.DISCONNECTED]),
        (  # tried again each hour, in vain: it was said
            True,
            [(0, LOST), (4000, GIVEN_UP), (8000, GIVEN_UP), (9000, BACK)],
            [Kind.DISCONNECTED, Kind.RECONNECTED],
        ),
        (True, [(0, MessageSent(ID, "m", "w", "1"))], []),
    ],
)
def test_what_happens_to_a_session_leads_to_these_notices(linked, happenings, kinds):
    story = Story(linked=linked)
    for seconds, what in happenings:
        story.happens(seconds, what)
    assert story.kinds() == kinds


def test_a_notice_says_why_since_when_and_whether_somebody_must_act():
    trying = Story().happens(0, LOST).happens(150, TICK).told[0]
    assert (trying.reason, trying.permanent, trying.away) == ("killed", False, 150)
    back = Story().happens(0, LOST).happens(300, BACK).told[0]
    assert (back.away, back.phone_number, back.profile_name) == (300, "34600", "Ana")
    gone = Story().happens(0, GONE).told[0]
    assert (gone.reason, gone.permanent) == ("LOGOUT", True)


def flap(story, times, every=60, start=0.0):
    for number in range(times):
        begin = start + number * every
        story.happens(begin, GONE).happens(begin + 10, QR).happens(begin + 20, READY)
    return story


def test_a_session_that_flaps_writes_one_of_a_kind_in_ten_minutes():
    story = flap(Story(), times=9)
    assert story.kinds() == [Kind.DISCONNECTED, Kind.CONNECTED]


def test_what_was_left_out_is_counted_in_the_next_notice():
    story = flap(Story(), times=9)
    story.happens(3000, GONE)
    assert story.told[-1].suppressed == 16
    story.happens(3001, QR).happens(3100, READY)
    assert (story.told[-1].kind, story.told[-1].suppressed) == (Kind.CONNECTED, 0)


def test_the_last_that_people_read_is_how_things_stand():
    story = Story().happens(0, GONE).happens(10, QR).happens(20, READY).happens(30, GONE)
    assert story.kinds() == [Kind.DISCONNECTED, Kind.CONNECTED]
    story.happens(599, TICK)
    assert len(story.told) == 2
    story.happens(600, TICK)
    assert story.told[-1].kind is Kind.DISCONNECTED
    assert story.told[-1].suppressed == 0, "what was held is no longer left out"
    assert len(story.happens(5000, TICK).told) == 3


def test_nothing_is_held_that_only_repeats_what_was_told_last():
    story = flap(Story(), times=5)
    story.happens(2000, TICK)
    assert story.kinds() == [Kind.DISCONNECTED, Kind.CONNECTED]
    twice = Story().happens(0, BY_HAND).happens(60, BY_HAND).happens(700, TICK)
    assert twice.kinds() == [Kind.DISCONNECTED_BY_HAND]


def test_sessions_do_not_spend_each_others_notices():
    throttle = Throttle(600)
    one, two = Notice(Kind.CONNECTED, "a", NOON), Notice(Kind.CONNECTED, "b", NOON)
    assert throttle.offer(one) == one
    assert throttle.offer(two) == two


def test_what_was_told_in_an_earlier_life_counts():
    throttle = Throttle(600)
    throttle.seed("a", Kind.CONNECTED, at(-100))
    throttle.seed("a", Kind.CONNECTED, at(-500))
    assert throttle.offer(Notice(Kind.CONNECTED, "a", NOON)) is None
    assert throttle.offer(Notice(Kind.RECONNECTED, "a", NOON)) is not None
    assert throttle.offer(Notice(Kind.CONNECTED, "a", at(500))) is not None


def test_the_desk_forgets_sessions_that_are_well():
    story = flap(Story(), times=3)
    assert story.desk._watches == {}
    story.happens(9999, TICK)
    assert story.desk._throttle._last == {}
