"""The actor that watches the memory, on virtual time with meters that a test sets."""

from dataclasses import replace
from functools import partial

import pytest

from actors.memory import Footprint, MemoryActor, MemoryParts
from actors.memory_policy import Level, Limits
from actors.messages import Recycle
from actors.model import SessionStatus, SessionView
from actors.ports import Usage
from supervision import Actor, ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree

MB = 1024**2


class Session(Actor):
    """Notes what it is told."""

    def __init__(self, context, told):
        super().__init__(context)
        self.told = told

    def handle(self, message):
        self.told.append(message)


class House:
    """What the actor reads and what it did."""

    def __init__(self, tree):
        self.tree, self.total, self.given_back = tree, 100 * MB, 0
        self.pss = {"a": 100 * MB}
        self.view = SessionView("a", SessionStatus.READY, tree.runtime.virtual_clock.now())
        self.reports, self.told, self.collected = [], [], 0
        parts = MemoryParts(
            meter=self,
            footprints=self.footprints,
            views=lambda: {"a": self.view},
            collect=self.collect,
            publish=self.reports.append,
            calendar=tree.runtime.virtual_clock.now,
            session_path=str,
            limits=Limits(total=450 * MB, session=200 * MB),
        )
        memory = ChildSpec("memory", partial(MemoryActor, parts=parts))
        tree.start(SupervisorSpec((memory, ChildSpec("a", partial(Session, told=self.told)))))

    def read(self):
        return Usage(60 * MB, self.total)

    def footprints(self):
        return {name: Footprint(pss, self.tree.runtime.virtual_clock.now()) for name, pss in self.pss.items()}

    def collect(self):
        self.collected += 1
        self.total -= self.given_back

    @property
    def level(self):
        return self.reports[-1].level

    def app(self):
        return self.tree.system.snapshot().find("memory")["app"]


@pytest.fixture
def house():
    with VirtualTree() as tree:
        yield House(tree)


def test_it_publishes_what_it_sees_and_shows_it_in_the_tree(house):
    house.tree.advance(6)
    report = house.reports[-1]
    assert (report.rss, report.tree, report.limit, report.level) == (60 * MB, 100 * MB, 450 * MB, Level.EASY)
    assert house.app()["tree_mb"] == 100
    assert house.app()["level"] == "easy"


def test_above_the_limit_garbage_is_collected_first_and_that_may_be_enough(house):
    house.total, house.given_back = 455 * MB, 10 * MB
    house.tree.advance(6)
    assert house.collected == 1
    assert house.level is Level.EASY


def test_garbage_is_not_collected_without_need_nor_all_the_time(house):
    house.tree.advance(600)
    assert house.collected == 0
    house.total = 500 * MB
    house.tree.advance(600)
    assert 9 <= house.collected <= 11


def test_a_session_past_its_budget_is_told_to_recycle(house):
    house.tree.advance(300)
    house.pss["a"] = 230 * MB
    house.tree.advance(16)
    assert house.told == [Recycle("over its budget", 60.0)]
    assert house.app()["recycled"] == 1


def test_a_session_that_just_had_a_message_is_not_told(house):
    house.tree.advance(300)
    house.pss["a"] = 230 * MB
    house.view = replace(house.view, active_at=house.tree.runtime.virtual_clock.now())
    house.tree.advance(30)
    assert house.told == []


def test_a_sample_of_a_session_that_is_not_on_the_board_is_no_matter(house):
    house.pss["gone"] = 900 * MB
    house.tree.advance(60)
    assert house.level is Level.EASY


def test_a_full_service_says_so_until_there_is_room(house):
    house.total = 460 * MB
    house.tree.advance(60)
    assert house.level is Level.FULL
    assert house.tree.system.snapshot().find("memory")["heartbeat"]["misses"] > 0
    house.total = 420 * MB
    house.tree.advance(60)
    assert house.level is Level.FULL
    house.total = 400 * MB
    house.tree.advance(16)
    assert house.level is Level.EASY


def test_each_minute_there_is_a_line_in_the_log_and_one_for_each_change(house, capsys):
    house.tree.advance(301)
    house.total = 460 * MB
    house.tree.advance(15)
    lines = capsys.readouterr().out.splitlines()
    assert sum("memory.used" in line for line in lines) == 6
    assert sum("memory.level" in line for line in lines) == 1
