"""Every way a pykka actor can end gives exactly one death notice (real threads, real pykka)."""

import logging
import threading
import time

import pykka
import pytest

from supervision import (
    Actor,
    ActorDown,
    BackOff,
    ChildSpec,
    DomainError,
    KnownFailure,
    RemoteError,
    Restart,
    SupervisorSpec,
    System,
)
from supervision.signals import Died


class RefusedError(DomainError):
    """Declared."""


class Victim(Actor):
    """Ends in the way the message, or the way it was made, says."""

    start_with: object = None
    stop_with: object = None

    def __init__(self, context):
        super().__init__(context)
        if self.start_with == "init":
            raise ValueError("init")

    def started(self):
        if isinstance(self.start_with, BaseException):
            raise self.start_with

    def handle(self, message):
        if isinstance(message, BaseException):
            raise message
        if message == "stop":
            self.context.stop()
        return message

    def stopping(self, exit):  # noqa: A002
        if isinstance(self.stop_with, BaseException):
            raise self.stop_with


def victim(start_with=None, stop_with=None):
    return type("Victim", (Victim,), {"start_with": start_with, "stop_with": stop_with})


@pytest.fixture
def make():
    """Runs one temporary child and collects the death notices its supervisor gets."""
    systems = []

    def start(actor, **rest):
        system = System(SupervisorSpec((ChildSpec("bystander", Actor), ChildSpec("pool", SupervisorSpec()))))
        systems.append(system)
        system.start(5)
        notices = []
        supervisor = system.handle("pool").cell.supervisor
        handle_signal = supervisor.on

        def on(signal):
            if isinstance(signal, Died):
                notices.append((signal.exit.kind.value, signal.exit.reason))
            handle_signal(signal)

        supervisor.on = on
        spec = ChildSpec("victim", actor, **({"restart": Restart.TEMPORARY} | rest))
        started = system.start_child("pool", spec)
        return system, started, notices

    yield start
    for system in systems:
        assert system.handle("bystander").alive, "one actor's end must not touch another"
        assert system.stop(5)


def wait_for(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def settled(system, notices):
    """One notice, and no second one after the supervisor has answered again."""
    wait_for(lambda: notices)
    wait_for(lambda: system.count_children("pool").result(5).active == 0)
    system.which_children("pool").result(5)
    return notices


ERRORS = [ValueError("x"), SystemExit(1), KeyboardInterrupt("x"), GeneratorExit("x"), BaseException("x")]
IDS = [type(error).__name__ for error in ERRORS]


@pytest.mark.parametrize("error", ERRORS, ids=IDS)
def test_raising_on_a_tell_is_one_crash(make, error):
    system, started, notices = make(victim())
    started.result(5).tell(error)
    assert settled(system, notices) == [("crash", f"{type(error).__name__}: {error}")]


@pytest.mark.parametrize("error", ERRORS, ids=IDS)
def test_raising_on_an_ask_is_one_crash_and_answers_the_asker(make, error):
    system, started, notices = make(victim())
    with pytest.raises(RemoteError) as caught:
        started.result(5).ask(error, 5)
    assert caught.value.__cause__ is error
    assert settled(system, notices) == [("crash", f"{type(error).__name__}: {error}")]


def test_a_declared_domain_error_answers_the_ask_and_crashes_nobody(make):
    _, started, notices = make(victim())
    handle = started.result(5)
    with pytest.raises(RefusedError, match="no"):
        handle.ask(RefusedError("no"), 5)
    assert handle.tell(RefusedError("no"))
    assert handle.ask("still here", 5) == "still here"
    assert (handle.incarnation, notices) == (1, [])


@pytest.mark.parametrize("error", ERRORS, ids=IDS)
def test_raising_while_starting_is_one_failed_start(make, error):
    system, started, notices = make(victim(start_with=error))
    assert started.exception(5).code == "start_failed"
    assert settled(system, notices) == [("start_failed", f"{type(error).__name__}: {error}")]


def test_raising_in_the_constructor_is_one_failed_start_on_the_actors_own_thread(make):
    system, started, notices = make(victim(start_with="init"))
    assert started.exception(5).code == "start_failed"
    assert settled(system, notices) == [("start_failed", "ValueError: init")]


@pytest.mark.parametrize("error", ERRORS, ids=IDS)
def test_raising_while_stopping_changes_nothing_about_the_end(make, error, caplog):
    system, started, notices = make(victim(stop_with=error))
    started.result(5).tell("stop")
    assert settled(system, notices) == [("normal", "normal")]
    assert "actor.stopping_failed" in caplog.text


@pytest.mark.parametrize("error", ERRORS, ids=IDS)
def test_raising_while_cleaning_up_after_a_crash_is_still_one_crash(make, error):
    system, started, notices = make(victim(stop_with=error))
    started.result(5).tell(ValueError("first"))
    assert settled(system, notices) == [("crash", "ValueError: first")]


def test_an_operators_stop_is_one_shutdown(make):
    system, started, notices = make(victim())
    started.result(5)
    system.terminate_child("pool/victim").result(5)
    assert settled(system, notices) == [("shutdown", "shutdown")]


def test_pykkas_own_stop_is_one_shutdown_and_is_answered(make):
    system, started, notices = make(victim())
    started.result(5)
    ref = next(ref for ref in pykka.ActorRegistry.get_all() if ref._actor_weakref().cell.name == "victim")
    assert ref.stop(timeout=5) is True
    assert settled(system, notices) == [("shutdown", "shutdown: pykka stop")]


def test_bare_pykka_messages_arrive_and_proxies_are_refused(make):
    system, started, notices = make(victim())
    started.result(5)
    ref = next(ref for ref in pykka.ActorRegistry.get_all() if ref._actor_weakref().cell.name == "victim")
    assert ref.ask("hello", timeout=5) == "hello"
    with pytest.raises(TypeError, match="not proxy calls"):
        ref.proxy().cell.get(timeout=5)
    with pytest.raises(ValueError, match="from pykka"):
        ref.ask(ValueError("from pykka"), timeout=5)
    assert settled(system, notices) == [("crash", "ValueError: from pykka")]
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("too late")


def test_a_start_that_makes_something_else_than_an_actor_is_one_failed_start(make):
    system, started, notices = make(lambda context: object())
    assert started.exception(5).code == "start_failed"
    assert settled(system, notices) == [("start_failed", "TypeError: start made a object, not an Actor")]


def test_no_thread_for_the_actor_is_one_failed_start(make, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    system, started, notices = make(victim())
    started.result(5)
    with monkeypatch.context() as patch:
        patch.setattr("supervision.handle.ActorThread.start", refuse)
        again = system.start_child("pool", ChildSpec("other", Victim, restart=Restart.TEMPORARY))
        assert "can't start new thread" in str(again.exception(5))
    assert notices == [("start_failed", "can't start new thread")]
    assert not [r for r in pykka.ActorRegistry.get_all() if r._actor_weakref().cell.name == "other"]


def test_queued_asks_fail_at_once_when_the_actor_ends(make):
    system, started, _ = make(victim())
    handle = started.result(5)
    gate = threading.Event()

    class Block(Victim):
        def handle(self, message):
            gate.wait(5)
            raise ValueError("x")

    handle = system.start_child("pool", ChildSpec("block", Block, restart=Restart.TEMPORARY)).result(5)
    asks = [handle.ask_async(n, 60) for n in range(20)]
    gate.set()
    kinds = {type(ask.exception(5)) for ask in asks}
    assert kinds == {RemoteError, ActorDown}


def test_a_base_exception_does_not_stop_all_actors_of_the_process(make):
    outsider = pykka.ThreadingActor.start()
    try:
        system, started, notices = make(victim())
        started.result(5).tell(SystemExit(1))
        settled(system, notices)
        assert outsider.is_alive()
    finally:
        outsider.stop(timeout=5)


def test_a_crash_restarts_and_the_new_incarnation_answers(make):
    _, started, _ = make(victim(), restart=Restart.PERMANENT, backoff=BackOff(0.01, 0.01))
    handle = started.result(5)
    handle.tell(ValueError("x"))
    wait_for(lambda: handle.incarnation == 2 and handle.alive)
    assert handle.ask("back", 5) == "back"


def test_a_defect_in_the_supervisor_itself_leaves_no_orphans(make):
    system, started, _ = make(victim(), restart=Restart.PERMANENT)
    handle = started.result(5)
    cell = system.handle("pool").cell
    cell.supervisor.reconcile = None
    cell.mailbox.put_control(object())
    wait_for(lambda: system.handle("pool").incarnation == 2)
    wait_for(lambda: not handle.alive)


def test_logs_carry_no_phone_numbers(make, caplog):
    system, started, notices = make(victim())
    started.result(5).tell(ValueError("chat 4917012345678@c.us broke"))
    settled(system, notices)
    assert "child.ended" in caplog.text
    assert "4917012345678" not in caplog.text
    assert logging.getLevelName("ERROR")


def test_an_end_in_good_order_is_told_in_one_line(make, caplog):
    caplog.set_level(logging.INFO, "supervision")
    system, started, _ = make(victim())
    path = started.result(5).path
    system.terminate_child(path).result(5)

    def told():
        return [record.event for record in caplog.records if getattr(record, "path", "") == path]

    wait_for(lambda: "child.stopped" in told())
    assert told() == ["child.running", "child.stopped"]


class LineDead(KnownFailure):
    """Befalls actors that are sound."""


@pytest.mark.parametrize(
    ("cause", "level", "traceback"),
    [
        (None, logging.WARNING, False),
        (LineDead("cut"), logging.WARNING, False),
        (OSError(5), logging.ERROR, True),
    ],
)
def test_a_known_failure_is_one_line_unless_an_unknown_one_stands_behind_it(
    make, caplog, cause, level, traceback
):
    system, started, notices = make(victim())
    error = LineDead("the line is dead")
    error.__cause__ = cause
    started.result(5).tell(error)
    settled(system, notices)
    (record,) = [each for each in caplog.records if each.msg.startswith("child.ended")]
    assert record.levelno == level
    assert (record.kind, record.reason) == ("crash", "LineDead: the line is dead")
    assert hasattr(record, "exception") is traceback
    assert ("Traceback" in record.getMessage()) is traceback
