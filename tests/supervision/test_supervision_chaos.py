"""Random chaos in nested trees against invariants.

On failure the assertion carries the whole run as one linear trace.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from supervision import (
    BackOff,
    ChildSpec,
    HoldUntil,
    Jitter,
    StopChild,
    StormFuse,
    Strategy,
    SupervisorSpec,
)
from supervision.child import State
from supervision.testing import Take, VirtualTree
from supervision.virtual import Turn
from tests.supervision.random_trees import RESTARTS, SLOW, silent  # noqa: F401 - a fixture


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


Chaos.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=SLOW
)
TestChaos = Chaos.TestCase
