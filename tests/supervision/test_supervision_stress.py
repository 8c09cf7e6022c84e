"""Real threads, real time, everybody at once: what lock-step runs cannot show."""

import itertools
import random
import threading
import time
from collections import Counter

from supervision import (
    Actor,
    AdminError,
    AskError,
    AskTimeout,
    BackOff,
    ChildSpec,
    Restart,
    Strategy,
    SupervisorSpec,
    System,
)

SECONDS, LIVES = 2.0, 100  # so long, and until there were so many, however slow the machine
PATIENCE = 40.0


class Census:
    """Counts live incarnations by path, and how often there were two."""

    def __init__(self):
        self.lock = threading.Lock()
        self.live = Counter()
        self.doubles = 0

    def born(self, path):
        with self.lock:
            self.live[path] += 1
            self.doubles += self.live[path] > 1

    def dead(self, path):
        with self.lock:
            self.live[path] -= 1


def member(census):
    class Member(Actor):
        def __init__(self, context):
            super().__init__(context)
            census.born(context.path)
            context.every(0.005, "tick")

        def started(self):
            if random.random() < 0.05:
                raise OSError("will not start")

        def handle(self, message):
            if message == "crash":
                raise ValueError(message)
            if message == "exit":
                raise SystemExit(1)
            if message == "stop":
                self.context.stop()
            return message

        def stopping(self, exit):  # noqa: A002
            census.dead(self.context.path)

    return Member


PATHS = [f"{strategy.value}/{name}" for strategy in Strategy for name in "abc"]


def build(actor):
    backoff = BackOff(0.001, 0.01)
    retried = BackOff(0.001, 0.01, retry_first_start=True)
    members = tuple(ChildSpec(name, actor, backoff=backoff) for name in "abc")
    groups = [ChildSpec(s.value, SupervisorSpec(members, strategy=s), backoff=retried) for s in Strategy]
    return System(SupervisorSpec((*groups, ChildSpec("pool", SupervisorSpec(dynamic=True)))))


class Mob:
    """Senders and operators, each on a thread of its own."""

    def __init__(self, system, actor):
        self.system = system
        self.actor = actor
        self.began = time.monotonic()
        self.unsettled = []
        self.unanswered = []

    def lives(self):
        return sum(self.system.handle(path).incarnation for path in PATHS)

    def goes_on(self):
        took = time.monotonic() - self.began
        return took < SECONDS or (self.lives() <= LIVES and took < PATIENCE)

    def run(self):
        works = [self.send, self.send, self.send, self.operate, self.operate]
        threads = [threading.Thread(target=work, args=(random.Random(n),)) for n, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(80)

    def send(self, rng):
        while self.goes_on():
            handle = self.system.handle(rng.choice(PATHS))
            handle.tell(rng.choice(["crash", "exit", "stop", "work"]))
            try:
                handle.ask("work", 30)
            except AskTimeout as error:
                self.unanswered.append(error)
            except AskError:
                pass

    def operate(self, rng):
        for number in itertools.takewhile(lambda _: self.goes_on(), itertools.count()):
            try:
                self.verb(rng, f"t{threading.get_ident()}-{number}").result(30)
            except AdminError:
                pass
            except TimeoutError as error:
                self.unsettled.append(error)
            if rng.random() < 0.2:
                self.system.snapshot().to_text()

    def verb(self, rng, guest):
        path = rng.choice(PATHS)
        match rng.randrange(5):
            case 0:
                return self.system.restart(path, by="mob")
            case 1:
                return self.system.kill(path, by="mob")
            case 2:
                return self.system.retry(path, by="mob")
            case 3:
                spec = ChildSpec(guest, self.actor, restart=Restart.TEMPORARY)
                return self.system.start_child("pool", spec, by="mob")
            case _:
                return self.system.count_children("pool")


def test_nothing_is_doubled_lost_or_leaked_under_a_storm_of_crashes_and_operators():
    census = Census()
    actor = member(census)
    system = build(actor)
    system.start(10)
    mob = Mob(system, actor)
    mob.run()
    lives = mob.lives()
    assert system.stop(60)
    assert (mob.unsettled, mob.unanswered, census.doubles) == ([], [], 0)
    assert lives > LIVES
    assert set(census.live.values()) == {0}
    assert not system.home.abandoned
    assert not system.home._claims
