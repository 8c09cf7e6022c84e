"""The actor: whose writes share a commit, who is answered what, and what a failing journal leaves."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from actors.errors import JournalError, RuleBroken
from actors.journal_writer import MOST_IN_ONE_COMMIT, JournalWriter
from actors.messages import (
    Accepted,
    AcceptMessage,
    BeginAttempt,
    Journaled,
    JournalOperation,
    RecordIncoming,
    SaveAccount,
    Write,
)
from actors.model import OutgoingMessage
from supervision import (
    Actor,
    ActorDown,
    BackOff,
    ChildSpec,
    Context,
    Jitter,
    SupervisorSpec,
    System,
    Transition,
)
from supervision.testing import VirtualTree
from wahook.journal import open_journal

from .conftest import SESSION, Bench, account, incoming, message


@dataclass
class Recorder:
    """A journal that keeps what it commits in lists, and fails as often as told."""

    batches: list[list[JournalOperation]] = field(default_factory=list)
    failures: int = 0
    error: type[Exception] = JournalError

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        if self.failures:
            self.failures -= 1
            raise self.error("no disk")
        self.batches.append(list(operations))
        return [RuleBroken("odd", "odd") if "odd" in str(one) else f"did {name(one)}" for one in operations]


def name(operation: JournalOperation) -> str:
    assert isinstance(operation, BeginAttempt)
    return operation.message_id


def write(what: str, correlation: str = "", reply_to: str | None = None) -> Write:
    return Write(BeginAttempt(what), reply_to, correlation)


class Listener(Actor):
    """Keeps what it is told, outside of itself."""

    def __init__(self, context: Context, heard: list[object]) -> None:
        super().__init__(context)
        self._heard = heard

    def handle(self, message: object) -> object:
        self._heard.append(message)
        return None


@dataclass
class Stage:
    tree: VirtualTree
    journal: Recorder
    heard: list[object]

    @property
    def committed(self) -> list[list[str]]:
        return [[name(one) for one in batch] for batch in self.journal.batches]

    def ask(self, *names: str) -> list[object]:
        """Ask for all at once, settle, and say what each became."""
        writer = self.tree.handle("writer")
        asked = [writer.ask_async(write(one), 5) for one in names]
        self.tree.settle()
        assert all(one.done() for one in asked)
        return [one.exception() or one.result() for one in asked]

    def put(self, *writes: object) -> None:
        """Into the mailbox before the writer has a turn."""
        for one in writes:
            self.tree.handle("writer").tell(one)


@contextmanager
def staged(virtual: VirtualTree) -> Iterator[Stage]:
    """A writer on a recorder, and somebody who listens."""
    journal, heard = Recorder(), []
    backoff = BackOff(min=1, max=1, jitter=Jitter(1, 1))
    with virtual as tree:
        writer = ChildSpec("writer", lambda context: JournalWriter(context, journal), backoff=backoff)
        listener = ChildSpec("listener", lambda context: Listener(context, heard))
        tree.start(SupervisorSpec((writer, listener)))
        yield Stage(tree, journal, heard)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged(VirtualTree(seed=1)) as made:
        yield made


def test_a_lonely_write_is_committed_at_once(stage: Stage):
    assert stage.ask("a") == ["did a"]
    assert stage.tree.now == 0
    assert stage.committed == [["a"]]


def test_writes_that_wait_together_share_one_commit_in_their_order(stage: Stage):
    assert stage.ask("a", "b", "c") == ["did a", "did b", "did c"]
    assert stage.committed == [["a", "b", "c"]]


def test_a_commit_takes_no_more_than_its_limit(stage: Stage):
    names = [f"{number}" for number in range(MOST_IN_ONE_COMMIT * 2 + 5)]
    assert stage.ask(*names) == [f"did {one}" for one in names]
    assert [len(batch) for batch in stage.committed] == [MOST_IN_ONE_COMMIT, MOST_IN_ONE_COMMIT, 5]
    assert list(itertools.chain(*stage.committed)) == names


def test_who_told_is_answered_by_a_message_in_the_order_of_arrival(stage: Stage):
    stage.put(*(write(one, f"#{one}", "listener") for one in "abc"))
    stage.tree.settle()
    assert stage.heard == [Journaled(f"#{one}", f"did {one}") for one in "abc"]


def test_who_wants_no_answer_gets_none(stage: Stage):
    stage.put(write("a"))
    stage.tree.settle()
    assert stage.committed == [["a"]]
    assert stage.heard == []


def test_nobody_at_the_address_harms_nobody(stage: Stage):
    stage.put(write("a", "#a", "nobody"), write("b", "#b", "listener"))
    stage.tree.settle()
    assert [one.correlation for one in stage.heard if isinstance(one, Journaled)] == ["#b"]


def test_a_broken_rule_is_raised_to_who_asked_and_told_to_who_told(stage: Stage):
    stage.put(write("odd", "#1", "listener"))
    results = stage.ask("a", "odd", "b")
    assert [results[0], results[2]] == ["did a", "did b"]
    assert isinstance(results[1], RuleBroken)
    assert [type(one.result) for one in stage.heard if isinstance(one, Journaled)] == [RuleBroken]
    assert stage.tree.handle("writer").incarnation == 1


def test_a_failing_journal_fails_all_of_the_batch_and_the_writer_starts_anew(stage: Stage):
    stage.journal.failures = 1
    stage.put(write("told", "#t", "listener"))
    results = stage.ask("a", "b")
    assert [type(one) for one in results] == [JournalError, JournalError]
    assert stage.heard == []
    assert stage.committed == []
    assert stage.tree.state("writer") == "backoff"
    stage.tree.advance(1)
    assert stage.ask("c") == ["did c"]
    assert stage.committed == [["c"]]


def test_what_waited_behind_a_failed_commit_is_answered_as_down(stage: Stage):
    stage.journal.failures = 1
    results = stage.ask(*(f"{number}" for number in range(MOST_IN_ONE_COMMIT + 1)))
    assert {type(one) for one in results[:-1]} == {JournalError}
    assert isinstance(results[-1], ActorDown)
    assert stage.committed == []


def test_a_bug_in_the_journal_answers_nothing_as_written(stage: Stage):
    stage.journal.failures, stage.journal.error = 1, ZeroDivisionError
    results = stage.ask("a", "b")
    assert all(isinstance(one, Exception) for one in results)
    assert stage.tree.state("writer") == "backoff"


def test_whenever_a_stop_comes_exactly_what_was_committed_is_answered_as_written():
    """The stop overtakes what waits, so it may come between a write that was taken and its commit."""
    seen: set[int] = set()
    for seed in range(60):
        with staged(VirtualTree(seed, shuffle=True)) as stage:
            writer = stage.tree.handle("writer")
            asked = {one: writer.ask_async(write(one), 5) for one in "ab"}
            stage.tree.runtime.step()
            stage.tree.do(stage.tree.system.terminate_child("writer"))
            written = [one for one, reply in asked.items() if reply.exception() is None]
            assert written == list(itertools.chain(*stage.committed))
            seen.add(len(written))
    assert seen == {0, 2}  # both orders have been seen


def test_an_unknown_message_does_not_harm_what_was_taken_before(stage: Stage):
    stage.put(write("a", "#a", "listener"), "what?")
    stage.tree.settle()
    assert stage.heard == [Journaled("#a", "did a")]
    assert stage.tree.state("writer") == "backoff"


def test_the_dump_shows_the_last_commit(stage: Stage):
    stage.ask("a", "b", "c")
    stage.ask("d")
    app = stage.tree.system.snapshot().find("writer")["app"]
    assert (app["batch"], app["written"]) == (1, 4)
    assert app["commit_ms"] >= 0


# -- with a real journal and real threads -------------------------------------------------------------------


def test_many_threads_share_commits_and_each_gets_its_own_answer(bench: Bench):
    commits: list[int] = []

    @dataclass
    class Counting:
        def write(self, operations: Sequence[JournalOperation]) -> list[object]:
            commits.append(len(operations))
            return bench.journal.writer.write(operations)

    def ask_many(thread: int) -> list[str]:
        wanted = [message(f"{thread}.{number}") for number in range(50)]
        together.wait(10)
        return [accepted(writer.ask(Write(AcceptMessage(one, 300)), 30), one) for one in wanted]

    def accepted(result: object, asked: OutgoingMessage) -> str:
        assert isinstance(result, Accepted)
        assert result.message.message_id == asked.message_id
        assert bench.journal.reader.message(asked.message_id) == result.message  # on disk before the answer
        return asked.message_id

    together = threading.Barrier(8)
    spec = ChildSpec("journal-writer", lambda context: JournalWriter(context, Counting()))
    with System(SupervisorSpec((spec,))) as system, ThreadPoolExecutor(8) as pool:
        writer = system.handle("journal-writer")
        answered = set(itertools.chain(*pool.map(ask_many, range(8))))
    assert answered == {one.message_id for one in bench.journal.reader.undone()}
    assert len(answered) == sum(commits) == 400
    assert len(commits) < 400  # some waited together


def test_a_locked_database_crashes_the_writer_until_it_is_free(sqlite_url: str):
    again = threading.Event()
    backoff = BackOff(min=0.01, max=0.05)
    with open_journal(sqlite_url, deadline=0.1) as journal, open_journal(sqlite_url) as other:
        spec = ChildSpec("writer", lambda context: JournalWriter(context, journal.writer), backoff=backoff)
        with System(SupervisorSpec((spec,))) as system:
            writer = system.handle("writer")
            system.subscribe(lambda change: again.set() if came_back(change) else None)
            with other.engines.write.begin(), pytest.raises(JournalError, match="holds its lock"):
                writer.ask(Write(SaveAccount(account())), 10)
            assert again.wait(10)
            writer.ask(Write(SaveAccount(account())), 10)
            new = writer.ask(Write(RecordIncoming(SESSION, (incoming(),))), 10)
            assert new == (incoming(),)


def came_back(change: Transition) -> bool:
    return change.path == "writer" and change.after == "running" and change.incarnation == 2
