"""The decisions, without threads or time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision import (
    AutoShutdown,
    BackOff,
    Exit,
    ExitKind,
    HoldUntil,
    Jitter,
    Restart,
    RestartLater,
    RestartNow,
    SpecError,
    StopChild,
    StormFuse,
    Strategy,
)
from supervision.policy import (
    Act,
    Storm,
    Verdict,
    add_failure,
    add_restart,
    ends_supervisor,
    fate,
    group,
    survives_stop,
    verdict,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = BackOff(1, 60, jitter=Jitter(1, 1), max_consecutive=3)
CRASH = Exit(ExitKind.CRASH)


def judge(restart=Restart.PERMANENT, backoff=None, exit_=CRASH, outcome=None, **rest):
    return verdict(restart, backoff, exit_, outcome, **({"failures": 0, "uniform": 0.0, "now": NOW} | rest))


@pytest.mark.parametrize("kind", list(ExitKind))
def test_a_permanent_child_is_always_restarted(kind):
    assert fate(Restart.PERMANENT, kind, dynamic=False) is Act.RESTART


@pytest.mark.parametrize("kind", list(ExitKind))
def test_a_temporary_child_never_is_and_its_spec_goes(kind):
    assert fate(Restart.TEMPORARY, kind, dynamic=False) is Act.DROP


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        (ExitKind.NORMAL, Act.KEEP),
        (ExitKind.SHUTDOWN, Act.KEEP),
        (ExitKind.CRASH, Act.RESTART),
        (ExitKind.KILLED, Act.RESTART),
        (ExitKind.START_FAILED, Act.RESTART),
    ],
)
def test_a_transient_child_is_restarted_only_after_an_abnormal_exit(kind, act):
    assert fate(Restart.TRANSIENT, kind, dynamic=False) is act


def test_a_dynamic_supervisor_drops_a_transient_child_that_ended_well():
    assert fate(Restart.TRANSIENT, ExitKind.NORMAL, dynamic=True) is Act.DROP
    assert fate(Restart.TRANSIENT, ExitKind.CRASH, dynamic=True) is Act.RESTART


def test_killed_and_failed_starts_are_abnormal_but_normal_and_shutdown_are_not():
    assert [kind for kind in ExitKind if not kind.abnormal] == [ExitKind.NORMAL, ExitKind.SHUTDOWN]
    assert Exit(ExitKind.KILLED).abnormal


def test_without_a_back_off_a_restart_has_no_delay():
    assert judge() == Verdict(Act.RESTART, 0.0, "", 1)


def test_the_nth_failure_waits_the_base_doubled_n_times_up_to_the_cap():
    delays = [judge(backoff=BackOff(1, 60, jitter=Jitter(1, 1)), failures=n).delay for n in range(8)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_failure_after_the_last_allowed_one_needs_a_human():
    assert judge(backoff=PLAIN, failures=2).act is Act.RESTART
    assert judge(backoff=PLAIN, failures=3) == Verdict(Act.FAIL, 0.0, "4 consecutive failures", 4)


def test_restart_now_skips_the_delay_but_not_the_budget():
    assert judge(backoff=PLAIN, failures=2, outcome=RestartNow()) == Verdict(Act.RESTART, 0.0, "", 3)
    assert judge(backoff=PLAIN, failures=3, outcome=RestartNow()).act is Act.FAIL


def test_restart_later_brings_back_even_a_transient_child_that_ended_normally():
    ended = Exit(ExitKind.NORMAL)
    assert judge(Restart.TRANSIENT, PLAIN, ended).act is Act.KEEP
    assert judge(Restart.TRANSIENT, PLAIN, ended, RestartLater()) == Verdict(Act.RESTART, 1.0, "", 1)


def test_hold_until_a_date_waits_for_it_and_spends_no_budget():
    until = HoldUntil(NOW + timedelta(hours=2))
    assert judge(backoff=PLAIN, failures=3, outcome=until) == Verdict(Act.HOLD, 7200.0, "held by policy", 3)


def test_hold_until_counts_seconds_too_and_the_past_is_now():
    assert judge(outcome=HoldUntil(90.0)).delay == 90.0
    assert judge(outcome=HoldUntil(NOW - timedelta(hours=2))).delay == 0.0


def test_stop_child_fails_with_its_reason():
    assert judge(backoff=PLAIN, outcome=StopChild("logged out")) == Verdict(Act.FAIL, 0.0, "logged out", 0)


@pytest.mark.parametrize("outcome", [RestartNow(), RestartLater(), HoldUntil(1.0), StopChild("x"), None])
def test_nothing_brings_a_temporary_child_back(outcome):
    assert judge(Restart.TEMPORARY, PLAIN, outcome=outcome).act is Act.DROP


def test_a_normal_end_clears_the_count():
    assert judge(Restart.TRANSIENT, PLAIN, Exit(ExitKind.NORMAL), failures=2).failures == 0


@pytest.mark.parametrize("at", [-1.0, datetime(2026, 1, 1)])  # noqa: DTZ001 - that it is naive is the point
def test_a_hold_without_time_zone_or_in_negative_seconds_is_refused(at):
    with pytest.raises(SpecError, match=r"HoldUntil\.at"):
        HoldUntil(at)


def test_the_fuse_tolerates_intensity_restarts_and_blows_at_the_next():
    times: tuple[float, ...] = ()
    blown = []
    for at in (0.0, 1.0, 2.0):
        times, blows = add_restart(times, at, 2, 5.0)
        blown.append(blows)
    assert blown == [False, False, True]


def test_the_fuse_window_includes_its_boundary():
    assert add_restart((0.0,), 5.0, 1, 5.0) == ((0.0, 5.0), True)
    assert add_restart((0.0,), 5.001, 1, 5.0) == ((5.001,), False)


def test_intensity_zero_tolerates_no_restart():
    assert add_restart((), 0.0, 0, 5.0)[1]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ("b",)),
        (Strategy.ONE_FOR_ALL, ("a", "b", "c")),
        (Strategy.REST_FOR_ONE, ("b", "c")),
    ],
)
def test_the_strategy_says_who_goes_down_with_the_failed_one(strategy, expected):
    assert group(strategy, ("a", "b", "c"), "b") == expected


def test_an_operators_stop_keeps_the_spec_unless_temporary_or_dynamic():
    assert survives_stop(Restart.PERMANENT, dynamic=False)
    assert survives_stop(Restart.TRANSIENT, dynamic=False)
    assert not survives_stop(Restart.TEMPORARY, dynamic=False)
    assert not survives_stop(Restart.PERMANENT, dynamic=True)


@pytest.mark.parametrize(
    ("mode", "significant", "others", "ends"),
    [
        (AutoShutdown.NEVER, True, [], False),
        (AutoShutdown.ANY_SIGNIFICANT, True, [True], True),
        (AutoShutdown.ANY_SIGNIFICANT, False, [], False),
        (AutoShutdown.ALL_SIGNIFICANT, True, [True], False),
        (AutoShutdown.ALL_SIGNIFICANT, True, [False], True),
        (AutoShutdown.ALL_SIGNIFICANT, False, [], False),
    ],
)
def test_auto_shutdown_follows_the_significant_children(mode, significant, others, ends):
    assert ends_supervisor(mode, significant=significant, others=others) is ends


def failures(fuse, *events):
    storm = Storm()
    for at, child in events:
        storm = add_failure(fuse, storm, child, at)
    return storm


def test_a_storm_is_many_different_children_failing_in_the_window():
    storm = failures(StormFuse(2, 60, 30), (0.0, "a"), (1.0, "b"), (2.0, "c"))
    assert storm == Storm((), 32.0)


def test_one_child_failing_often_is_no_storm():
    storm = failures(StormFuse(2, 60, 30), *((float(at), "a") for at in range(50)))
    assert storm.paused_until == 0.0
    assert storm.used() == 1


def test_failures_outside_the_window_do_not_count():
    assert failures(StormFuse(2, 10, 30), (0.0, "a"), (1.0, "b"), (12.0, "c")).paused_until == 0.0


def test_a_second_storm_never_shortens_the_pause():
    fuse = StormFuse(1, 60, 30)
    storm = add_failure(fuse, Storm((), 500.0), "a", 1.0)
    assert add_failure(fuse, storm, "b", 2.0).paused_until == 500.0


BACKOFFS = st.builds(
    lambda low, more, factor, jitter: BackOff(low, low + more, factor, Jitter(*sorted(jitter))),
    st.floats(0.001, 1e6),
    st.floats(0, 1e6),
    st.floats(1, 10),
    st.tuples(st.floats(0, 3), st.floats(0, 3)),
)


@given(BACKOFFS, st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_delay_stays_within_the_jittered_bounds(backoff, failures_before, uniform):
    delay = backoff.delay(failures_before, uniform)
    slack = 1e-9 * backoff.max
    assert backoff.min * backoff.jitter.low - slack <= delay <= backoff.max * backoff.jitter.high + slack


@pytest.mark.parametrize(
    ("failures_before", "low", "high", "expected"),
    [
        (0, 300, 420, 300),
        (2, 5, 7, 7),
        (2, 5, 604_800, 20),
        (29, 300, 600, 600),
        (2**31, 864e6, 864e6, 864e6),
    ],
)
def test_delays_are_those_of_pekkos_table(failures_before, low, high, expected):
    assert BackOff(low, high, jitter=Jitter.pekko(0)).delay(failures_before, 0.5) == expected


def test_pekkos_jitter_never_goes_below_the_base_nor_reaches_the_cap_times_one_plus_factor():
    backoff = BackOff(1, 8, jitter=Jitter.pekko(0.2))
    assert backoff.delay(3, 0.0) == 8
    assert 8 < backoff.delay(3, 0.999) < 9.6


def test_the_default_jitter_takes_half_to_all_of_the_delay():
    assert BackOff(4, 8).delay(0, 0.0) == 2
    assert BackOff(4, 8).delay(0, 0.5) == 3


def test_the_healthy_spell_defaults_to_the_middle_of_the_range():
    assert BackOff(2, 60).healthy_spell == 31
    assert BackOff(2, 60, reset_after=5).healthy_spell == 5


def test_without_a_limit_no_count_is_too_many():
    assert not BackOff(1, 2).exhausted(10**6)
