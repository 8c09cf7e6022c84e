"""Random trees, exits and operators against a small pure model; random chaos against invariants.

On failure the assertion carries the whole run as one linear trace.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervision import (
    AdminError,
    BackOff,
    ChildSpec,
    HoldUntil,
    Jitter,
    Restart,
    StopChild,
    StormFuse,
    Strategy,
    SupervisorSpec,
)
from supervision.child import State
from supervision.testing import Take, VirtualTree
from supervision.virtual import Turn


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Ten thousand scripted crashes need no log."""
    logger = logging.getLogger("supervision")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)


RESTARTS = st.sampled_from(Restart)
NAMES = st.sampled_from("abcdef")
SCRIPT = st.lists(st.sampled_from(["ok", "ok", "crash", "ignore"]), max_size=6)
BACKOFF = BackOff(1.0, 8.0, jitter=Jitter(1, 1), reset_after=5.0, max_consecutive=3)


@dataclass
class Kid:
    """The model's idea of one child. `first`, `by_hand`: what a failed start means for it."""

    name: str
    restart: Restart
    backoff: bool
    script: list[str] = field(default_factory=list)
    up: bool = False
    wanted: bool = True
    failed: bool = False
    first: bool = True
    by_hand: bool = False
    waits_for: str = ""
    failures: int = 0
    due: float = 0.0
    spell: float | None = None


@dataclass
class Model:
    """OTP's rules for one supervisor, and the back-off, in a hundred lines: no threads, no messages."""

    strategy: Strategy
    intensity: int
    period: float
    dynamic: bool
    now: float = 0.0
    kids: list[Kid] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    dead: bool = False

    def kid(self, name):
        return next((kid for kid in self.kids if kid.name == name), None)

    def waiting(self, kid):
        return kid.wanted and not kid.up and not kid.failed

    # -- starts ---------------------------------------------------------------------------------------

    def walk(self):
        """Start who may, one after the other, until nobody may."""
        while not self.dead and (kid := self.next_one()) is not None:
            self.attempt(kid)

    def next_one(self):
        ordered = self.strategy is not Strategy.ONE_FOR_ONE
        waiting = [kid for kid in self.kids if self.waiting(kid)]
        if self.strategy is Strategy.ONE_FOR_ALL and (
            any(kid.failed for kid in self.kids) or any(kid.due > self.now for kid in waiting)
        ):
            return None
        for kid in self.kids:
            if ordered and (kid.failed or (self.waiting(kid) and kid.due > self.now)):
                return None
            if self.waiting(kid) and kid.due <= self.now:
                return kid
        return None

    def attempt(self, kid):
        self.count[kid.name] = number = self.count.get(kid.name, 0) + 1
        kid.due, kid.waits_for = 0.0, ""
        match kid.script[number - 1] if number <= len(kid.script) else "ok":
            case "ok":
                kid.up, kid.first, kid.by_hand = True, False, False
                kid.spell = self.now + 5.0 if kid.backoff else None
            case "ignore":
                kid.wanted = kid.first = kid.by_hand = False
                if self.dynamic or kid.restart is Restart.TEMPORARY:
                    self.kids.remove(kid)
            case _ if kid.first or (kid.restart is Restart.TEMPORARY and not kid.by_hand):
                self.kids.remove(kid)
            case _ if kid.by_hand:
                kid.wanted = kid.by_hand = False
            case _:
                self.come_back(kid)

    # -- ends -----------------------------------------------------------------------------------------

    def down(self, kid):
        kid.up, kid.spell = False, None

    def die(self, kid, *, abnormal):
        self.down(kid)
        if kid.restart is Restart.TEMPORARY:
            self.kids.remove(kid)
        elif kid.restart is Restart.TRANSIENT and not abnormal:
            kid.failures, kid.wanted = 0, False
            if self.dynamic:
                self.kids.remove(kid)
        else:
            self.come_back(kid)
        self.walk()

    def come_back(self, kid):
        kid.failures += 1
        if kid.backoff:
            kid.failed = kid.failures > 3
            kid.due = 0.0 if kid.failed else self.now + min(8.0, 2.0 ** (kid.failures - 1))
        else:
            self.times = [*(t for t in self.times if t >= self.now - self.period), self.now]
            self.dead = len(self.times) > self.intensity
        self.take_group_down(kid)

    def group(self, kid):
        match self.strategy:
            case Strategy.ONE_FOR_ONE:
                return [kid]
            case Strategy.ONE_FOR_ALL:
                return list(self.kids)
            case Strategy.REST_FOR_ONE:
                return self.kids[self.kids.index(kid) :]

    def take_group_down(self, kid):
        for each in self.group(kid):
            if each is kid:
                continue
            if each.up and each.restart is Restart.TEMPORARY:
                self.kids.remove(each)
            if not (self.waiting(each) or each.failed):
                each.waits_for = kid.name
            self.down(each)
            each.wanted = True

    # -- operators ------------------------------------------------------------------------------------

    def add(self, kid):
        self.kids.append(kid)
        self.walk()

    def want(self, kid, *, by_hand=False):
        kid.failed, kid.failures, kid.due = False, 0, 0.0
        kid.wanted, kid.by_hand = True, by_hand
        kid.first = kid.first and not by_hand
        for each in self.kids:
            if each.waits_for == kid.name:
                each.wanted = True
        self.walk()

    def restart(self, kid):
        self.down(kid)
        self.take_group_down(kid)
        self.want(kid)

    def terminate(self, kid):
        if not kid.up:
            for each in self.kids:
                if each.waits_for == kid.name:
                    each.wanted, each.by_hand = False, False
        self.down(kid)
        kid.failed = kid.wanted = kid.by_hand = False
        kid.due, kid.waits_for = 0.0, ""
        if kid.restart is Restart.TEMPORARY or self.dynamic:
            self.kids.remove(kid)
        self.walk()

    def delete(self, kid):
        self.kids.remove(kid)
        self.walk()

    # -- time -----------------------------------------------------------------------------------------

    def advance(self, seconds):
        target = self.now + seconds
        while not self.dead:
            events = [kid.due for kid in self.kids if self.waiting(kid) and kid.due > self.now]
            events += [kid.spell for kid in self.kids if kid.spell is not None]
            if min(events, default=math.inf) > target:
                break
            self.now = min(events)
            for kid in self.kids:
                if kid.spell == self.now:
                    kid.failures, kid.spell = 0, None
            self.walk()
        self.now = target

    def expected(self):
        return {kid.name: self.state(kid) for kid in self.kids}

    def state(self, kid):
        if kid.up:
            return "running"
        if kid.failed:
            return "failed"
        return "backoff" if kid.wanted and kid.due > self.now else "stopped"


class AgainstTheModel(RuleBasedStateMachine):
    """One supervisor; every step settles, then states and incarnations must be the model's."""

    def __init__(self):
        super().__init__()
        self.tree = VirtualTree(seed=3)

    @initialize(
        strategy=st.sampled_from([*Strategy, "dynamic"]),
        intensity=st.integers(0, 4),
        period=st.sampled_from([1.0, 30.0]),
        kids=st.lists(
            st.tuples(NAMES, RESTARTS, st.booleans(), SCRIPT), max_size=5, unique_by=lambda kid: kid[0]
        ),
    )
    def boot(self, strategy, intensity, period, kids):
        dynamic = strategy == "dynamic"
        shape = Strategy.ONE_FOR_ONE if dynamic else strategy
        self.model = Model(shape, intensity, period, dynamic)
        kids = [Kid(name, restart, backoff, ["ok", *script]) for name, restart, backoff, script in kids]
        static = () if dynamic else tuple(self.spec(kid) for kid in kids)
        sub = SupervisorSpec(static, strategy=shape, intensity=intensity, period=period, dynamic=dynamic)
        self.tree.start(SupervisorSpec((ChildSpec("s", sub, restart=Restart.TEMPORARY),)))
        for kid in kids:
            if dynamic:
                self.tree.do(self.tree.system.start_child("s", self.spec(kid)))
            self.model.add(kid)

    def spec(self, kid):
        backoff = BACKOFF if kid.backoff else None
        start = self.tree.scripted(*kid.script)
        return ChildSpec(kid.name, start, restart=kid.restart, backoff=backoff)

    def alive(self):
        return not self.model.dead

    def verb(self, future):
        """The verb's refusal code, or None. A start that is being tried again has no answer yet."""
        self.tree.settle()
        refusal = future.exception(0) if future.done() else None
        assert refusal is None or isinstance(refusal, AdminError), self.tree.trace()
        return refusal.code if refusal else None

    @precondition(alive)
    @rule(name=NAMES, way=st.sampled_from(["crash", "exit", "normal", "shutdown"]))
    def ends_by_itself(self, name, way):
        told = self.tree.tell(f"s/{name}", way)
        kid = self.model.kid(name)
        assert told == (kid is not None and kid.up)
        if told:
            self.model.die(kid, abnormal=way in ("crash", "exit"))

    @precondition(alive)
    @rule(name=NAMES)
    def is_killed(self, name):
        killed = self.tree.handle(f"s/{name}").kill("test")
        self.tree.settle()
        kid = self.model.kid(name)
        assert killed == (kid is not None and kid.up)
        if killed:
            self.model.die(kid, abnormal=True)

    @precondition(alive)
    @rule(name=NAMES)
    def terminate_child(self, name):
        code = self.verb(self.tree.system.terminate_child(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        assert code == (None if kid else "not_found")
        if kid:
            self.model.terminate(kid)

    @precondition(alive)
    @rule(name=NAMES)
    def restart_child(self, name):
        code = self.verb(self.tree.system.restart_child(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        self.carried_out(code, self.refusal(kid))
        if self.refusal(kid) is None:
            self.model.want(kid, by_hand=True)

    @precondition(alive)
    @rule(name=NAMES)
    def delete_child(self, name):
        code = self.verb(self.tree.system.delete_child(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        assert code == self.refusal(kid)
        if code is None:
            self.model.delete(kid)

    def refusal(self, kid):
        if kid is None:
            return "not_found"
        if self.model.dynamic:
            return "not_supported"
        return "running" if kid.up else "restarting" if self.model.waiting(kid) else None

    def carried_out(self, code, refusal):
        """Refused as it had to be, or not at all: what came of the start is seen by the states."""
        assert code == refusal if refusal else code in (None, "start_failed", "not_found"), self.tree.trace()

    @precondition(alive)
    @rule(name=NAMES)
    def retry(self, name):
        code = self.verb(self.tree.system.retry(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        refusal = "not_found" if kid is None else "running" if kid.up else None
        self.carried_out(code, refusal)
        if refusal is None:
            self.model.want(kid)

    @precondition(alive)
    @rule(name=NAMES)
    def restart(self, name):
        code = self.verb(self.tree.system.restart(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        self.carried_out(code, None if kid else "not_found")
        if kid:
            self.model.restart(kid)

    @precondition(alive)
    @rule(name=NAMES, restart=RESTARTS, backoff=st.booleans(), script=SCRIPT)
    def start_child(self, name, restart, backoff, script):
        kid = Kid(name, restart, backoff, script)
        code = self.verb(self.tree.system.start_child("s", self.spec(kid), by="model"))
        present = self.model.kid(name)
        refusal = present and ("already_started" if present.up else "already_present")
        self.carried_out(code, refusal)
        if not present:
            self.model.add(kid)

    @rule(seconds=st.sampled_from([0.4, 1.0, 3.0, 6.0, 31.0]))
    def time_passes(self, seconds):
        self.tree.advance(seconds)
        self.model.advance(seconds)

    @invariant()
    def states_and_incarnations_are_the_models(self):
        if not hasattr(self, "model"):
            return
        states = {path[2:]: state for path, state in self.tree.states().items() if path.startswith("s/")}
        wanted = {} if self.model.dead else self.model.expected()
        for kid in self.model.kids:  # its delay is over, but others come first: both words will do
            if states.get(kid.name) == "backoff" and 0.0 < kid.due <= self.model.now:
                wanted[kid.name] = "backoff"
        assert states == wanted, f"\n{states}\nmodel:\n{wanted}\n{self.tree.trace()}"
        for name, count in self.model.count.items():
            assert self.tree.handle(f"s/{name}").incarnation == count, self.tree.trace()

    def teardown(self):
        self.tree.close()


class Chaos(RuleBasedStateMachine):
    """Nested trees, hangs, slow starts and stops, storms; rules interrupt each other at any step."""

    def __init__(self):
        super().__init__()
        self.tree = None
        self.answers = []

    LEAF = st.tuples(
        RESTARTS,
        st.booleans(),
        st.lists(st.sampled_from(["ok", "ok", "crash", "exit", Take(1.5), Take(9.0, "crash")]), max_size=4),
        st.sampled_from(["ok", "ok", "crash", "hang", Take(0.5)]),
        st.booleans(),
        st.sampled_from([None, HoldUntil(2.0), StopChild("human")]),
    )

    @initialize(
        seed=st.integers(0, 2**16),
        shapes=st.lists(
            st.tuples(st.sampled_from(Strategy), st.lists(LEAF, max_size=4)), min_size=1, max_size=3
        ),
        storm=st.booleans(),
    )
    def boot(self, seed, shapes, storm):
        self.tree = tree = VirtualTree(seed, shuffle=True)
        subs = []
        for index, (strategy, leaves) in enumerate(shapes):
            children = tuple(self.leaf(f"w{n}", *leaf) for n, leaf in enumerate(leaves))
            spec = SupervisorSpec(children, strategy=strategy, intensity=3, period=5.0)
            subs.append(ChildSpec(f"s{index}", spec, backoff=BackOff(0.5, 4, jitter=Jitter(1, 1))))
        fuse = StormFuse(2, 10.0, 5.0, spread=1.0) if storm else None
        tree.start(SupervisorSpec((*subs, ChildSpec("pool", SupervisorSpec(dynamic=True))), storm_fuse=fuse))
        self.paths = [f"s{i}/w{n}" for i, (_, leaves) in enumerate(shapes) for n in range(len(leaves))]
        self.paths += [f"s{i}" for i in range(len(shapes))] + ["pool/x", "pool/y"]

    def leaf(self, name, restart, backoff, starts, stopping, killable, outcome):
        return ChildSpec(
            name,
            self.tree.scripted(*starts, stopping=stopping, killable=killable),
            restart=restart,
            backoff=BackOff(1, 4, max_consecutive=3) if backoff else None,
            classify=(lambda exit_: outcome) if outcome and backoff else None,
            shutdown=1.0,
            kill_grace=0.5,
            start_timeout=3.0,
        )

    @rule(data=st.data(), way=st.sampled_from(["crash", "exit", "normal", "hang", "echo", Take(0.7)]))
    def tell(self, data, way):
        self.tree.system.handle(data.draw(st.sampled_from(self.paths))).tell(way)

    @rule(data=st.data())
    def kill(self, data):
        self.tree.system.handle(data.draw(st.sampled_from(self.paths))).kill("chaos")

    @rule(
        data=st.data(),
        verb=st.sampled_from(
            ["terminate_child", "restart_child", "delete_child", "retry", "restart", "kill", "which_children"]
        ),
    )
    def operate(self, data, verb):
        path = data.draw(st.sampled_from(self.paths))
        self.answers.append((verb, path, getattr(self.tree.system, verb)(path)))

    @rule(name=st.sampled_from("xy"), leaf=LEAF)
    def start_child(self, name, leaf):
        answer = self.tree.system.start_child("pool", self.leaf(name, *leaf))
        self.answers.append(("start_child", name, answer))

    @rule(shape=st.integers(0, 2), name=st.sampled_from("xy"), leaf=LEAF)
    def start_child_of_a_group(self, shape, name, leaf):
        path = f"s{shape}"
        if path in self.paths:
            answer = self.tree.system.start_child(path, self.leaf(name, *leaf))
            self.answers.append(("start_child", f"{path}/{name}", answer))
            self.paths.append(f"{path}/{name}")

    @rule(steps=st.integers(1, 12))
    def a_few_steps(self, steps):
        for _ in range(steps):
            if not self.tree.runtime.step():
                return
            self.sound()

    @rule(seconds=st.sampled_from([0.1, 0.6, 2.0, 7.0, 30.0]))
    def time_passes(self, seconds):
        self.tree.advance(seconds)
        self.nobody_is_forgotten()

    @rule(data=st.data())
    def release(self, data):
        self.tree.release(data.draw(st.sampled_from(self.paths)))

    @invariant()
    def sound(self):
        if self.tree is None:
            return
        self.never_two_incarnations()
        for supervisor in self.supervisors():
            self.order_is_kept(supervisor)
            self.budgets_hold(supervisor)

    def never_two_incarnations(self):
        given_up = {f"{cell.path}#{cell.incarnation}" for cell in self.tree.system.home.abandoned}
        live = [
            t.name for t in self.tree.runtime.threads if t.turn is not Turn.DONE and t.name not in given_up
        ]
        paths = [name.rpartition("#")[0] for name in live]
        assert len(paths) == len(set(paths)), f"{live}\n{self.tree.trace()}"

    def supervisors(self):
        queue = [self.tree.system.root]
        while queue:
            cell = queue.pop().cell
            supervisor = getattr(cell, "supervisor", None)
            if supervisor is not None:
                yield supervisor
                queue.extend(supervisor.children.values())

    def order_is_kept(self, supervisor):
        """In a group nothing starts before what it depends on is up, and no two start at once."""
        if supervisor.spec.strategy is Strategy.ONE_FOR_ONE:
            return
        kids = list(supervisor.children.values())
        starting = [n for n, kid in enumerate(kids) if kid.state() is State.STARTING]
        assert len(starting) <= 1, self.tree.trace()
        for kid in kids[: starting[0]] if starting else []:
            assert kid.up or not kid.wanted or kid.deferred, self.tree.trace()

    def nobody_is_forgotten(self):
        """Whatever may be done without time passing has been done."""
        for supervisor in self.supervisors():
            kids = list(supervisor.children.values())
            assert supervisor.live_count == sum(kid.live for kid in kids), self.tree.trace()
            going = [kid for kid in kids if kid.stopping and kid.live]
            assert not going or any(kid.rung for kid in going), self.tree.trace()
            if supervisor.ending:
                assert supervisor.live_count, self.tree.trace()
            elif not going:
                assert not self.may_start(supervisor, kids), self.tree.trace()

    def may_start(self, supervisor, kids):
        """Those that are down although nothing keeps them down."""
        due = [kid for kid in kids if kid.waiting and kid.due <= self.tree.now]
        if supervisor.spec.strategy is Strategy.ONE_FOR_ONE and not supervisor.booting:
            return due
        if any(kid.live and not kid.up for kid in kids):
            return []
        held = [kid for kid in kids if kid.failed or (kid.waiting and kid.due > self.tree.now)]
        if supervisor.spec.strategy is Strategy.ONE_FOR_ALL:
            return [] if held else due
        return [kid for kid in due if not held or kids.index(kid) < kids.index(held[0])]

    def budgets_hold(self, supervisor):
        assert len(supervisor.recent) <= supervisor.spec.intensity + 1, self.tree.trace()
        for kid in supervisor.children.values():
            limit = kid.spec.backoff.max_consecutive if kid.spec.backoff else None
            assert limit is None or kid.failures <= limit + 1, self.tree.trace()

    def teardown(self):
        if self.tree is None:
            return
        self.tree.advance(200.0)
        self.sound()
        self.nobody_is_forgotten()
        hung = [(verb, path) for verb, path, answer in self.answers if not answer.done()]
        assert not hung, f"{hung}\n{self.tree.trace()}"
        quiet = len(self.tree.log)
        self.tree.close()
        assert self.tree.system.ended.done(), self.tree.trace()
        assert not self.tree.system.home.abandoned, self.tree.trace()
        assert not self.tree.system.home._claims
        assert quiet <= len(self.tree.log)


SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
AgainstTheModel.TestCase.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=SLOW
)
Chaos.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=SLOW
)
TestAgainstTheModel = AgainstTheModel.TestCase
TestChaos = Chaos.TestCase
