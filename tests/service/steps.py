"""The steps of a send in the real service, in their order, each of them a place to kill somebody at.

python -m tests.service.steps FILE: `wahook serve`, which ends itself with SIGKILL at a step. FILE says which,
"STEP COUNT", as soon as there is such a file; from then on the step is reached COUNT times.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from actors.model import Ack
from actors.session_journal import SessionJournal
from wahook import assembly, cli
from wahook.messages import MessageCommands
from wahook.outbox.courier import Courier
from wahook.outbox.lane import RqLane
from wahook.outbox.queues import LaneQueues
from wahook.simulator.calls import Call
from wahook.simulator.messaging import Messaging
from wahook.simulator.network import Network
from wahook.simulator.wire import Answer

STEPS = (
    "journaled",  # accepted and on disk, the lane has not heard of it
    "queued",  # a job in Redis, about to be taken
    "after_pop",
    "before_begin",
    "after_begin",  # the row says `sending`
    "before_send",
    "called",  # the page has been asked to send, and WhatsApp has not got it
    "on_wire",  # WhatsApp has it, and the page does not know
    "acked",  # the page told of the server's ack, whose row is not written
    "after_send",  # the page has answered
    "before_end",
    "after_end",  # the row says `sent`, the job has not ended
    "after_job",
)
AT_WHATSAPP = ("called", "on_wire")
Put = Callable[[object, str, object], None]


class Lost(Exception):
    """Whoever spoke to WhatsApp's server gets no answer."""


class Trap:
    """Acts once, at the nth time that a step is reached, in the thread that reaches it. Any thread."""

    def __init__(self) -> None:
        self.sprung = threading.Event()
        self._lock = threading.Lock()
        self._step, self._left = "", 0
        self._act: Callable[[], None] = lambda: None

    @property
    def armed(self) -> bool:
        return self._left > 0

    def set(self, step: str, count: int, act: Callable[[], None]) -> None:
        with self._lock:
            self.sprung.clear()
            self._step, self._left, self._act = step, count, act

    def __call__(self, step: str, _sender: str = "") -> None:
        with self._lock:
            if step != self._step or self._left == 0:
                return
            self._left -= 1
            due = self._left == 0
        if due:
            self.sprung.set()
            self._act()


def tell(passed: Callable[[str], None], put: Put = setattr) -> None:
    """Have every step but those at WhatsApp told: by the outbox's own seams, and before what has none."""

    def before(step: str, where: type, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
        done = getattr(where, name)

        def doing(*args: object, **kwargs: object) -> object:
            if when(*args):
                passed(step)
            return done(*args, **kwargs)

        put(where, name, doing)

    put(assembly, "RqLane", partial(RqLane, seam=passed))
    put(assembly, "Courier", partial(Courier, seam=passed))
    before("journaled", MessageCommands, "_enqueue")
    before("queued", LaneQueues, "pop")
    before("acked", SessionJournal, "acked", lambda _, arrived: arrived.ack is Ack.SERVER)


def tell_whatsapp(passed: Callable[[str, str], None], put: Put) -> None:
    """Have the steps at WhatsApp told with the sender's number, in the simulator's thread.

    `Lost` there means: no answer. To be called before the simulator is made: it knows its operations then.
    """
    ask, send = Messaging._send, Network.send

    def asked(messaging: Messaging, call: Call) -> Answer:
        try:
            return ask(messaging, call)
        except Lost:
            return None

    def sending(network: Network, sender: str, *args: object, **kwargs: object) -> bool:
        passed("called", sender)
        fresh = send(network, sender, *args, **kwargs)
        passed("on_wire", sender)
        return fresh

    put(Messaging, "_send", asked)
    put(Network, "send", sending)


def main(order: Path) -> None:
    trap, read = Trap(), threading.Lock()

    def passed(step: str) -> None:
        with read:
            if not trap.armed and order.exists():
                wanted, count = order.read_text(encoding="utf-8").split()
                trap.set(wanted, int(count), lambda: os.kill(os.getpid(), signal.SIGKILL))
        trap(step)

    tell(passed)
    sys.argv = ["wahook", "serve"]
    cli.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
