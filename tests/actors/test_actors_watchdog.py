"""The watchdog and an actor that is stuck: real threads, for only they can be."""

import threading
from functools import partial

import pytest

from actors.keepalive import KeepaliveParts, Watchdog
from actors.model import SessionStatus, SessionView
from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, System
from tests.actors.parts import CONNECTED, CREATED, ID, HandBoard, HandClient, done

DEADLINE = 10.0


class Stuck(Actor):
    """Hangs on its first message, as on a call without a deadline, until its browser is killed."""

    def __init__(self, context, killed, lives):
        super().__init__(context)
        self.killed, self.lives = killed, lives

    def started(self):
        self.context.kill_with(self.killed.set)
        self.lives.release()
        if self.context.incarnation == 1:
            self.context.handle.tell("hang")

    def handle(self, message):
        assert self.killed.wait(DEADLINE)


@pytest.mark.parametrize("status", [SessionStatus.READY, SessionStatus.INITIALIZING])
def test_an_actor_that_is_stuck_loses_its_browser_and_lives_anew_whatever_its_state(status):
    killed, lives, client, board = threading.Event(), threading.Semaphore(0), HandClient(), HandBoard()
    client.presets["state"] = lambda: done(CONNECTED)
    board.publish(SessionView(ID, status, CREATED))
    parts = KeepaliveParts(
        session_id=ID,
        client=client,
        board=board,
        calendar=lambda: CREATED,
        session_path="session",
        writer_path="writer",
        call_deadline=0.1,
        heartbeat_interval=60,
        watchdog_interval=0.05,
        activity_interval=60,
    )
    session = ChildSpec("session", partial(Stuck, killed=killed, lives=lives), backoff=BackOff(0.01, 1))
    system = System(SupervisorSpec((session, ChildSpec("watchdog", partial(Watchdog, parts=parts)))))
    system.start(DEADLINE)
    try:
        assert killed.wait(DEADLINE), "nobody killed its browser"
        assert lives.acquire(timeout=DEADLINE)
        assert lives.acquire(timeout=DEADLINE), "it was not started again"
        assert system.snapshot().find("watchdog")["app"]["last"] in (
            "actor stuck",
            "well",
            "session not ready",
        )
    finally:
        assert system.stop(DEADLINE)
