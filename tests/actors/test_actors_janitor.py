"""Who goes round: which sessions it tells, what it tidies, and how often."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from actors.durable import Prune
from actors.errors import JournalError
from actors.janitor import DAY, Janitor, JanitorParts
from actors.janitor_policy import IdleAction, another_chance, at_rest, silent
from actors.messages import Recycle, Unload, Write
from actors.model import Account, SessionStatus, SessionView
from supervision import Actor, ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AFTER = timedelta(minutes=30)
READY, STOPPED, ERROR = SessionStatus.READY, SessionStatus.STOPPED, SessionStatus.ERROR


def ago(minutes):
    return None if minutes is None else NOW - timedelta(minutes=minutes)


def found(action, *, since=600, active=None, seen=None, beat=None, status=READY):
    """What `silent` says of one session with these signs, so many minutes ago."""
    view = SessionView("a", status, ago(since), active_at=ago(active), last_seen=ago(seen))
    account = Account("a", "1", "2", last_seen=ago(beat))
    return [message for _, message in silent(action, [account], {"a": view}, NOW, AFTER)]


@pytest.mark.parametrize(
    ("signs", "reconnect", "unload"),
    [
        ({}, True, True),
        ({"beat": 31}, True, True),
        ({"beat": 29}, False, True),  # its heart beats: it lives, but has nothing to do
        ({"seen": 29}, False, True),
        ({"active": 29, "beat": 600}, False, False),
        ({"active": 31, "beat": 1}, False, True),
        ({"since": 29}, False, False),  # it has just come up
        ({"status": SessionStatus.RECONNECTING}, False, False),  # supervision sees to it
        ({"status": SessionStatus.QR}, False, False),
        ({"status": STOPPED}, False, False),
    ],
)
def test_a_session_is_silent_by_these_signs(signs, reconnect, unload):
    assert found(IdleAction.RECONNECT, **signs) == ([Recycle("silent", 1800.0)] if reconnect else [])
    assert found(IdleAction.UNLOAD, **signs) == ([Unload(1800.0)] if unload else [])
    assert found(IdleAction.NOTHING, **signs) == []


def test_the_longest_silent_is_told_first_and_one_that_never_ran_not_at_all():
    views = {name: SessionView(name, READY, ago(minutes)) for name, minutes in {"a": 40, "b": 90}.items()}
    accounts = [Account(name, "1", name) for name in "abc"]
    assert [name for name, _ in silent(IdleAction.UNLOAD, accounts, views, NOW, AFTER)] == ["b", "a"]


def test_only_profiles_of_sessions_without_a_browser_are_at_rest():
    views = {status: SessionView(status, status, NOW) for status in SessionStatus}
    accounts = [Account(name, "1", name) for name in (*SessionStatus, "never ran")]
    assert at_rest(accounts, views) == [ERROR, STOPPED, "never ran"]


def test_only_linked_and_wanted_sessions_are_given_another_chance():
    accounts = [
        Account("outage", "1", "1", phone_number="491"),
        Account("never linked", "1", "3"),
        Account("not wanted", "1", "4", phone_number="494", desired=False),
    ]
    assert another_chance(["not wanted", "never linked", "outage", "deleted"], accounts) == ["outage"]


class Told(Actor):
    def __init__(self, context, told):
        super().__init__(context)
        self.told = told

    def handle(self, message):
        self.told.append(message)


class House:
    """What the janitor goes round in."""

    def __init__(self, tree, action=IdleAction.UNLOAD):
        self.tree, self.session, self.writer = tree, [], []
        self.exhausted, self.retried = [], []
        self.trimmed, self.cleared, self.full, self.away = [], [], False, False
        self.now = tree.runtime.virtual_clock.now
        self.views = {"a": SessionView("a", READY, self.now())}
        parts = JanitorParts(
            accounts=self.accounts,
            views=lambda: self.views,
            exhausted=lambda: self.exhausted,
            retry=self.retried.append,
            storehouse=self,
            calendar=self.now,
            session_path=str,
            writer_path="writer",
            action=action,
            idle_after=1800,
            interval=3600,
        )
        writer = ChildSpec("writer", partial(Told, told=self.writer))
        session = ChildSpec("a", partial(Told, told=self.session))
        tree.start(SupervisorSpec((writer, session, ChildSpec("janitor", partial(Janitor, parts=parts)))))

    def accounts(self):
        if self.away:
            raise JournalError("away")
        return [Account("a", "1", "2"), Account("down", "1", "3", phone_number="493")]

    def trim(self, session_id):
        if self.full:
            raise OSError("no space")
        self.trimmed.append(session_id)
        return 1000

    def clear(self, before):
        self.cleared.append(before)
        return 0


@pytest.fixture
def house():
    with VirtualTree() as tree:
        yield House(tree)


def test_it_goes_round_soon_after_the_start_and_then_every_hour(house):
    house.tree.advance(601)
    assert house.session == []
    house.tree.advance(3 * 3600)
    assert house.session == [Unload(1800.0)] * 3


def test_a_session_that_failed_too_often_is_tried_again_at_each_round(house):
    house.exhausted = ["down"]
    house.tree.advance(601)
    assert house.retried == ["down"]
    house.tree.advance(3600)
    assert house.retried == ["down"] * 2
    assert house.tree.system.snapshot().find("janitor")["app"]["retried"] == 1


def test_once_a_day_it_forgets_what_was_delivered_and_tidies_the_disk(house):
    house.tree.advance(601)
    at = house.now()
    house.tree.advance(2.5 * DAY)
    assert [type(one.operation) for one in house.writer if isinstance(one, Write)] == [Prune] * 3
    assert (at - timedelta(days=7)) - house.writer[0].operation.before < timedelta(seconds=5)
    assert house.trimmed == ["down"] * 3
    assert len(house.cleared) == 3


def test_a_journal_that_is_away_and_a_disk_that_refuses_only_cost_a_round(house):
    house.away = house.full = True
    house.tree.advance(601)
    house.away = False
    house.tree.advance(3600)
    assert house.session == [Unload(1800.0)]
    assert len(house.cleared) == 1
    assert house.tree.handle("janitor").incarnation == 1
