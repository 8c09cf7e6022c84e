"""Random trees, exits and operators against a small pure model.

On failure the assertion carries the whole run as one linear trace.
"""

import math
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervision import (
    AdminError,
    ChildSpec,
    Restart,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import VirtualTree
from tests.supervision.random_trees import BACKOFF, NAMES, RESTARTS, SCRIPT, SLOW, silent  # noqa: F401 - a fixture


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


AgainstTheModel.TestCase.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=SLOW
)
TestAgainstTheModel = AgainstTheModel.TestCase
