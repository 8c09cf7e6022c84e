"""The dump: what it says, how it looks (golden files), and that no wedged actor can delay it."""

import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from supervision import (
    Actor,
    BackOff,
    ChildSpec,
    Jitter,
    Restart,
    StopChild,
    StormFuse,
    Strategy,
    SupervisorSpec,
    System,
)
from supervision.render import ordinal, span
from supervision.snapshot import SCHEMA_VERSION
from supervision.testing import VirtualTree

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


class Phone(Actor):
    """Reports what an application might."""

    def started(self):
        self.context.report(connection="ready", number="+49 170 1234567", unread=3)
        self.context.heartbeat(True, 0.12)
        self.context.processes(5011)

    def handle(self, message):
        if message == "missed":
            self.context.heartbeat(False)
        return message


@pytest.fixture
def zoo(tree):
    """A tree with a node in nearly every state."""
    plain = Jitter(1, 1)

    def session(name, **rest):
        children = (
            ChildSpec("session", tree.scripted(), restart=Restart.TRANSIENT, **rest),
            ChildSpec("heartbeat", tree.scripted()),
        )
        return ChildSpec(name, SupervisorSpec(children, strategy=Strategy.REST_FOR_ONE))

    tree.start(
        SupervisorSpec(
            (
                ChildSpec("http", tree.scripted(), role="Web"),
                ChildSpec(
                    "sessions",
                    SupervisorSpec(
                        (
                            ChildSpec("alice", Phone),
                            session("bob", backoff=BackOff(2, 60, jitter=plain)),
                            session("carol", classify=lambda exit_: StopChild("logged out")),
                            ChildSpec("dave", tree.scripted(), stuck_after=30.0, mailbox=5),
                            ChildSpec("erin", tree.scripted(), restart=Restart.TRANSIENT),
                        ),
                        intensity=10,
                        period=60.0,
                        storm_fuse=StormFuse(10, 60.0, 30.0),
                    ),
                ),
            )
        ),
        name="zoo",
        info={"app_version": "1.2.3", "git_sha": "abc1234"},
    )
    tree.advance(3600)
    tree.tell("sessions/bob/session", "crash")
    tree.tell("sessions/carol/session", "crash")
    tree.tell("sessions/erin", "normal")
    tree.tell("sessions/dave", "hang")
    tree.handle("sessions/dave").tell("queued")
    tree.tell("sessions/alice", "missed")
    tree.advance(1.25)
    tree.tell("sessions/bob/session", "too early")
    tree.advance(93)
    tree.tell("sessions/bob/session", "crash")
    return tree


def matches(name, text):
    text = re.sub(r'"native_id": ?\d+', '"native_id": 1', text)
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text)
    assert text == path.read_text(), f"differs from {path.name}; UPDATE_GOLDEN=1 rewrites it"


def test_the_text_is_as_agreed(zoo):
    matches("tree.txt", zoo.system.snapshot().to_text())


def test_the_json_is_as_agreed(zoo):
    matches("tree.json", zoo.system.snapshot().to_json(indent=1) + "\n")


def test_the_page_is_as_agreed(zoo):
    matches("tree.html", zoo.system.snapshot().to_html())


def test_the_json_is_json_and_says_its_version(zoo):
    snapshot = zoo.system.snapshot()
    data = json.loads(snapshot.to_json())
    assert data == snapshot.to_dict()
    assert data["schema_version"] == SCHEMA_VERSION
    assert data["totals"]["failed"] == 1
    assert data["process"]["app_version"] == "1.2.3"


def test_the_worst_comes_first_unless_start_order_is_wanted(zoo):
    def ids(order):
        tree = zoo.system.snapshot(order=order).data["tree"]
        return [node["id"] for node in tree["children"][0 if order == "urgency" else 1]["children"]]

    assert ids("urgency") == ["dave", "carol", "bob", "erin", "alice"]
    assert ids("start") == ["alice", "bob", "carol", "dave", "erin"]


def test_depth_cuts_the_tree_but_not_the_totals(zoo):
    snapshot = zoo.system.snapshot(depth=1)
    assert snapshot.find("sessions") is not None
    assert snapshot.find("sessions/bob") is None
    assert not snapshot.data["complete"]
    assert snapshot.data["totals"] == zoo.system.snapshot().data["totals"]
    assert zoo.system.snapshot(depth=0).data["tree"]["children"] == []


def test_states_select_nodes_and_what_leads_to_them(zoo):
    snapshot = zoo.system.snapshot(states=["failed"])
    assert snapshot.find("sessions/carol/session")["state"] == "failed"
    assert snapshot.find("sessions/carol") is not None
    assert snapshot.find("sessions/bob") is None
    assert snapshot.find("http") is None


def test_phone_numbers_are_masked_wherever_they_stand(zoo):
    snapshot = zoo.system.snapshot()
    assert snapshot.find("sessions/alice")["app"]["number"] == "…67"
    for text in (snapshot.to_json(), snapshot.to_text(), snapshot.to_html()):
        assert "1234567" not in text


def test_app_fields_survive_the_incarnation_that_reported_them(zoo):
    class Silent(Actor):
        pass

    fields = zoo.system.snapshot().find("sessions/alice")["app"]
    zoo.handle("sessions/alice").kill("test")
    zoo.settle()
    node = zoo.system.snapshot().find("sessions/alice")
    assert (node["incarnation"], node["app"]) == (2, fields)


def test_the_etag_changes_with_transitions_and_only_then(zoo):
    before = zoo.system.snapshot().etag
    zoo.advance(1000)
    after_time = zoo.system.snapshot(depth=1).etag
    zoo.tell("http", "crash")
    assert zoo.system.snapshot().etag != after_time
    assert before.startswith('"')


def test_transitions_keep_the_last_200_in_order_and_say_who(tree):
    tree.start(SupervisorSpec((ChildSpec("a", tree.scripted()),), intensity=10_000))
    for _ in range(100):
        tree.do(tree.system.restart("a", by="ann"))
    kept = tree.system.transitions
    assert len(kept) == 200
    assert [entry.seq for entry in kept] == list(range(kept[0].seq, kept[0].seq + 200))
    assert {entry.by for entry in kept} >= {"ann"}
    assert len(tree.system.snapshot().data["recent"]) == 50


def test_subscribers_see_every_transition_in_order_until_they_leave(tree):
    seen = []
    tree.start(SupervisorSpec((ChildSpec("a", tree.scripted()),)))
    leave = tree.system.subscribe(lambda entry: seen.append((entry.path, entry.before, entry.after)))
    tree.do(tree.system.terminate_child("a"))
    leave()
    tree.do(tree.system.restart_child("a"))
    assert seen == [("a", "running", "stopping"), ("a", "stopping", "stopped")]


def test_a_subscriber_that_raises_or_blocks_holds_up_nobody():
    gate, seen = threading.Event(), []
    with System(SupervisorSpec((ChildSpec("a", Actor),), intensity=10)) as system:

        def nasty(entry):
            seen.append(entry.seq)
            gate.wait(30)
            raise ValueError("nasty")

        system.subscribe(nasty)
        for _ in range(3):
            system.restart("a").result(5)
        gate.set()
        deadline = time.monotonic() + 30
        while len(seen) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert seen == sorted(seen)


def test_a_dump_is_quick_while_actors_and_supervisors_are_stuck():
    gate = threading.Event()

    class Stuck(Actor):
        def handle(self, message):
            gate.wait(30)

    children = tuple(ChildSpec(f"w{n}", Stuck, stuck_after=0.01) for n in range(20))
    with System(SupervisorSpec((ChildSpec("s", SupervisorSpec(children)),))) as system:
        for n in range(20):
            system.handle(f"s/w{n}").tell("hang")
        while not all(system.handle(f"s/w{n}").stamp().busy_for > 0.01 for n in range(20)):
            time.sleep(0.001)
        supervisor = system.handle("s").cell.supervisor
        plain = supervisor.reconcile
        supervisor.reconcile = lambda: gate.wait(30) and plain()
        system.which_children("s")
        began = time.monotonic()
        snapshot = system.snapshot()
        text = snapshot.to_text()
        assert time.monotonic() - began < 10  # they are stuck for three times as long
        assert snapshot.data["totals"]["wedged"] == 20
        assert "WEDGED" in text
        frame = snapshot.find("s/w3")["thread"]["top_frame"]
        assert re.fullmatch(r"threading\.py:\d+", frame)
        gate.set()


def test_a_system_that_has_not_started_can_be_looked_at():
    system = System(SupervisorSpec())
    assert system.snapshot().data["tree"]["state"] == "stopped"
    assert system.stop(1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.99, "10.0s"), (23, "23s"), (307, "5m07s"), (11_040, "3h04m"), (183_600, "2d03h")],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert span(seconds) == text


def test_ordinals_are_english():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th",
    ]  # fmt: skip


def test_a_storm_shows_in_the_text():
    with VirtualTree() as tree:
        fuse = StormFuse(1, 60.0, 90.0)
        children = tuple(ChildSpec(n, tree.scripted(), backoff=BackOff(1, 1)) for n in "ab")
        tree.start(SupervisorSpec(children, storm_fuse=fuse))
        for name in "ab":
            tree.tell(name, "crash")
        assert "STORM until 12:01:30Z" in tree.system.snapshot().to_text()
        assert "storm fuse" in tree.system.snapshot().to_text()


@pytest.mark.parametrize(("spec", "state"), [(SupervisorSpec((ChildSpec("a", Actor),)), "stopped"),
                                             (SupervisorSpec(dynamic=True), None)])  # fmt: skip
def test_who_asked_for_an_end_sees_it_once_answered(spec, state):
    seen, looked = [], threading.Event()
    with System(spec) as system:
        if spec.dynamic:
            system.start_child("", ChildSpec("a", Actor)).result(5)

        def look(done):
            node = system.snapshot().find("a")
            seen.append((done.exception(), node and node["state"]))
            looked.set()

        system.terminate_child("a").add_done_callback(look)
        assert looked.wait(5)
    assert seen == [(None, state)]
