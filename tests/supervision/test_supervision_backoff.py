"""Back-off, holding, giving up, and storms: where the library goes beyond OTP (after Pekko's specs)."""

from datetime import timedelta

import pytest

from supervision import (
    BackOff,
    ChildSpec,
    ExitKind,
    HoldUntil,
    Jitter,
    NotFound,
    Restart,
    RestartNow,
    StartFailed,
    StopChild,
    StormFuse,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import Take, VirtualTree

PLAIN = Jitter(1, 1)


def backoff(low=2.0, high=60.0, **rest):
    return BackOff(low, high, jitter=PLAIN, **rest)


def run(tree, *children, **flags):
    tree.start(SupervisorSpec(children, **flags))
    tree.said()


def one(tree, *starts, stopping="ok", **rest):
    run(tree, ChildSpec("a", tree.scripted(*starts, stopping=stopping), **({"backoff": backoff()} | rest)))


def starts(tree):
    return [entry.at for entry in tree.log if entry.event == "started" and entry.path == "a"]


def test_delays_double_up_to_the_cap(tree):
    one(tree, "ok", *["crash"] * 7, backoff=backoff(reset_after=1000))
    tree.tell("a", "crash")
    tree.advance(1000)
    tries = [entry.at for entry in tree.log if entry.event == "backoff -> starting"]
    assert tries == [2, 6, 14, 30, 62, 122, 182, 242]


def test_the_delay_starts_when_the_old_incarnation_is_fully_down(tree):
    one(tree, stopping=Take(3.0))
    tree.tell("a", "crash")
    tree.advance(3.0)
    assert tree.state("a") == "backoff"
    tree.advance(2.0)
    assert starts(tree) == [0, 5]


def test_while_it_is_down_messages_are_refused_and_counted_as_dropped_by_the_sender(tree):
    one(tree)
    tree.tell("a", "crash")
    assert tree.tell("a", "lost") is False
    assert not tree.handle("a").alive
    tree.advance(2.0)
    assert tree.tell("a", "kept") is True


def test_a_healthy_spell_clears_the_count(tree):
    one(tree, backoff=backoff(reset_after=10))
    for _ in range(3):
        tree.tell("a", "crash")
        tree.advance(2 + 10)
    assert starts(tree) == [0, 2, 14, 26]


def test_without_a_healthy_spell_the_count_grows(tree):
    one(tree, backoff=backoff(reset_after=10))
    for wait in (2, 4, 8):
        tree.tell("a", "crash")
        tree.advance(wait + 1)
    assert starts(tree) == [0, 2, 7, 16]


def test_a_stale_spell_of_an_earlier_incarnation_clears_nothing(tree):
    one(tree, backoff=backoff(reset_after=10))
    tree.tell("a", "crash")  # at 0; up again at 2, the spell would end at 12
    tree.advance(11)
    tree.tell("a", "crash")  # at 11: second in a row, 4 s; up at 15
    tree.advance(4)
    tree.tell("a", "crash")  # at 15: third in a row, 8 s
    tree.advance(8)
    assert starts(tree) == [0, 2, 15, 23]


def test_the_spell_can_be_counted_from_the_actors_own_word(tree):
    one(tree, backoff=backoff(reset_after=5, reset_from="healthy"))
    tree.tell("a", "crash")
    tree.advance(2 + 100)
    tree.tell("a", "crash")  # it never said healthy: 4 s
    tree.advance(4)
    assert starts(tree) == [0, 2, 106]


def test_healthy_begins_the_spell(tree):
    from supervision import Actor  # noqa: PLC0415

    class Connected(Actor):
        def handle(self, message):
            if message == "connected":
                self.context.healthy()
            else:
                raise ValueError(message)

    run(tree, ChildSpec("a", Connected, backoff=backoff(reset_after=5, reset_from="healthy")))
    tree.tell("a", "crash")
    tree.advance(2)
    tree.tell("a", "connected")
    assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 1
    tree.advance(5)
    assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 0


def test_too_many_failures_in_a_row_need_an_operator(tree):
    one(tree, "ok", *["crash"] * 9, backoff=backoff(max_consecutive=2))
    tree.tell("a", "crash")
    tree.advance(1000)
    assert tree.state("a") == "failed"
    assert tree.handle("a").incarnation == 3
    assert tree.system.snapshot().find("a")["reason"] == "3 consecutive failures"


def test_back_off_failures_do_not_spend_the_supervisors_fuse(tree):
    run(
        tree,
        ChildSpec("sick", tree.scripted("ok", *["crash"] * 50), backoff=backoff(0.01, 0.01)),
        ChildSpec("well", tree.scripted()),
        intensity=0,
    )
    tree.tell("sick", "crash")
    tree.advance(1.0)
    assert tree.states() == {"": "running", "sick": "running", "well": "running"}


def test_an_operator_retry_starts_a_failed_child_with_a_clean_count(tree):
    one(tree, "ok", "crash", backoff=backoff(max_consecutive=1))
    tree.tell("a", "crash")
    tree.advance(10)
    assert tree.state("a") == "failed"
    assert tree.do(tree.system.retry("a", by="ann")).alive
    last = tree.system.transitions[-1]
    assert (last.after, last.by) == ("running", "ann")
    assert tree.system.snapshot().find("a")["restarts"]["consecutive"] == 0


def test_a_retry_that_fails_with_no_budget_left_says_so(tree):
    one(tree, "ok", *["crash"] * 9, backoff=backoff(max_consecutive=0))
    tree.tell("a", "crash")
    assert tree.state("a") == "failed"
    with pytest.raises(StartFailed):
        tree.do(tree.system.retry("a"))


def test_a_retry_during_the_delay_does_not_wait_for_it(tree):
    one(tree, backoff=backoff(1000, 1000))
    tree.tell("a", "crash")
    assert tree.do(tree.system.retry("a")).alive
    assert tree.now == 0.0


def test_an_operators_stop_cancels_a_pending_restart(tree):
    one(tree)
    tree.tell("a", "crash")
    tree.do(tree.system.terminate_child("a", by="ann"))
    tree.advance(1000)
    assert tree.state("a") == "stopped"
    assert tree.handle("a").incarnation == 1
    assert tree.do(tree.system.restart_child("a")).alive


def test_stopping_the_system_cancels_a_pending_restart(tree):
    one(tree, backoff=backoff(1000, 1000))
    tree.tell("a", "crash")
    assert tree.stop().kind is ExitKind.SHUTDOWN
    assert tree.now == 0.0


def classified(outcome):
    return lambda exit_: outcome if exit_.kind is ExitKind.CRASH else None


def test_a_child_can_be_held_for_a_time(tree):
    one(tree, classify=classified(HoldUntil(3600.0)))
    tree.tell("a", "crash")
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["backoff"]["remaining_s"]) == ("hold", 3600.0)
    tree.advance(3600)
    assert starts(tree) == [0, 3600]


def test_a_child_can_be_held_until_a_date(tree):
    date = tree.runtime.clock.now() + timedelta(hours=2)
    one(tree, classify=classified(HoldUntil(date)))
    tree.tell("a", "crash")
    tree.advance(7199)
    assert tree.state("a") == "hold"
    assert tree.system.snapshot().find("a")["backoff"]["next_at"] == "2026-01-01T14:00:00.000Z"
    tree.advance(1)
    assert tree.state("a") == "running"


def test_holding_spends_no_budget(tree):
    one(tree, classify=classified(HoldUntil(10.0)), backoff=backoff(max_consecutive=0))
    for _ in range(5):
        tree.tell("a", "crash")
        tree.advance(10)
    assert tree.state("a") == "running"


def test_an_outcome_may_say_stop_until_a_human_comes(tree):
    one(tree, classify=classified(StopChild("logged out")))
    tree.tell("a", "crash")
    tree.advance(10_000)
    node = tree.system.snapshot().find("a")
    assert (node["state"], node["reason"], node["last_exit"]["class"]) == ("failed", "logged out", "crash")


def test_restart_now_skips_the_delay(tree):
    one(tree, classify=classified(RestartNow()))
    tree.tell("a", "crash")
    assert starts(tree) == [0, 0]


def test_a_classifier_that_raises_leaves_the_decision_to_the_restart_type(tree):
    def broken(exit_):
        raise KeyError("oops")

    one(tree, classify=broken)
    tree.tell("a", "crash")
    tree.advance(2)
    assert starts(tree) == [0, 2]


def test_the_classifier_is_not_asked_about_what_an_operator_did(tree):
    asked = []
    one(tree, classify=lambda exit_: asked.append(exit_.kind))
    tree.do(tree.system.terminate_child("a"))
    tree.do(tree.system.restart_child("a"))
    tree.do(tree.system.restart("a"))
    assert asked == []


def test_a_killed_child_is_an_abnormal_exit(tree):
    one(tree, restart=Restart.TRANSIENT)
    tree.do(tree.system.kill("a", "memory", by="ann"))
    tree.settle()
    assert tree.state("a") == "backoff"
    assert tree.system.snapshot().find("a")["last_exit"]["message"] == "memory"


def test_a_first_start_that_fails_can_be_retried_instead_of_failing_the_boot(tree):
    retry = backoff(retry_first_start=True)
    up = tree.start(
        SupervisorSpec(
            (ChildSpec("a", tree.scripted("crash", "crash"), backoff=retry), ChildSpec("b", tree.scripted()))
        )
    )
    assert up.done()
    assert tree.states() == {"": "running", "a": "backoff", "b": "running"}
    tree.advance(6)
    assert tree.state("a") == "running"


def test_start_child_of_one_that_is_retried_is_accepted(tree):
    run(tree, ChildSpec("pool", SupervisorSpec(dynamic=True)))
    spec = ChildSpec("a", tree.scripted("crash"), backoff=backoff(retry_first_start=True))
    assert not tree.do(tree.system.start_child("pool", spec)).alive
    tree.advance(2)
    assert tree.state("pool/a") == "running"


def test_a_subtree_whose_first_start_fails_can_be_retried_as_a_whole(tree):
    run(tree, ChildSpec("sessions", SupervisorSpec(dynamic=True)))
    inner = SupervisorSpec(
        (ChildSpec("session", tree.scripted("crash")), ChildSpec("keepalive", tree.scripted())),
        strategy=Strategy.REST_FOR_ONE,
    )
    spec = ChildSpec("anna", inner, backoff=backoff(retry_first_start=True))
    tree.do(tree.system.start_child("sessions", spec))
    assert tree.state("sessions/anna") == "backoff"
    tree.advance(2)
    assert tree.said()[-2:] == ["sessions/anna/session#2 started", "sessions/anna/keepalive#1 started"]


# -- groups ------------------------------------------------------------------------------------------------


def chain(tree, *, strategy=Strategy.REST_FOR_ONE, classify=None, **rest):
    run(
        tree,
        ChildSpec("before", tree.scripted()),
        ChildSpec("a", tree.scripted(), **({"backoff": backoff(), "classify": classify} | rest)),
        ChildSpec("after", tree.scripted()),
        strategy=strategy,
    )


def test_in_a_group_bystanders_stop_at_once_and_start_after_the_delay(tree):
    chain(tree)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "before": "running", "a": "backoff", "after": "stopped"}
    tree.advance(1.9)
    assert tree.said()[-1] == "after#1 stopping shutdown"
    tree.advance(0.2)
    assert tree.said() == ["a#2 started", "after#2 started"]


def test_in_one_for_all_everybody_waits_for_the_delay(tree):
    chain(tree, strategy=Strategy.ONE_FOR_ALL)
    tree.tell("a", "crash")
    assert tree.states() == {"": "running", "before": "stopped", "a": "backoff", "after": "stopped"}
    tree.advance(2)
    assert tree.said()[-3:] == ["before#2 started", "a#2 started", "after#2 started"]


@pytest.mark.parametrize(
    ("strategy", "before"), [(Strategy.REST_FOR_ONE, "running"), (Strategy.ONE_FOR_ALL, "stopped")]
)
def test_stop_child_in_a_group_stops_who_depends_on_it_until_the_retry(tree, strategy, before):
    chain(tree, strategy=strategy, classify=classified(StopChild("logged out")))
    tree.tell("a", "crash")
    tree.advance(1000)
    assert tree.states() == {"": "running", "before": before, "a": "failed", "after": "stopped"}
    tree.do(tree.system.retry("a"))
    assert set(tree.states().values()) == {"running"}


def test_a_crash_before_the_one_that_waits_restarts_all_after_it(tree):
    chain(tree)
    tree.tell("a", "crash")
    tree.tell("before", "crash")
    assert tree.states() == {"": "running", "before": "running", "a": "backoff", "after": "stopped"}
    tree.advance(2)
    assert set(tree.states().values()) == {"running"}


def test_an_operator_restart_takes_the_group_along_and_counts_nothing(tree):
    chain(tree)
    tree.do(tree.system.restart("a", by="ann"))
    assert tree.said() == [
        "after#1 stopping shutdown",
        "a#1 stopping shutdown",
        "a#2 started",
        "after#2 started",
    ]
    assert tree.system.snapshot().find("a")["restarts"]["total"] == 0


def test_a_group_restart_does_not_wake_a_failed_child(tree):
    run(
        tree,
        ChildSpec("a", tree.scripted()),
        ChildSpec("b", tree.scripted(), classify=classified(StopChild("logged out"))),
        strategy=Strategy.REST_FOR_ONE,
    )
    tree.tell("b", "crash")
    tree.tell("a", "crash")
    tree.settle()
    assert tree.states() == {"": "running", "a": "running", "b": "failed"}


# -- storms ------------------------------------------------------------------------------------------------


def sessions(tree, names="abcd", fuse=StormFuse(2, 60.0, 100.0), **rest):  # noqa: B008 - frozen
    run(tree, ChildSpec("sessions", SupervisorSpec(dynamic=True, storm_fuse=fuse, **rest)))
    for name in names:
        inner = SupervisorSpec((ChildSpec("session", tree.scripted(), backoff=backoff()),))
        tree.do(tree.system.start_child("sessions", ChildSpec(name, inner)))


def crash(tree, names):
    for name in names:
        tree.tell(f"sessions/{name}/session", "crash")


def test_many_failing_at_once_pause_restarts_and_leave_the_healthy_alone(tree):
    sessions(tree)
    crash(tree, "abc")
    tree.advance(2)
    found = [tree.state(f"sessions/{name}/session") for name in "abcd"]
    assert found == ["hold", "hold", "hold", "running"]
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is not None
    tree.advance(98)
    assert {tree.state(f"sessions/{name}/session") for name in "abcd"} == {"running"}
    assert tree.handle("sessions/d/session").incarnation == 1


def test_one_child_that_keeps_failing_trips_no_storm_fuse(tree):
    sessions(tree)
    for _ in range(4):
        crash(tree, "a")
        tree.advance(20)
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is None


def test_many_failures_inside_one_child_are_one_sick_child_and_no_storm(tree):
    run(tree, ChildSpec("sessions", SupervisorSpec(dynamic=True, storm_fuse=StormFuse(2, 60.0, 100.0))))
    parts = tuple(ChildSpec(name, tree.scripted(), backoff=backoff()) for name in "abcdef")
    tree.do(tree.system.start_child("sessions", ChildSpec("one", SupervisorSpec(parts))))
    for name in "abcdef":
        tree.tell(f"sessions/one/{name}", "crash")
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["tripped_until"] is None
    assert tree.system.snapshot().find("sessions")["storm_fuse"]["used"] == 1


def test_after_a_storm_the_starts_are_spread(tree):
    sessions(tree, fuse=StormFuse(2, 60.0, 100.0, spread=30.0))
    crash(tree, "abc")
    tree.advance(100)
    assert {tree.state(f"sessions/{name}/session") for name in "abc"} == {"hold"}
    tree.advance(30)
    assert {tree.state(f"sessions/{name}/session") for name in "abc"} == {"running"}
    ups = {e.at for e in tree.log if e.event == "started" and e.incarnation == 2}
    assert len(ups) == 3


def test_during_a_storm_an_operator_may_start_and_retry_by_hand(tree):
    sessions(tree)
    crash(tree, "abc")
    assert tree.do(tree.system.retry("sessions/a/session")).alive
    assert tree.do(tree.system.start_child("sessions", ChildSpec("new", tree.scripted()))).alive


def test_a_storm_of_a_flat_dynamic_supervisor_counts_its_own_children(tree):
    fuse = StormFuse(1, 60.0, 100.0)
    run(tree, ChildSpec("pool", SupervisorSpec(dynamic=True, storm_fuse=fuse, intensity=100)))
    for name in "ab":
        tree.do(tree.system.start_child("pool", ChildSpec(name, tree.scripted())))
    tree.tell("pool/a", "crash")
    tree.tell("pool/b", "crash")
    assert tree.state("pool/a") == "running"
    assert tree.state("pool/b") == "hold"


def test_terminating_a_child_forgets_its_hold(tree):
    sessions(tree)
    crash(tree, "abc")
    tree.do(tree.system.terminate_child("sessions/a"))
    with pytest.raises(NotFound):
        tree.do(tree.system.retry("sessions/a"))


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_jittered_history(seed):
    def history():
        with VirtualTree(seed) as tree:
            one(tree, "ok", *["crash"] * 5, backoff=BackOff(1, 30))
            tree.tell("a", "crash")
            tree.advance(200)
            return [str(entry) + str(entry.at) for entry in tree.log]

    assert history() == history()
