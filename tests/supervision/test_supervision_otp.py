"""OTP's semantics, case by case (after erlang/otp's supervisor_SUITE; the names in brackets are its own)."""

import pytest

from supervision import (
    AlreadyPresent,
    AlreadyStarted,
    AutoShutdown,
    ChildSpec,
    ExitKind,
    NotFound,
    NotSupported,
    Restart,
    Restarting,
    Running,
    Shutdown,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import Take, VirtualTree

P, TR, TE = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY
LOOSE = {"intensity": 100, "period": 3600.0}


def worker(tree: VirtualTree, name: str, *starts, stopping="ok", killable=False, **rest) -> ChildSpec:
    return ChildSpec(name, tree.scripted(*starts, stopping=stopping, killable=killable), **rest)


def run(tree: VirtualTree, *children: ChildSpec, **flags):
    return tree.start(SupervisorSpec(children, **(LOOSE | flags)))


def rows(tree, path=""):
    return [(row.id, row.handle is not None) for row in tree.do(tree.system.which_children(path))]


def counts(tree, path=""):
    found = tree.do(tree.system.count_children(path))
    return [found.specs, found.active, found.supervisors, found.workers]


# -- start and stop -------------------------------------------------------------------------------------


def test_children_start_in_order_and_stop_in_reverse(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"))
    assert tree.said() == ["a#1 started", "b#1 started", "c#1 started"]
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.said() == ["c#1 stopping shutdown", "b#1 stopping shutdown", "a#1 stopping shutdown"]


def test_the_next_child_starts_only_when_the_last_is_ready(tree):
    up = run(tree, worker(tree, "slow", Take(3.0)), worker(tree, "next"))
    assert not up.done()
    assert tree.states() == {"": "starting", "slow": "starting"} | {"next": "stopped"}
    tree.advance(3.0)
    assert up.done()
    assert tree.said() == ["slow#1 started", "next#1 started"]


def test_a_failed_start_unwinds_what_was_started_and_is_not_retried(tree):
    up = run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "bad", "crash"), worker(tree, "never"))
    with pytest.raises(StartFailed, match="failed to start child bad") as caught:
        up.result(0)
    assert caught.value.exit.kind is ExitKind.START_FAILED
    assert tree.said() == [
        "a#1 started",
        "b#1 started",
        "bad#1 stopping start_failed",
        "b#1 stopping shutdown",
        "a#1 stopping shutdown",
    ]


def test_a_failed_start_in_a_nested_supervisor_fails_the_whole_start(tree):
    inner = SupervisorSpec((worker(tree, "bad", "exit"),))
    up = run(tree, worker(tree, "a"), ChildSpec("sub", inner))
    with pytest.raises(StartFailed, match="failed to start child sub: failed to start child bad"):
        up.result(0)
    assert tree.said()[-1] == "a#1 stopping shutdown"


def test_a_child_that_ignores_keeps_its_spec_without_an_incarnation(tree):  # sup_start_ignore_child
    run(tree)
    tree.do(tree.system.start_child("", worker(tree, "child1", "ignore")))
    tree.do(tree.system.start_child("", worker(tree, "child2")))
    assert rows(tree) == [("child2", True), ("child1", False)]
    assert counts(tree) == [2, 1, 0, 2]


def test_a_temporary_child_that_ignores_is_not_kept(tree):  # sup_start_ignore_temporary_child
    run(tree, worker(tree, "child1", "ignore", restart=TE), worker(tree, "child2", restart=TE))
    assert rows(tree) == [("child2", True)]
    assert counts(tree) == [1, 1, 0, 1]


def test_a_temporary_child_that_ignores_start_child_is_not_kept_either(tree):
    run(tree)
    tree.do(tree.system.start_child("", worker(tree, "child1", "ignore", restart=TE)))
    assert counts(tree) == [0, 0, 0, 0]


def test_a_child_that_overstays_its_shutdown_is_killed(tree):  # sup_stop_timeout
    run(tree, worker(tree, "good", shutdown=1.0), worker(tree, "stuck", shutdown=1.0, killable=True))
    tree.tell("stuck", "hang")
    tree.said()
    tree.stop()
    assert tree.said() == ["stuck#1 stopping killed", "good#1 stopping shutdown"]
    assert tree.now == 1.0


def test_brutal_kill_does_not_ask(tree):  # sup_stop_brutal_kill
    run(tree, worker(tree, "a"), worker(tree, "b", shutdown=Shutdown.BRUTAL_KILL))
    tree.said()
    tree.stop()
    assert tree.said() == ["b#1 stopping killed", "a#1 stopping shutdown"]


def test_infinity_waits_as_long_as_it_takes(tree):  # sup_stop_infinity
    run(tree, worker(tree, "a", shutdown=Shutdown.INFINITY, stopping=Take(5000.0)))
    tree.stop(6000.0)
    assert tree.now == 5000.0


def test_static_shutdown_times_add_up(tree):
    run(tree, worker(tree, "a", stopping=Take(3.0)), worker(tree, "b", stopping=Take(3.0)))
    tree.stop()
    assert tree.now == 6.0


def test_children_that_end_by_themselves_during_a_shutdown_are_not_restarted(tree):  # sup_stop_race
    run(tree, worker(tree, "a"), worker(tree, "b", stopping=Take(2.0)))
    tree.system.request_stop()
    tree.settle()
    tree.tell("a", "crash")
    tree.advance(2.0)
    assert tree.system.ended.done()
    assert "a#2 started" not in tree.said()


# -- restart types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["normal", "shutdown", "crash", "exit"])
def test_a_permanent_child_comes_back_whatever_happened(tree, way):  # permanent_*
    run(tree, worker(tree, "a"))
    tree.tell("a", way)
    assert rows(tree) == [("a", True)]
    assert tree.handle("a").incarnation == 2


@pytest.mark.parametrize(
    ("way", "back"), [("normal", False), ("shutdown", False), ("crash", True), ("exit", True)]
)
def test_a_transient_child_comes_back_only_after_an_abnormal_exit(tree, way, back):  # transient_*
    run(tree, worker(tree, "a", restart=TR))
    tree.tell("a", way)
    assert rows(tree) == [("a", back)]
    assert counts(tree) == [1, int(back), 0, 1]


@pytest.mark.parametrize("way", ["normal", "shutdown", "crash", "exit"])
def test_a_temporary_child_never_comes_back_and_is_forgotten(tree, way):  # temporary_*
    run(tree, worker(tree, "a", restart=TE))
    tree.tell("a", way)
    assert counts(tree) == [0, 0, 0, 0]
    tree.do(tree.system.start_child("", worker(tree, "a", restart=TE)))
    assert counts(tree) == [1, 1, 0, 1]


def test_a_transient_child_that_ended_can_be_started_again_by_hand(tree):
    run(tree, worker(tree, "a", restart=TR))
    tree.tell("a", "normal")
    assert tree.do(tree.system.restart_child("a")).alive


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_temporary_bystander_is_stopped_and_forgotten(tree, strategy):  # temporary_bystander
    run(tree, worker(tree, "child1"), worker(tree, "child2", restart=TE), strategy=strategy)
    tree.tell("child1", "normal")
    assert rows(tree) == [("child1", True)]
    assert tree.states()[""] == "running"


# -- strategies ---------------------------------------------------------------------------------------------


def test_one_for_one_restarts_only_the_failed_one(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"))
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == ["b#1 handles crash", "b#1 stopping crash", "b#2 started"]


def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), worker(tree, "c"), strategy=Strategy.ONE_FOR_ALL)
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == [
        "b#1 handles crash",
        "b#1 stopping crash",
        "c#1 stopping shutdown",
        "a#1 stopping shutdown",
        "a#2 started",
        "b#2 started",
        "c#2 started",
    ]


def test_rest_for_one_restarts_it_and_what_was_started_after_it(tree):
    children = [worker(tree, name) for name in "abcd"]
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.said()
    tree.tell("b", "crash")
    assert tree.said() == [
        "b#1 handles crash",
        "b#1 stopping crash",
        "d#1 stopping shutdown",
        "c#1 stopping shutdown",
        "b#2 started",
        "c#2 started",
        "d#2 started",
    ]


def test_rest_for_one_on_the_last_child_leaves_the_rest_alone(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.REST_FOR_ONE)
    tree.tell("b", "crash")
    assert [tree.handle(name).incarnation for name in "ab"] == [1, 2]


def test_a_group_restart_also_starts_kept_specs_that_were_down(tree):  # tree
    run(
        tree,
        worker(tree, "a"),
        worker(tree, "ended", restart=TR),
        worker(tree, "terminated"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    tree.tell("ended", "normal")
    tree.do(tree.system.terminate_child("terminated"))
    assert rows(tree) == [("terminated", False), ("ended", False), ("a", True)]
    tree.tell("a", "crash")
    assert rows(tree) == [("terminated", True), ("ended", True), ("a", True)]


def test_a_rest_for_one_restart_starts_only_those_after_the_crashed_one(tree):
    children = [worker(tree, name, restart=TR) for name in "abc"]
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.tell("a", "normal")
    tree.tell("c", "normal")
    tree.tell("b", "crash")
    assert rows(tree) == [("c", True), ("b", True), ("a", False)]


def test_siblings_that_die_together_are_one_incident_in_a_group(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=Strategy.ONE_FOR_ALL, intensity=1)
    tree.handle("a").tell("crash")
    tree.handle("b").tell("crash")
    tree.settle()
    assert tree.states() == {"": "running", "a": "running", "b": "running"}


def test_siblings_that_die_together_are_two_incidents_under_one_for_one(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"), intensity=1)
    tree.handle("a").tell("crash")
    tree.handle("b").tell("crash")
    tree.settle()
    assert tree.system.ended.result(0).kind is ExitKind.SHUTDOWN


def test_one_for_all_starts_over_when_another_child_fails_to_restart(tree):
    # one_for_all_other_child_fails_restart
    run(tree, worker(tree, "child1"), worker(tree, "child2", "ok", "crash"), strategy=Strategy.ONE_FOR_ALL)
    tree.said()
    tree.tell("child1", "crash")
    assert tree.said() == [
        "child1#1 handles crash",
        "child1#1 stopping crash",
        "child2#1 stopping shutdown",
        "child1#2 started",
        "child2#2 stopping start_failed",
        "child1#2 stopping shutdown",
        "child1#3 started",
        "child2#3 started",
    ]


def test_rest_for_one_retries_only_from_the_child_that_failed_to_restart(tree):
    # rest_for_one_other_child_fails_restart
    children = (worker(tree, "child1"), worker(tree, "child2", "ok", "crash"), worker(tree, "child3"))
    run(tree, *children, strategy=Strategy.REST_FOR_ONE)
    tree.said()
    tree.tell("child1", "crash")
    assert tree.said() == [
        "child1#1 handles crash",
        "child1#1 stopping crash",
        "child3#1 stopping shutdown",
        "child2#1 stopping shutdown",
        "child1#2 started",
        "child2#2 stopping start_failed",
        "child2#3 started",
        "child3#2 started",
    ]


# -- the fuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", list(Strategy))
def test_more_restarts_than_the_intensity_end_the_supervisor_with_shutdown(tree, strategy):
    run(tree, worker(tree, "a"), worker(tree, "b"), strategy=strategy, intensity=2)
    for _ in range(2):
        tree.tell("a", "crash")
    assert not tree.system.ended.done()
    tree.said()
    tree.tell("a", "crash")
    exit_ = tree.system.ended.result(0)
    assert (exit_.kind, exit_.reason) == (ExitKind.SHUTDOWN, "shutdown: restart intensity reached")
    assert tree.said()[-1] == "b#" + ("1" if strategy is Strategy.ONE_FOR_ONE else "3") + " stopping shutdown"


def test_restarts_spread_over_time_do_not_blow_the_fuse(tree):  # multiple_restarts
    run(tree, worker(tree, "a", shutdown=Shutdown.BRUTAL_KILL), intensity=1, period=1.0)
    for _ in range(4):
        tree.tell("a", "crash")
        tree.advance(2.1)
    assert tree.states()[""] == "running"


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_child_that_can_never_restart_makes_intensity_attempts_and_ends_its_supervisor(tree, strategy):
    # *_escalation: with intensity 4, exactly 4 attempts
    run(tree, worker(tree, "a", "ok", *["crash"] * 9), worker(tree, "b"), strategy=strategy, intensity=4)
    tree.tell("a", "crash")
    assert tree.system.ended.done()
    assert tree.handle("a").incarnation == 5


def test_intensity_zero_ends_at_the_first_crash(tree):
    run(tree, worker(tree, "a"), intensity=0)
    tree.tell("a", "crash")
    assert tree.system.ended.done()


def test_what_an_operator_does_never_counts(tree):
    run(tree, worker(tree, "a"), worker(tree, "t", restart=TE), worker(tree, "n", restart=TR), intensity=0)
    for _ in range(3):
        tree.do(tree.system.terminate_child("a"))
        tree.do(tree.system.restart_child("a"))
        tree.do(tree.system.restart("a"))
    tree.tell("t", "crash")
    tree.tell("n", "normal")
    assert tree.states() == {"": "running", "a": "running", "n": "stopped"}


def nested(tree, restart):
    inner = SupervisorSpec((worker(tree, "w"),), intensity=1, period=3600.0)
    return ChildSpec("sub", inner, restart=restart)


def test_nested_budgets_multiply(tree):
    run(tree, nested(tree, P), intensity=1)
    for crashes in range(1, 5):
        assert not tree.system.ended.done(), crashes
        tree.tell("sub/w", "crash")
    assert tree.system.ended.done()


def test_a_transient_supervisor_that_blows_its_fuse_stays_down(tree):
    run(tree, nested(tree, TR))
    for _ in range(2):
        tree.tell("sub/w", "crash")
    assert tree.states() == {"": "running", "sub": "stopped"}


def test_a_permanent_supervisor_comes_back_with_its_static_children_only(tree):
    run(tree, nested(tree, P))
    tree.do(tree.system.start_child("sub", worker(tree, "guest")))
    assert "sub/guest" in tree.states()
    for _ in range(2):
        tree.tell("sub/w", "crash")
    assert tree.states() == {"": "running", "sub": "running", "sub/w": "running"}
    assert tree.handle("sub").incarnation == 2


# -- verbs --------------------------------------------------------------------------------------------------


def test_the_verbs_answer_as_in_otp(tree):  # child_adm
    spec = worker(tree, "child1")
    run(tree, spec)
    do, system = tree.do, tree.system
    with pytest.raises(AlreadyStarted) as caught:
        do(system.start_child("", spec))
    assert caught.value.handle is tree.handle("child1")
    for verb in (system.terminate_child, system.delete_child, system.restart_child):
        with pytest.raises(NotFound):
            do(verb("hej"))
        with pytest.raises(NotFound):
            do(verb("no/such/supervisor"))
    for verb in (system.delete_child, system.restart_child, system.retry):
        with pytest.raises(Running):
            do(verb("child1"))
    assert do(system.terminate_child("child1")) is None
    assert (rows(tree), counts(tree)) == ([("child1", False)], [1, 0, 0, 1])
    do(system.terminate_child("child1"))
    with pytest.raises(AlreadyPresent):
        do(system.start_child("", spec))
    assert do(system.restart_child("child1")).alive
    do(system.terminate_child("child1"))
    do(system.delete_child("child1"))
    with pytest.raises(NotFound):
        do(system.restart_child("child1"))
    assert (rows(tree), counts(tree)) == ([], [0, 0, 0, 0])
    assert do(system.start_child("", spec)).alive


def test_the_full_childspec_can_be_read(tree):  # sup_start_map
    spec = worker(tree, "child1")
    run(tree, spec)
    assert tree.do(tree.system.get_childspec("child1")) is spec
    with pytest.raises(NotFound):
        tree.do(tree.system.get_childspec("child4"))


def test_every_refusal_carries_otps_word_for_it():
    codes = [error.code for error in (NotFound, AlreadyStarted, AlreadyPresent, Running, Restarting)]
    assert codes == ["not_found", "already_started", "already_present", "running", "restarting"]


def test_start_child_that_fails_discards_the_spec(tree):
    run(tree)
    with pytest.raises(StartFailed) as caught:
        tree.do(tree.system.start_child("", worker(tree, "bad", "crash")))
    assert caught.value.exit.kind is ExitKind.START_FAILED
    assert counts(tree) == [0, 0, 0, 0]


def test_restart_child_that_fails_keeps_the_spec_and_does_not_retry(tree):
    run(tree, worker(tree, "a", "ok", "crash"))
    tree.do(tree.system.terminate_child("a"))
    with pytest.raises(StartFailed):
        tree.do(tree.system.restart_child("a"))
    tree.advance(100)
    assert rows(tree) == [("a", False)]
    assert tree.handle("a").incarnation == 2


def test_which_children_lists_the_last_started_first(tree):
    run(tree, worker(tree, "a"), worker(tree, "b"))
    tree.do(tree.system.start_child("", worker(tree, "c")))
    assert [name for name, _ in rows(tree)] == ["c", "b", "a"]


def test_counts_tell_supervisors_from_workers_dead_ones_too(tree):  # count_children
    run(tree, worker(tree, "a"), ChildSpec("sub", SupervisorSpec()), worker(tree, "gone", restart=TR))
    tree.tell("gone", "normal")
    assert counts(tree) == [3, 2, 1, 2]


def test_verbs_on_a_child_that_is_being_restarted_answer_restarting(tree):  # hanging_restart_loop
    run(tree, worker(tree, "a", "ok", Take(10.0, "crash")))
    tree.tell("a", "crash")
    assert rows(tree) == [("a", False)]
    for verb in (tree.system.delete_child, tree.system.restart_child):
        with pytest.raises(Restarting):
            tree.do(verb("a"))
    tree.do(tree.system.terminate_child("a"), 20)
    tree.do(tree.system.delete_child("a"))
    assert counts(tree) == [0, 0, 0, 0]


def test_a_slow_start_does_not_delay_the_supervisors_answers(tree):
    run(tree, worker(tree, "other"))
    pending = tree.system.start_child("", worker(tree, "slow", Take(30.0)))
    tree.settle()
    assert counts(tree) == [2, 1, 0, 2]
    tree.tell("other", "crash")
    assert tree.handle("other").incarnation == 2
    assert not pending.done()
    assert tree.do(pending, 30.0).alive


def test_the_root_itself_takes_no_verbs(tree):
    run(tree)
    with pytest.raises(NotSupported):
        tree.do(tree.system.terminate_child("root"))


def test_paths_may_be_written_with_or_without_the_root(tree):
    run(tree, ChildSpec("sub", SupervisorSpec((worker(tree, "a"),))))
    assert tree.handle("root/sub/a") is tree.handle("sub/a") is tree.handle("/sub/a/")
    assert counts(tree, "root/sub") == counts(tree, "sub") == [1, 1, 0, 1]
    assert counts(tree, "root") == [1, 1, 1, 0]


def test_restart_child_restarts_a_whole_subtree(tree):
    run(tree, ChildSpec("sub", SupervisorSpec((worker(tree, "a"), worker(tree, "b")))))
    tree.said()
    tree.do(tree.system.terminate_child("sub"))
    tree.do(tree.system.restart_child("sub"))
    assert tree.said() == [
        "sub/b#1 stopping shutdown",
        "sub/a#1 stopping shutdown",
        "sub/a#2 started",
        "sub/b#2 started",
    ]


# -- auto_shutdown -------------------------------------------------------------------------------------------


def significant(tree, name, restart=TR):
    return worker(tree, name, restart=restart, significant=True)


def test_any_significant_child_that_ends_normally_takes_its_supervisor_along(tree):
    run(tree, worker(tree, "a"), significant(tree, "s"), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    tree.tell("s", "normal")
    assert tree.system.ended.result(0).kind is ExitKind.SHUTDOWN


def test_all_significant_waits_for_the_last_of_them(tree):
    both = significant(tree, "s1"), significant(tree, "s2")
    run(tree, worker(tree, "a"), *both, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    tree.tell("s1", "normal")
    assert not tree.system.ended.done()
    tree.tell("s2", "normal")
    assert tree.system.ended.done()


def test_a_significant_child_that_crashes_and_restarts_triggers_nothing(tree):
    run(tree, significant(tree, "s"), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    tree.tell("s", "crash")
    assert not tree.system.ended.done()


def test_a_significant_temporary_child_triggers_in_any_way_to_end(tree):
    run(tree, significant(tree, "s", TE), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    tree.tell("s", "crash")
    assert tree.system.ended.done()


def test_an_operators_stop_or_a_group_restart_does_not_trigger_auto_shutdown(tree):
    run(
        tree,
        worker(tree, "a"),
        significant(tree, "s"),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        strategy=Strategy.ONE_FOR_ALL,
    )
    tree.do(tree.system.terminate_child("s"))
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "a": "running", "s": "running"}
