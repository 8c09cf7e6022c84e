"""The cases of erlang/otp's supervisor_SUITE, Elixir's DynamicSupervisorTest and Pekko's back-off specs that
the other modules do not have yet, under the names they have there. docs/supervision-cases.md lists all of
them, also those that are elsewhere and those that cannot be had.
"""

import gc
import itertools
import weakref

import pytest

from supervision import (
    Actor,
    AlreadyPresent,
    AlreadyStarted,
    AutoShutdown,
    BackOff,
    ChildSpec,
    ChildType,
    DomainError,
    ExitKind,
    Jitter,
    MaxChildren,
    NotFound,
    NotSupported,
    ResourceBusy,
    Restart,
    Restarting,
    Running,
    Shutdown,
    SpecError,
    StartFailed,
    StopChild,
    Strategy,
    SupervisorSpec,
)
from supervision.roster import Roster
from supervision.testing import Take, VirtualTree

P, TR, TE = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY
LOOSE = {"intensity": 100, "period": 3600.0}
HANGING = ("ok", *[Take(10.0, "crash")] * 6)
ENDS = ["normal", "shutdown", "shutdown: some info", "crash"]


def worker(tree, name, *starts, stopping="ok", killable=False, **rest):
    return ChildSpec(name, tree.scripted(*starts, stopping=stopping, killable=killable), **rest)


def run(tree, *children, **flags):
    """A supervisor `s` under a root that outlives it."""
    inner = SupervisorSpec(children, **(LOOSE | flags))
    tree.start(SupervisorSpec((ChildSpec("s", inner, restart=TE),)))
    tree.said()


def pool(tree, **flags):
    run(tree, dynamic=True, **flags)


def add(tree, spec):
    return tree.do(tree.system.start_child("s", spec))


def rows(tree, path="s"):
    """which_children with OTP's words: a handle's incarnation, "restarting" or "undefined"."""
    words = {"starting": "restarting", "backoff": "restarting", "hold": "restarting"}
    found = tree.do(tree.system.which_children(path))
    return [
        (row.id, row.handle.incarnation if row.handle else words.get(row.state, "undefined")) for row in found
    ]


def counts(tree, path="s"):
    found = tree.do(tree.system.count_children(path))
    return [found.specs, found.active, found.supervisors, found.workers]


def end(tree, path, way):
    """As the suite's terminate/4: ends by itself in that way, is killed, or is stopped by its supervisor."""
    match way:
        case "kill":
            tree.handle(path).kill("test")
            tree.settle()
        case "supervisor":
            tree.do(tree.system.terminate_child(path))
        case "shutdown: some info":
            tree.handle(path).cell.context.stop(way)
            tree.settle()
        case _:
            tree.tell(path, way)


def refused(tree, future):
    with pytest.raises(Exception) as caught:
        tree.do(future)
    return type(caught.value)


# -- sup_start ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", list(Restart))
def test_sup_start_ignore_child_start_child_simple(tree, restart):
    pool(tree)
    assert not add(tree, worker(tree, "child1", "ignore", restart=restart)).alive
    assert add(tree, worker(tree, "child2", restart=restart)).alive
    assert rows(tree) == [("child2", 1)]
    assert counts(tree) == [1, 1, 0, 1]
    assert tree.stop().kind is ExitKind.SHUTDOWN


def test_sup_start_map_simple(tree):
    pool(tree)
    spec = worker(tree, "child", restart=TE)
    add(tree, spec)
    assert tree.do(tree.system.get_childspec("s/child")) is spec
    assert (spec.type, spec.shutdown, spec.significant) == (ChildType.WORKER, 5.0, False)
    assert refused(tree, tree.system.get_childspec("s/other")) is NotFound


def test_already_started_outside_supervisor(tree):
    class Named(Actor):
        def started(self):
            self.context.claim("registered_name")

    run(tree, ChildSpec("owner", Named))
    with pytest.raises(StartFailed) as caught:
        add(tree, ChildSpec("child", Named, restart=TR))
    assert isinstance(caught.value.exit.error, ResourceBusy)
    assert rows(tree) == [("owner", 1)]


# -- sup_stop -------------------------------------------------------------------------------------------


def test_sup_stop_infinity(tree):
    forever = {"shutdown": Shutdown.INFINITY}
    run(tree, ChildSpec("child1", SupervisorSpec(), **forever), worker(tree, "child2", **forever))
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == ["s/child2#1 stopping shutdown"]


def test_sup_stop_timeout_dynamic(tree):
    pool(tree)
    for name in "ab":
        add(tree, worker(tree, name, killable=True, restart=TE, shutdown=1.0))
    tree.tell("s/b", "hang")
    tree.said()
    tree.stop()
    assert tree.said() == ["s/a#1 stopping shutdown", "s/b#1 stopping killed"]
    assert tree.now == 1.0


def test_sup_stop_brutal_kill_dynamic(tree):
    pool(tree)
    for number in range(10):
        add(tree, worker(tree, f"c{number}", restart=TE, shutdown=Shutdown.BRUTAL_KILL))
    tree.said()
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == [f"s/c{number}#1 stopping killed" for number in range(10)]
    assert tree.now == 0.0


def test_sup_stop_race(tree):
    ways = list(itertools.product(Restart, ENDS))
    middle = [worker(tree, f"c{number}", restart=restart) for number, (restart, _) in enumerate(ways)]
    last = worker(tree, "z", stopping=Take(1.0), restart=TE, shutdown=2.0)
    run(tree, worker(tree, "a", restart=TE), *middle, last)
    tree.system.request_stop()
    tree.settle()
    for number, (_, way) in enumerate(ways):
        end(tree, f"s/c{number}", way)
    tree.advance(1.0)
    assert tree.system.ended.result(0).kind is ExitKind.SHUTDOWN
    assert {entry.incarnation for entry in tree.log if entry.event == "started"} == {1}
    assert tree.said()[-1] == "s/a#1 stopping shutdown"


@pytest.mark.parametrize("restart", list(Restart))
def test_sup_stop_non_shutdown_exit_dynamic(tree, restart):
    pool(tree)
    for stopping in ("ok", "crash", "exit", Take(1.0, "crash")):
        add(tree, worker(tree, f"c{len(rows(tree))}", stopping=stopping, restart=restart))
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.now == 1.0


# -- verbs ----------------------------------------------------------------------------------------------


def test_child_adm_simple(tree):
    pool(tree)
    assert (rows(tree), counts(tree)) == ([], [0, 0, 0, 0])
    for name in ("child1", "child2"):
        add(tree, worker(tree, name))
    assert counts(tree) == [2, 2, 0, 2]
    tree.do(tree.system.terminate_child("s/child1"))
    assert (rows(tree), counts(tree)) == ([("child2", 1)], [1, 1, 0, 1])
    assert refused(tree, tree.system.terminate_child("s/child1")) is NotFound, "as in Elixir: ids, no pids"
    assert refused(tree, tree.system.restart_child("s/child2")) is NotSupported
    assert refused(tree, tree.system.delete_child("s/child2")) is NotSupported
    assert refused(tree, tree.system.start_child("foo", worker(tree, "x"))) is NotFound
    assert refused(tree, tree.system.which_children("foo")) is NotFound
    assert refused(tree, tree.system.count_children("foo")) is NotFound


def test_which_children(tree):
    run(tree)
    assert rows(tree) == []
    add(tree, worker(tree, "child1"))
    add(tree, worker(tree, "child2"))
    assert rows(tree) == [("child2", 1), ("child1", 1)]
    tree.do(tree.system.terminate_child("s/child1"))
    assert rows(tree) == [("child2", 1), ("child1", "undefined")]
    tree.do(tree.system.delete_child("s/child1"))
    assert rows(tree) == [("child2", 1)]


@pytest.mark.parametrize(
    ("mode", "restart", "significant"), list(itertools.product(AutoShutdown, Restart, [True, False]))
)
def test_child_specs_map(mode, restart, significant):
    def make():
        child = ChildSpec("child", Actor, restart=restart, significant=significant)
        return SupervisorSpec((child,), auto_shutdown=mode)

    if significant and (restart is P or mode is AutoShutdown.NEVER):
        with pytest.raises(SpecError, match="significant"):
            make()
    else:
        assert make().children[0].significant is significant


@pytest.mark.parametrize("shutdown", [0, 1.0, Shutdown.INFINITY, Shutdown.BRUTAL_KILL])
@pytest.mark.parametrize("start", [Actor, SupervisorSpec()])
@pytest.mark.parametrize("restart", list(Restart))
def test_child_specs(restart, start, shutdown):
    assert ChildSpec("child", start, restart=restart, shutdown=shutdown).shutdown == shutdown


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("way", ["kill", "normal", "crash", "supervisor"])
def test_do_not_save_child_specs_for_temporary_children(tree, strategy, way):
    run(tree, strategy=strategy)
    kept = {P: way == "supervisor", TR: way in ("supervisor", "normal")}
    for restart in (P, TR):
        spec = worker(tree, restart.value, restart=restart)
        add(tree, spec)
        end(tree, f"s/{restart.value}", way)
        assert refused(tree, tree.system.start_child("s", spec)) is (
            AlreadyPresent if kept[restart] else AlreadyStarted
        )
    spec = worker(tree, "temporary", restart=TE)
    add(tree, spec)
    end(tree, "s/temporary", way)
    assert add(tree, spec).alive


@pytest.mark.parametrize("dynamic", [True, False])
def test_do_not_save_start_parameters_for_temporary_children(tree, dynamic):
    # simple_one_for_one_corruption too: what a temporary child was started with goes with it
    class Large:
        """What a start closes over."""

    run(tree, dynamic=dynamic)
    kept = []
    for number in range(3):
        large = Large()
        kept.append(weakref.ref(large))
        add(tree, ChildSpec(f"t{number}", lambda context, _=large: Actor(context), restart=TE))
        del large
        end(tree, f"s/t{number}", "kill")
    assert counts(tree) == [0, 0, 0, 0]  # and so its thread holds another message than the last death
    tree.runtime.blocked()  # the harness forgets its threads that have ended
    gc.collect()
    assert [ref() for ref in kept] == [None, None, None]


# -- restarts -------------------------------------------------------------------------------------------


def test_multiple_restarts(tree):
    run(tree, intensity=1, period=1.0)
    add(tree, worker(tree, "child1", shutdown=Shutdown.BRUTAL_KILL))
    for _ in range(4):
        end(tree, "s/child1", "crash")
        tree.advance(2.1)
    tree.do(tree.system.terminate_child("s/child1"))
    tree.do(tree.system.delete_child("s/child1"))
    assert tree.handle("s").kill("done")
    tree.settle()
    assert "s" not in tree.states()


@pytest.mark.parametrize("way", ENDS)
def test_permanent_shutdown_with_some_info(tree, way):
    run(tree, worker(tree, "child1"))
    end(tree, "s/child1", way)
    assert (rows(tree), counts(tree)) == ([("child1", 2)], [1, 1, 0, 1])


@pytest.mark.parametrize("way", ["shutdown", "shutdown: some info"])
def test_transient_and_temporary_shutdown_with_some_info(tree, way):
    run(tree, worker(tree, "child1", restart=TR), worker(tree, "child2", restart=TE))
    end(tree, "s/child1", way)
    end(tree, "s/child2", way)
    assert (rows(tree), counts(tree)) == ([("child1", "undefined")], [1, 0, 0, 1])
    assert tree.do(tree.system.restart_child("s/child1")).alive


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_one_for_all_and_rest_for_one_escalation(tree, strategy):
    children = worker(tree, "child1"), worker(tree, "child2", "ok", *["crash"] * 9)
    run(tree, *children, strategy=strategy, intensity=4)
    end(tree, "s/child1", "crash")
    assert tree.states() == {"": "running"}
    assert tree.handle("s/child2").incarnation == 1 + 4
    assert tree.handle("s/child1").incarnation == (1 + 4 if strategy is Strategy.ONE_FOR_ALL else 2)
    assert tree.said()[-1] == f"s/child1#{tree.handle('s/child1').incarnation} stopping shutdown"


@pytest.mark.parametrize("restart", [P, TR])
def test_simple_one_for_one_restart_ignore(tree, restart):
    pool(tree)
    add(tree, worker(tree, "child1", "ok", "ok", "ignore", restart=restart))
    end(tree, "s/child1", "kill")
    assert rows(tree) == [("child1", 2)]
    end(tree, "s/child1", "kill")
    assert rows(tree) == []
    assert tree.stop().kind is ExitKind.SHUTDOWN


def test_order_of_children(tree):
    names = ["ch7", "ch3", "ch10", "ch2", "ch5"]
    run(tree, *(worker(tree, name) for name in names), strategy=Strategy.REST_FOR_ONE)
    assert [name for name, _ in rows(tree)] == names[::-1]
    end(tree, "s/ch10", "crash")
    assert [line.split("#")[0] for line in tree.said()[2:]] == [
        *("s/ch5", "s/ch2"),
        *("s/ch10", "s/ch2", "s/ch5"),
    ]
    tree.stop()
    assert [line.split("#")[0] for line in tree.said()] == [f"s/{name}" for name in names[::-1]]


def test_scale_start_stop_many_children(tree, monkeypatch):
    """Linear: whatever happens to one child, the others are not even looked at."""
    looked_at = []
    start_what_may = Roster._start_what_may

    def spy(roster, children):
        looked_at.append(len(children))
        start_what_may(roster, children)

    run(tree)
    monkeypatch.setattr(Roster, "_start_what_may", spy)
    for number in range(200):
        add(tree, worker(tree, f"c{number}"))
    for number in range(200):
        tree.do(tree.system.terminate_child(f"s/c{number}"))
    assert max(looked_at) == 1


def test_tree(tree):
    deaf = worker(tree, "child3", "ok", *["crash"] * 9)
    sup1 = SupervisorSpec((worker(tree, "child1"), worker(tree, "child2")), intensity=4, period=3600.0)
    empty = SupervisorSpec(intensity=4, period=3600.0)
    run(tree, strategy=Strategy.ONE_FOR_ALL, intensity=4)
    for name, inner, restart in (("sup1", sup1, P), ("sup2", empty, P), ("sup3", empty, TR)):
        add(tree, ChildSpec(name, inner, restart=restart))
    tree.do(tree.system.terminate_child("s/sup3"))
    assert counts(tree) == [3, 2, 3, 0]
    tree.do(tree.system.start_child("s/sup2", deaf))
    tree.do(tree.system.start_child("s/sup2", worker(tree, "child4")))
    end(tree, "s/sup2/child4", "crash")
    assert rows(tree, "s/sup1") == [("child2", 1), ("child1", 1)]
    assert rows(tree, "s/sup2") == [("child4", 2), ("child3", 1)]
    end(tree, "s/sup2/child3", "crash")
    assert rows(tree) == [("sup3", 2), ("sup2", 2), ("sup1", 2)]
    assert counts(tree) == [3, 3, 3, 0]
    assert rows(tree, "s/sup1") == [("child2", 2), ("child1", 2)]
    assert (rows(tree, "s/sup2"), counts(tree, "s/sup2")) == ([], [0, 0, 0, 0])
    assert (rows(tree, "s/sup3"), counts(tree, "s/sup3")) == ([], [0, 0, 0, 0])


def test_a_failure_passes_up_through_every_level_whose_budget_is_spent(tree):
    """Three levels with intensity 1 tolerate (1 + 1)³ - 1 crashes."""
    spec = ChildSpec("w", tree.scripted())
    for level in "cba":
        spec = ChildSpec(level, SupervisorSpec((spec,), intensity=1, period=3600.0))
    tree.start(SupervisorSpec((spec,), intensity=0))
    for crash in range(1, 8):
        tree.tell("a/b/c/w", "crash")
        assert not tree.system.ended.done(), crash
    assert [tree.handle(path).incarnation for path in ("a", "a/b", "a/b/c", "a/b/c/w")] == [1, 2, 4, 8]
    tree.tell("a/b/c/w", "crash")
    assert tree.system.ended.result(0).reason == "shutdown: restart intensity reached"


# -- significant ----------------------------------------------------------------------------------------

MODES = [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT]


@pytest.mark.parametrize("way", ["supervisor", "kill", "crash", "normal"])
@pytest.mark.parametrize("restart", [TE, TR])
@pytest.mark.parametrize("mode", list(AutoShutdown))
def test_nonsignificant_temporary_and_transient(tree, mode, restart, way):
    run(tree, auto_shutdown=mode)
    add(tree, worker(tree, "child1", restart=restart))
    end(tree, "s/child1", way)
    assert tree.state("s") == "running"
    back = restart is TR and way in ("kill", "crash")
    assert counts(tree) == ([1, int(back), 0, 1] if restart is TR else [0, 0, 0, 0])


def significant_pair(tree, mode, restart):
    run(tree, auto_shutdown=mode, intensity=5)
    for name, significant in (("child1", True), ("child2", True), ("child3", False)):
        add(tree, worker(tree, name, restart=restart, significant=significant))


@pytest.mark.parametrize(
    ("restart", "way", "ends"),
    [
        (TE, "supervisor", False),
        (TE, "kill", True),
        (TE, "crash", True),
        (TE, "normal", True),
        (TR, "supervisor", False),
        (TR, "kill", False),
        (TR, "crash", False),
        (TR, "normal", True),
        (TR, "shutdown: some info", True),
    ],
)
def test_significant_temporary_and_transient(tree, restart, way, ends):
    significant_pair(tree, AutoShutdown.ANY_SIGNIFICANT, restart)
    end(tree, "s/child1", way)
    assert ("s" not in tree.states()) is ends
    tree.said()


@pytest.mark.parametrize("restart", [TE, TR])
def test_significant_all(tree, restart):
    significant_pair(tree, AutoShutdown.ALL_SIGNIFICANT, restart)
    end(tree, "s/child1", "normal")
    assert tree.state("s") == "running"
    end(tree, "s/child2", "normal")
    assert tree.states() == {"": "running"}
    assert tree.said()[-1] == "s/child3#1 stopping shutdown"


def test_significant_all_does_not_wait_for_one_that_an_operator_stopped(tree):
    significant_pair(tree, AutoShutdown.ALL_SIGNIFICANT, TR)
    end(tree, "s/child2", "supervisor")
    assert tree.state("s") == "running"
    end(tree, "s/child1", "normal")
    assert tree.states() == {"": "running"}


def test_significant_all_waits_for_one_that_waits_for_its_restart(tree):
    backoff = BackOff(60, 60, jitter=Jitter(1, 1))
    both = [worker(tree, name, restart=TR, significant=True, backoff=backoff) for name in "ab"]
    run(tree, *both, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    end(tree, "s/b", "crash")
    end(tree, "s/a", "normal")
    assert tree.state("s") == "running"
    tree.advance(60)
    end(tree, "s/b", "normal")
    assert tree.states() == {"": "running"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("strategy", "replaced"),
    [
        (Strategy.ONE_FOR_ONE, [1, 2, 1]),
        (Strategy.ONE_FOR_ALL, [2, 2, 2]),
        (Strategy.REST_FOR_ONE, [1, 2, 2]),
    ],
)
def test_significant_bystander(tree, strategy, replaced, mode):
    run(tree, strategy=strategy, auto_shutdown=mode, intensity=5)
    for name, significant in (("child1", True), ("child2", False), ("child3", True)):
        add(tree, worker(tree, name, restart=TR, significant=significant))
    end(tree, "s/child2", "kill")
    assert tree.state("s") == "running"
    assert [tree.handle(f"s/child{number}").incarnation for number in (1, 2, 3)] == replaced


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_temporary_significant_bystander_goes_without_taking_its_supervisor_along(tree, strategy):
    children = worker(tree, "a"), worker(tree, "t", restart=TE, significant=True)
    run(tree, *children, strategy=strategy, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    end(tree, "s/a", "crash")
    assert tree.states() == {"": "running", "s": "running", "s/a": "running"}


@pytest.mark.parametrize("significant", [True, False])
def test_significant_escalation(tree, significant):
    run(tree, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    inner = SupervisorSpec(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    add(tree, ChildSpec("sup1", inner, restart=TR, significant=significant))
    child = worker(tree, "child1", restart=TR, significant=True)
    tree.do(tree.system.start_child("s/sup1", child))
    end(tree, "s/sup1/child1", "normal")
    left = {"": "running"} if significant else {"": "running", "s": "running", "s/sup1": "stopped"}
    assert tree.states() == left


def test_a_permanent_supervisor_that_shuts_itself_down_is_started_again(tree):
    child = worker(tree, "child1", restart=TR, significant=True)
    inner = SupervisorSpec((child,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    run(tree, ChildSpec("sup1", inner))
    end(tree, "s/sup1/child1", "normal")
    assert (tree.state("s/sup1/child1"), tree.handle("s/sup1").incarnation) == ("running", 2)


# -- counting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, SupervisorSpec()])
def test_count_children_and_count_children_supervisor(tree, start):
    pool(tree)
    for round_ in range(1, 3):
        for number in range(50):
            name = f"r{round_}c{number}"
            add(tree, worker(tree, name, restart=TE) if start is None else ChildSpec(name, start, restart=TE))
        many = 50 * round_
        assert counts(tree) == [many, many, *((0, many) if start is None else (many, 0))]
    for name, _ in rows(tree):
        end(tree, f"s/{name}", "kill")
    assert counts(tree) == [0, 0, 0, 0]


def test_count_restarting_children(tree):
    pool(tree)
    for name in "abc":
        add(tree, worker(tree, name, "ok", *(HANGING if name != "c" else ["ok"])))
        end(tree, f"s/{name}", "crash")
    assert counts(tree) == [3, 3, 0, 3]
    for name in "ab":
        end(tree, f"s/{name}", "crash")
    assert counts(tree) == [3, 1, 0, 3]
    assert rows(tree) == [("c", 2), ("b", "restarting"), ("a", "restarting")]
    for name in "cba":
        tree.do(tree.system.terminate_child(f"s/{name}"), 20.0)
    assert counts(tree) == [0, 0, 0, 0]


# -- hanging restart loops ------------------------------------------------------------------------------


def test_hanging_restart_loop(tree):
    run(tree, worker(tree, "child1", *HANGING), intensity=8, period=10.0)
    spec = tree.do(tree.system.get_childspec("s/child1"))
    end(tree, "s/child1", "crash")
    tree.advance(15)  # in the second attempt
    assert refused(tree, tree.system.start_child("s", spec)) is AlreadyPresent
    assert refused(tree, tree.system.restart_child("s/child1")) is Restarting
    assert refused(tree, tree.system.delete_child("s/child1")) is Restarting
    assert (rows(tree), counts(tree)) == ([("child1", "restarting")], [1, 0, 0, 1])
    tree.do(tree.system.terminate_child("s/child1"), 20.0)
    assert rows(tree) == [("child1", "undefined")]
    pending = tree.system.restart_child("s/child1")
    tree.settle()
    tree.stop()
    assert isinstance(pending.exception(0), StartFailed), "the stop does not hang in the loop"


def test_hanging_restart_loop_rest_for_one(tree):
    children = worker(tree, "child1"), worker(tree, "child2", *HANGING), worker(tree, "child3")
    run(tree, *children, strategy=Strategy.REST_FOR_ONE, intensity=8, period=10.0)
    end(tree, "s/child2", "crash")
    tree.advance(15)
    assert refused(tree, tree.system.start_child("s", children[1])) is AlreadyPresent
    assert refused(tree, tree.system.restart_child("s/child2")) is Restarting
    assert refused(tree, tree.system.delete_child("s/child2")) is Restarting
    assert rows(tree) == [("child3", "undefined"), ("child2", "restarting"), ("child1", 1)]
    assert counts(tree) == [3, 1, 0, 3]
    tree.do(tree.system.terminate_child("s/child2"), 20.0)
    assert rows(tree) == [("child3", "undefined"), ("child2", "undefined"), ("child1", 1)]
    tree.stop()


def test_hanging_restart_loop_simple(tree):
    pool(tree, intensity=8, period=10.0)
    add(tree, worker(tree, "child1", *HANGING))
    end(tree, "s/child1", "crash")
    tree.advance(15)
    assert refused(tree, tree.system.restart_child("s/child1")) is NotSupported
    assert refused(tree, tree.system.delete_child("s/child1")) is NotSupported
    assert (rows(tree), counts(tree)) == ([("child1", "restarting")], [1, 0, 0, 1])
    tree.do(tree.system.terminate_child("s/child1"), 20.0)
    assert rows(tree) == []
    add(tree, worker(tree, "child1"))
    tree.stop()


# -- simple_global_supervisor ---------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["s/middle", "s/middle/server"])
@pytest.mark.parametrize("way", ["kill", "crash", "normal", "restart"])
def test_simple_global_supervisor(tree, who, way):
    middle = SupervisorSpec(
        (worker(tree, "server"),), strategy=Strategy.ONE_FOR_ALL, intensity=3, period=60.0
    )
    run(tree, ChildSpec("middle", middle), strategy=Strategy.ONE_FOR_ALL, intensity=3, period=60.0)
    if way == "restart":
        tree.do(tree.system.terminate_child(who))
        tree.do(tree.system.restart_child(who))
    elif who == "s/middle" and way != "kill":
        assert not tree.handle(who).cell.mailbox.closed
        return  # a supervisor handles no messages: nothing but a kill ends it against its will
    else:
        end(tree, who, way)
    assert tree.handle("s/middle/server").incarnation == 2
    assert tree.handle("s/middle/server").alive
    tree.stop()
    assert tree.said()[-1] == "s/middle/server#2 stopping shutdown"


# -- Elixir ---------------------------------------------------------------------------------------------


def test_restarting_on_exit_and_on_init_children_counted_in_max_children(tree):
    pool(tree, max_children=1)
    add(tree, worker(tree, "a", "ok", "ok", Take(9.0, "crash")))
    end(tree, "s/a", "shutdown")
    assert counts(tree) == [1, 1, 0, 1]
    assert refused(tree, tree.system.start_child("s", worker(tree, "b"))) is MaxChildren
    end(tree, "s/a", "shutdown")
    assert counts(tree) == [1, 0, 0, 1]
    assert refused(tree, tree.system.start_child("s", worker(tree, "b"))) is MaxChildren


def test_max_children_has_room_again_when_one_has_gone(tree):
    pool(tree, max_children=1)
    for way in ("normal", "kill", "supervisor"):
        assert add(tree, worker(tree, "a", restart=TE)).alive
        end(tree, "s/a", way)
    assert refused(tree, tree.system.start_child("s", worker(tree, "b", "crash"))) is StartFailed
    assert add(tree, worker(tree, "a", restart=TE)).alive


@pytest.mark.parametrize("way", ["crash", "exit", "domain", "hang"])
def test_start_child_with_throw_error_exit(tree, way):
    pool(tree)
    spec = worker(tree, "a", way, start_timeout=3.0, kill_grace=1.0)
    with pytest.raises(StartFailed) as caught:
        tree.do(tree.system.start_child("s", spec), 5.0)
    assert caught.value.exit.kind is ExitKind.START_FAILED
    assert isinstance(caught.value.exit.error, DomainError) is (way == "domain")
    assert counts(tree) == [0, 0, 0, 0]


def test_terminates_children_with_expired_integer_shutdown(tree):
    pool(tree)
    for name in "abc":
        add(tree, worker(tree, name, killable=True, shutdown=0.001))
    tree.tell("s/b", "hang")
    tree.said()
    tree.stop()
    assert tree.now == 0.001
    assert tree.said() == ["s/a#1 stopping shutdown", "s/c#1 stopping shutdown", "s/b#1 stopping killed"]


@pytest.mark.parametrize("shutdown", [Shutdown.BRUTAL_KILL, 1.0, Shutdown.INFINITY])
def test_terminate_child(tree, shutdown):
    pool(tree)
    add(tree, worker(tree, "a", shutdown=shutdown))
    tree.said()
    tree.do(tree.system.terminate_child("s/a"))
    assert tree.said() == [f"s/a#1 stopping {'killed' if shutdown is Shutdown.BRUTAL_KILL else 'shutdown'}"]
    assert refused(tree, tree.system.terminate_child("s/a")) is NotFound
    assert counts(tree) == [0, 0, 0, 0]


def test_child_life_cycle(tree):
    run(tree)
    assert (rows(tree), counts(tree)) == ([], [0, 0, 0, 0])
    add(tree, worker(tree, "stack"))
    assert tree.ask("s/stack", "hello") == "hello"
    assert (rows(tree), counts(tree)) == ([("stack", 1)], [1, 1, 0, 1])
    assert refused(tree, tree.system.delete_child("s/stack")) is Running
    tree.do(tree.system.terminate_child("s/stack"))
    assert tree.do(tree.system.restart_child("s/stack")).alive
    tree.do(tree.system.terminate_child("s/stack"))
    tree.do(tree.system.delete_child("s/stack"))
    assert counts(tree) == [0, 0, 0, 0]


# -- Pekko ----------------------------------------------------------------------------------------------


def backed_off(tree, *starts, restart=P, stopping="ok", classify=None, low=0.2, **rest):
    backoff = BackOff(low, 10.0, **({"jitter": Jitter(1, 1)} | rest))
    run(
        tree,
        worker(tree, "c1", *starts, stopping=stopping, restart=restart, backoff=backoff, classify=classify),
    )


def started(tree):
    return [entry.at for entry in tree.log if entry.event == "started"]


def test_start_child_again_when_it_stops_when_using_on_stop(tree):
    backed_off(tree)
    end(tree, "s/c1", "normal")
    assert tree.state("s/c1") == "backoff"
    tree.advance(0.2)
    assert started(tree) == [0, 0.2]


def test_terminate_when_child_terminates_when_using_on_failure(tree):
    backed_off(tree, restart=TR)
    end(tree, "s/c1", "normal")
    tree.advance(100)
    assert tree.state("s/c1") == "stopped"


def test_restart_the_child_with_an_exponential_back_off(tree):
    backed_off(tree, restart=TR, reset_after=100.0)
    for delay in (0.2, 0.4, 0.8, 1.6):
        end(tree, "s/c1", "crash")
        tree.advance(delay - 0.01)
        assert tree.state("s/c1") == "backoff"
        tree.advance(0.01)
        assert tree.state("s/c1") == "running"
    assert counts(tree) == [1, 1, 0, 1]


def test_stop_on_exceptions_as_dictated_by_the_supervisor_strategy(tree):
    backed_off(tree, classify=lambda exit_: StopChild("stopping exception"))
    end(tree, "s/c1", "crash")
    tree.advance(100)
    assert (tree.state("s/c1"), started(tree)) == ("failed", [0])


def test_accept_commands_while_child_is_terminating(tree):
    backed_off(tree, stopping=Take(3.0), low=1e-9)
    assert tree.ask("s/c1", "ping") == "ping"
    end(tree, "s/c1", "crash")
    assert not tree.tell("s/c1", "ping"), "in limbo: not delivered, and said so"
    assert counts(tree) == [1, 1, 0, 1]
    assert tree.system.snapshot().find("s/c1")["restarts"]["total"] == 0
    tree.advance(3.1)
    assert tree.ask("s/c1", "ping") == "ping"
    assert tree.handle("s/c1").incarnation == 2


@pytest.mark.parametrize("way", ["normal", "crash"])
def test_stop_restarting_the_child_after_reaching_max_nr_of_retries(tree, way):
    backed_off(tree, max_consecutive=2, reset_after=1000.0)
    for _ in range(2):
        end(tree, "s/c1", way)
        tree.advance(1.0)
        assert tree.state("s/c1") == "running"
    end(tree, "s/c1", way)
    assert tree.state("s/c1") == "failed"


@pytest.mark.parametrize("down", [False, True])
def test_stop_restarting_the_child_if_final_stop_message_received(tree, down):
    backed_off(tree)
    if down:
        end(tree, "s/c1", "crash")
    tree.do(tree.system.terminate_child("s/c1"))
    tree.advance(100)
    assert (tree.state("s/c1"), started(tree)) == ("stopped", [0])


def test_keep_restarting_when_failures_happen_outside_of_within_time_range(tree):
    backed_off(tree, max_consecutive=1, reset_after=0.01)
    for _ in range(10):
        end(tree, "s/c1", "crash")
        tree.advance(0.2 + 0.011)
    assert tree.state("s/c1") == "running"


def test_reset_back_off_count_after_reset_backoff_unless_it_has_changed_since():
    with VirtualTree() as tree:
        backed_off(tree, reset_after=5.0, low=1.0)
        for spell, count in ((4.9, 1), (4.9, 2), (5.1, 0)):
            end(tree, "s/c1", "crash")
            tree.advance({1: 1.0, 2: 2.0, 0: 4.0}[count])
            tree.advance(spell)
            assert tree.system.snapshot().find("s/c1")["restarts"]["consecutive"] == count
