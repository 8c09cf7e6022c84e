"""Bad specifications fail when they are made, and say which field has which value."""

import dataclasses
import functools
import math

import pytest

from supervision import (
    Actor,
    AutoShutdown,
    BackOff,
    ChildSpec,
    ChildType,
    HoldUntil,
    Jitter,
    Restart,
    Shutdown,
    SpecError,
    StormFuse,
    Strategy,
    SupervisorSpec,
)


def test_a_worker_defaults_to_permanent_with_five_seconds_to_stop():
    spec = ChildSpec("a", Actor)
    assert (spec.restart, spec.shutdown, spec.type) == (Restart.PERMANENT, 5.0, ChildType.WORKER)


def test_a_supervisor_defaults_to_infinite_time_to_stop_and_to_start():
    spec = ChildSpec("a", SupervisorSpec())
    assert (spec.shutdown, spec.type, spec.start_timeout) == (Shutdown.INFINITY, ChildType.SUPERVISOR, None)


def test_supervisor_flags_default_to_otps():
    spec = SupervisorSpec()
    assert (spec.strategy, spec.intensity, spec.period) == (Strategy.ONE_FOR_ONE, 1, 5.0)
    assert spec.auto_shutdown is AutoShutdown.NEVER


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "a/b"),
        ("id", "root"),
        ("id", 7),
        ("start", "not callable"),
        ("restart", "permanent"),
        ("shutdown", -10),
        ("shutdown", "5s"),
        ("shutdown", True),
        ("shutdown", math.inf),
        ("type", "wrker"),
        ("type", ChildType.SUPERVISOR),
        ("shutdown", None),
        ("significant", True),
        ("significant", "maybe"),
        ("significant", 0),
        ("backoff", 3),
        ("classify", "never"),
        ("start_timeout", 0),
        ("kill_grace", -1),
        ("mailbox", 0),
        ("stuck_after", 0),
        ("role", 7),
    ],
)
def test_a_bad_child_field_is_named_with_its_value(field, value):
    with pytest.raises(SpecError, match=rf"ChildSpec\.{field}=") as caught:
        ChildSpec(**({"id": "a", "start": Actor} | {field: value}))
    assert caught.value.field == f"ChildSpec.{field}"
    assert caught.value.value == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strategy", "none_for_one"),
        ("intensity", -1),
        ("intensity", 1.5),
        ("intensity", True),
        ("period", 0),
        ("period", math.inf),
        ("auto_shutdown", None),
        ("max_children", 3),
        ("children", ("not a spec",)),
        ("children", ChildSpec("a", Actor)),
        ("dynamic", "yes"),
        ("storm_fuse", 3),
    ],
)
def test_a_bad_supervisor_field_is_named_with_its_value(field, value):
    with pytest.raises(SpecError, match=rf"SupervisorSpec\.{field}="):
        SupervisorSpec(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("children", (ChildSpec("a", Actor),)),
        ("strategy", Strategy.ONE_FOR_ALL),
        ("auto_shutdown", AutoShutdown.ANY_SIGNIFICANT),
        ("max_children", -1),
    ],
)
def test_a_dynamic_supervisor_takes_no_children_strategy_or_auto_shutdown(field, value):
    with pytest.raises(SpecError, match=rf"SupervisorSpec\.{field}="):
        SupervisorSpec(dynamic=True, **{field: value})


def test_ids_are_unique_among_siblings():
    with pytest.raises(SpecError, match="twin"):
        SupervisorSpec((ChildSpec("twin", Actor), ChildSpec("twin", Actor)))


def test_a_significant_child_needs_a_supervisor_with_auto_shutdown():
    child = ChildSpec("a", Actor, restart=Restart.TRANSIENT, significant=True)
    SupervisorSpec((child,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    with pytest.raises(SpecError, match="significant"):
        SupervisorSpec((child,))


def test_retrying_the_first_start_is_only_for_one_for_one():
    child = ChildSpec("a", Actor, backoff=BackOff(1, 2, retry_first_start=True))
    SupervisorSpec((child,))
    with pytest.raises(SpecError, match="retry_first_start"):
        SupervisorSpec((child,), strategy=Strategy.REST_FOR_ONE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min", 0),
        ("max", 0.5),
        ("factor", 0.9),
        ("reset_after", 0),
        ("reset_from", "never"),
        ("max_consecutive", -1),
        ("max_consecutive", 1.5),
        ("min", "1"),
        ("min", None),
        ("min", True),
        ("max", math.inf),
        ("max", 1e400),
        ("factor", math.inf),
        ("jitter", 0.2),
        ("retry_first_start", "yes"),
    ],
)
def test_a_bad_back_off_field_is_named(field, value):
    with pytest.raises(SpecError, match=rf"BackOff\.{field}="):
        BackOff(**({"min": 1, "max": 2} | {field: value}))


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (2, 1), (math.nan, 1), (0, math.inf), (0, "1")])
def test_a_bad_jitter_is_named(low, high):
    with pytest.raises(SpecError, match="Jitter"):
        Jitter(low, high)


@pytest.mark.parametrize("values", [(0, 1, 1, 0), (1, 0, 1, 0), (1, 1, 0, 0), (1, 1, 1, -1), (1, 1, 1, None)])
def test_a_bad_storm_fuse_is_named(values):
    with pytest.raises(SpecError, match="StormFuse"):
        StormFuse(*values)


def test_the_role_is_the_name_of_what_makes_the_actor():
    assert ChildSpec("a", Actor).role == "Actor"
    assert ChildSpec("a", functools.partial(Actor)).role == "Actor"
    assert ChildSpec("a", Actor, role="printer").role == "printer"
    assert ChildSpec("a", SupervisorSpec()).role == "supervisor"


def test_specs_are_immutable_and_can_be_derived_from_one_another():
    spec = ChildSpec("a", Actor, shutdown=1.0)
    assert dataclasses.replace(spec, id="b").shutdown == 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.id = "c"


@pytest.mark.parametrize("make", [lambda: BackOff(math.nan, 1), lambda: HoldUntil(math.nan)])
def test_nan_is_no_duration(make):
    with pytest.raises(SpecError, match="=nan"):
        make()
