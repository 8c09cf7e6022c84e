"""What a scrape shows of real parts: a tree, a journal, the edge."""

from datetime import UTC, datetime

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from actors.durable import (
    AddMail,
    AddMirrorChanges,
    EndMail,
    Mail,
    MirrorChange,
    SetAsideMirrorChanges,
    TaskState,
)
from actors.errors import JournalError
from actors.events import MessageSent
from actors.messages import AcceptMessage, SaveAccount
from actors.model import Account, OutgoingMessage, SessionStatus, SessionView
from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, System
from tests.edge.service import Messages, Operations, Sessions
from wahook.announcer import Announcer
from wahook.board import Board
from wahook.edge.app import Parts
from wahook.edge.server import EdgeServer
from wahook.journal import open_journal
from wahook.metrics import Meters, sources
from wahook.metrics.wiring import MeteredJournal, Metrics

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Lane(Actor):
    """Reports as the real one, and falls when told."""

    def started(self):
        self.context.report(open=False, waiting="rate limit", queued=3, scheduled=1, sending=None)

    def handle(self, message):
        raise ConnectionError(message)


def values(text: str, name: str) -> dict:
    """A family's values by the values of their labels."""
    families = {family.name: family for family in parse(text)}
    return {tuple(sample.labels.values()): sample.value for sample in families[name].samples}


@pytest.fixture
def tree():
    lane = ChildSpec("user_1_wa_2", Lane, backoff=BackOff(min=0.01, max=0.01))
    with System(SupervisorSpec((ChildSpec("outbox", SupervisorSpec((lane,))),)), name="wahook") as system:
        yield system


@pytest.fixture
def journal(tmp_path):
    with open_journal(f"sqlite:///{tmp_path}/wahook.db") as opened:
        yield opened


@pytest.fixture
def metrics(tree, journal):
    return Metrics(Meters(), system=tree, board=Board(), reader=journal.reader, announcer=Announcer())


def test_lanes_are_shown_together_without_their_users(metrics):
    text = metrics.text()
    assert values(text, "wahook_queue_depth") == {("queued",): 3, ("scheduled",): 1}
    assert values(text, "wahook_lanes_waiting") == {("rate limit",): 1}
    assert values(text, "wahook_nodes")["running",] == 3
    assert "user_1_wa_2" not in text


def test_a_restart_is_counted_by_what_restarted(metrics, tree):
    again = []
    tree.subscribe(lambda entry: again.append(entry) if entry.after == "running" else None)
    tree.handle("outbox/user_1_wa_2").tell("fall")
    _until(lambda: again)
    _until(lambda: "wahook_restarts_total{" in metrics.text())
    assert values(metrics.text(), "wahook_restarts") == {("lane",): 1}


def _until(true):
    import time  # noqa: PLC0415

    ends = time.monotonic() + 40
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_sessions_are_counted_under_every_status_there_is():
    views = {
        str(number): SessionView(str(number), status, NOW)
        for number, status in enumerate([SessionStatus.READY, SessionStatus.READY, SessionStatus.QR])
    }
    (family,) = sources.sessions(lambda: views)
    counted = {sample.labels[0][1]: sample.value for sample in family.samples}
    assert set(counted) == set(SessionStatus)
    assert (counted["ready"], counted["qr"], counted["error"]) == (2, 1, 0)


def test_what_the_journal_has_to_do_and_how_long_it_takes_is_shown(tree, journal):
    meters = Meters()
    metrics = Metrics(meters, system=tree, board=Board(), reader=journal.reader, announcer=Announcer())
    writer = MeteredJournal(journal.writer, meters)
    message = OutgoingMessage("msg_1", "user_1_wa_2", "491700000001", "hi", "3EB01", content_hash="h")
    writer.write([SaveAccount(Account("user_1_wa_2", "1", "2"))])
    writer.write([AcceptMessage(message, duplicate_window=0)])
    text = metrics.text()
    assert values(text, "wahook_messages")["queued",] == 1
    assert values(text, "wahook_journal_operations") == {(): 2}
    assert "wahook_journal_commit_seconds_count 2\n" in text
    assert "491700000001" not in text


def test_what_waits_for_others_and_what_was_given_up_is_shown(tree, journal):
    metrics = Metrics(
        Meters(),
        system=tree,
        board=Board(),
        reader=journal.reader,
        announcer=Announcer(),
        queues=journal.queues,
    )
    journal.writer.write([AddMail(Mail(one, "connected", "ana@example.org")) for one in "abc"])
    journal.writer.write([EndMail("a", TaskState.DEAD, error="recipient_refused 550")])
    added = AddMirrorChanges(tuple(MirrorChange("message", one, {}) for one in "abcd"))
    journal.writer.write([added, SetAsideMirrorChanges((1,), "HTTP 400")])
    text = metrics.text()
    assert values(text, "wahook_mails") == {("pending",): 2, ("dead",): 1}
    assert values(text, "wahook_deliveries") == {("pending",): 0, ("dead",): 0}
    assert values(text, "wahook_mirror_changes") == {("open",): 3, ("set_aside",): 1}
    assert "ana@example.org" not in text


def test_a_commit_that_fails_is_counted_and_still_raised(journal, tmp_path):
    meters = Meters()
    journal.close()
    (tmp_path / "wahook.db").write_bytes(b"no database" * 1000)
    for side in ("wahook.db-wal", "wahook.db-shm"):
        (tmp_path / side).unlink(missing_ok=True)
    with pytest.raises(JournalError):
        MeteredJournal(journal.writer, meters).write([SaveAccount(Account("user_1_wa_2", "1", "2"))])
    assert meters.failures.family().samples[0].value == 1
    assert meters.commits.family().samples == []


def test_events_are_counted_by_name(tree, journal):
    announcer = Announcer()
    metrics = Metrics(Meters(), system=tree, board=Board(), reader=journal.reader, announcer=announcer)
    announcer(MessageSent(session_id="user_1_wa_2", message_id="m", wa_message_id="w", to="1"))
    assert values(metrics.text(), "wahook_events") == {("message:sent",): 1}


def test_caches_tell_hits_and_misses():
    class Cache:
        hits, misses = 3, 1

    (family,) = sources.caches(lambda: {"contacts": Cache()})
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ((("cache", "contacts"), ("result", "hit")), 3),
        ((("cache", "contacts"), ("result", "miss")), 1),
    ]


async def test_the_edge_measures_itself_and_shows_it_only_with_the_key(metrics):
    sessions = Sessions()
    parts = Parts(
        sessions,
        Messages(sessions),
        Operations(),
        "the-key",
        metrics=metrics.text,
        observe=metrics.request,
    )
    edge = EdgeServer(parts, port=0)
    address = edge.start()
    try:
        async with aiohttp.ClientSession(f"http://{address}") as http:
            async with http.get("/metrics") as refused:
                assert refused.status == 401
            async with http.get("/livez"), http.request("PROPFIND", "/nowhere"):
                pass
            async with http.get("/metrics", headers={"X-Api-Key": "the-key"}) as answer:
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                text = await answer.text()
    finally:
        edge.stop(5)
    counted = {
        tuple(sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
        if sample.name == "wahook_http_request_seconds_count"
    }
    assert counted == {("GET", "/metrics", "401"): 1, ("GET", "/livez", "200"): 1, ("other", "", "401"): 1}
