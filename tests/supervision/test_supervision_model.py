"""Random trees, exits and operators against a small pure model; random chaos against invariants.

On failure the assertion carries the whole run as one linear trace.
"""

import logging
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
    """The model's idea of one child."""

    name: str
    restart: Restart
    backoff: bool
    script: list[str] = field(default_factory=list)
    ignored: int = 0
    up: bool = True
    failed: bool = False
    failures: int = 0
    due: float | None = None
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

    def start(self, kid):
        """One attempt: "ok", "crash" or "ignore"."""
        self.count[kid.name] = number = self.count.get(kid.name, 0) + 1
        outcome = kid.script[number - 1] if number <= len(kid.script) else "ok"
        kid.up, kid.due, kid.failed = outcome == "ok", None, False
        kid.spell = self.now + 5.0 if kid.backoff and kid.up else None
        if outcome == "ignore":
            kid.ignored = number
            if self.dynamic or kid.restart is Restart.TEMPORARY:
                self.kids.remove(kid)
        return outcome

    def add(self, kid):
        self.kids.append(kid)
        outcome = self.start(kid)
        if outcome == "crash":
            self.kids.remove(kid)
        return outcome

    def down(self, kid):
        kid.up, kid.due, kid.spell = False, None, None

    def die(self, kid, *, abnormal):
        self.down(kid)
        if kid.restart is Restart.TEMPORARY:
            self.kids.remove(kid)
        elif kid.restart is Restart.TRANSIENT and not abnormal:
            kid.failures = 0
            if self.dynamic:
                self.kids.remove(kid)
        else:
            self.come_back(kid)

    def come_back(self, kid):
        if kid.backoff:
            kid.failures += 1
            kid.failed = kid.failures > 3
            kid.due = None if kid.failed else self.now + min(8.0, 2.0 ** (kid.failures - 1))
        else:
            self.times = [*(t for t in self.times if t >= self.now - self.period), self.now]
            self.dead = len(self.times) > self.intensity
            if not self.dead:
                self.restart_group(kid)

    def try_start(self, kid):
        """A start that is tried again when it fails, with its own group. False when it failed."""
        if self.start(kid) != "crash":
            return True
        if kid.restart is Restart.TEMPORARY:
            self.kids.remove(kid)
            return True
        self.come_back(kid)
        return False

    def group(self, kid):
        match self.strategy:
            case Strategy.ONE_FOR_ONE:
                return [kid]
            case Strategy.ONE_FOR_ALL:
                return list(self.kids)
            case Strategy.REST_FOR_ONE:
                return self.kids[self.kids.index(kid) :]

    def restart_group(self, kid):
        group = self.group(kid)
        for each in group:
            if each is not kid and each.up and each.restart is Restart.TEMPORARY:
                self.kids.remove(each)
            else:
                self.down(each)
        for each in group:
            if each in self.kids and not self.try_start(each):
                return  # and it has taken along who was to come after it

    def terminate(self, kid):
        self.down(kid)
        kid.failed = False
        if kid.restart is Restart.TEMPORARY or self.dynamic:
            self.kids.remove(kid)

    def advance(self, seconds):
        target = self.now + seconds
        while not self.dead:
            events = [(k.due, k) for k in self.kids if k.due is not None]
            events += [(k.spell, k) for k in self.kids if k.spell is not None]
            at, kid = min(events, key=lambda e: e[0], default=(None, None))
            if at is None or at > target:
                break
            self.now = at
            if kid.due == at:
                self.try_start(kid)
            else:
                kid.failures, kid.spell = 0, None
        self.now = target

    def expected(self):
        return {
            kid.name: (
                "running" if kid.up else "failed" if kid.failed else "backoff" if kid.due else "stopped"
            )
            for kid in self.kids
        }


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
        kids = [
            Kid(name, restart, self.may_back_off(backoff), ["ok", *script])
            for name, restart, backoff, script in kids
        ]
        static = () if dynamic else tuple(self.spec(kid) for kid in kids)
        sub = SupervisorSpec(static, strategy=shape, intensity=intensity, period=period, dynamic=dynamic)
        self.tree.start(SupervisorSpec((ChildSpec("s", sub, restart=Restart.TEMPORARY),)))
        for kid in kids:
            if dynamic:
                self.tree.do(self.tree.system.start_child("s", self.spec(kid)))
            self.model.add(kid)

    def may_back_off(self, wanted):
        """In groups the model would need the walk itself: there the invariants watch instead."""
        return wanted and self.model.strategy is Strategy.ONE_FOR_ONE

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
        refusal = self.refusal(kid)
        if refusal is None:
            kid.failures = 0
            refusal = "start_failed" if self.model.start(kid) == "crash" else None
        assert code == refusal

    @precondition(alive)
    @rule(name=NAMES)
    def delete_child(self, name):
        code = self.verb(self.tree.system.delete_child(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        assert code == self.refusal(kid)
        if code is None:
            self.model.kids.remove(kid)

    def refusal(self, kid):
        if kid is None:
            return "not_found"
        if self.model.dynamic:
            return "not_supported"
        return "running" if kid.up else "restarting" if kid.due else None

    @precondition(alive)
    @rule(name=NAMES)
    def retry(self, name):
        code = self.verb(self.tree.system.retry(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        refusal = "not_found" if kid is None else "running" if kid.up else None
        if refusal is None:
            kid.failures = 0
            self.model.try_start(kid)
        assert code == refusal or self.model.dead

    @precondition(alive)
    @rule(name=NAMES)
    def restart(self, name):
        code = self.verb(self.tree.system.restart(f"s/{name}", by="model"))
        kid = self.model.kid(name)
        if kid:
            kid.failures = 0
            self.model.restart_group(kid)
        if self.alive():  # else it depends on whether it came up before the fuse blew
            assert code == (None if kid and not self.lost(kid) else "not_found")

    def lost(self, kid):
        """It failed and was not kept; one that ignores its start has done as it was told."""
        return kid not in self.model.kids and kid.ignored != self.model.count[kid.name]

    @precondition(alive)
    @rule(name=NAMES, restart=RESTARTS, backoff=st.booleans(), script=SCRIPT)
    def start_child(self, name, restart, backoff, script):
        kid = Kid(name, restart, self.may_back_off(backoff), script)
        code = self.verb(self.tree.system.start_child("s", self.spec(kid), by="model"))
        present = self.model.kid(name)
        refusal = present and ("already_started" if present.up else "already_present")
        if not present:
            refusal = "start_failed" if self.model.add(kid) == "crash" else None
        assert code == refusal

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
