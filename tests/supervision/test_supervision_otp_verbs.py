"""The fuse, verbs and auto_shutdown after erlang/otp's supervisor_SUITE (its names in brackets)."""

import pytest

from supervision import (
    AlreadyPresent,
    AlreadyStarted,
    AutoShutdown,
    ChildSpec,
    ExitKind,
    NotFound,
    NotSupported,
    Restarting,
    Running,
    Shutdown,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import Take
from tests.supervision.kit import TE, TR, P, run, worker


def rows(tree, path=""):
    return [(row.id, row.handle is not None) for row in tree.do(tree.system.which_children(path))]


def counts(tree, path=""):
    found = tree.do(tree.system.count_children(path))
    return [found.specs, found.active, found.supervisors, found.workers]


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
