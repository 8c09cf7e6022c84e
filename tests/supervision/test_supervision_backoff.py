"""Back-off, holding, giving up, and storms: where the library goes beyond OTP (after Pekko's specs)."""

from datetime import timedelta

import pytest

from supervision import (
    BackOff,
    ChildSpec,
    ExitKind,
    HoldUntil,
    Restart,
    RestartNow,
    StartFailed,
    StopChild,
    Strategy,
    SupervisorSpec,
)
from supervision.testing import Take, VirtualTree
from tests.supervision.kit import backoff, classified, run_strictly


def one(tree, *starts, stopping="ok", **rest):
    run_strictly(
        tree, ChildSpec("a", tree.scripted(*starts, stopping=stopping), **({"backoff": backoff()} | rest))
    )


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

    run_strictly(tree, ChildSpec("a", Connected, backoff=backoff(reset_after=5, reset_from="healthy")))
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
    run_strictly(
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
    run_strictly(tree, ChildSpec("pool", SupervisorSpec(dynamic=True)))
    spec = ChildSpec("a", tree.scripted("crash"), backoff=backoff(retry_first_start=True))
    assert not tree.do(tree.system.start_child("pool", spec)).alive
    tree.advance(2)
    assert tree.state("pool/a") == "running"


def test_a_subtree_whose_first_start_fails_can_be_retried_as_a_whole(tree):
    run_strictly(tree, ChildSpec("sessions", SupervisorSpec(dynamic=True)))
    inner = SupervisorSpec(
        (ChildSpec("session", tree.scripted("crash")), ChildSpec("keepalive", tree.scripted())),
        strategy=Strategy.REST_FOR_ONE,
    )
    spec = ChildSpec("anna", inner, backoff=backoff(retry_first_start=True))
    tree.do(tree.system.start_child("sessions", spec))
    assert tree.state("sessions/anna") == "backoff"
    tree.advance(2)
    assert tree.said()[-2:] == ["sessions/anna/session#2 started", "sessions/anna/keepalive#1 started"]


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_jittered_history(seed):
    def history():
        with VirtualTree(seed) as tree:
            one(tree, "ok", *["crash"] * 5, backoff=BackOff(1, 30))
            tree.tell("a", "crash")
            tree.advance(200)
            return [str(entry) + str(entry.at) for entry in tree.log]

    assert history() == history()
