"""What /api/health stands for: 503 as soon as the service cannot do its job, and why."""

import shutil
from functools import partial

import pytest

from actors import tree
from supervision import Actor, ChildSpec, SupervisorSpec, System
from wahook import operations
from wahook.board import Board
from wahook.operations import Checks, OperationsDesk


@pytest.fixture
def system():
    needed = [
        ChildSpec(tree.WRITER, Actor),
        ChildSpec(tree.OUTBOX, SupervisorSpec()),
        ChildSpec(tree.SESSIONS, SupervisorSpec()),
        ChildSpec(tree.CHROMEDRIVER, Actor),
    ]
    with System(SupervisorSpec(tuple(needed)), name="wahook") as running:
        yield running


def desk(system, **checks):
    well = {"database": lambda: None, "redis": lambda: None}
    return OperationsDesk(system, None, Board(), Checks(**{**well, **checks}))


def fail():
    raise ConnectionError("not there")


async def test_a_service_that_has_all_it_needs_is_well_and_says_how_it_knows(system):
    found = await desk(system).health()
    assert found.ok
    assert found.fields["status"] == "healthy"
    assert found.fields.keys() == {"status", "uptime", "memory", "whatsapp", "redis", "supabase"}
    assert found.fields["redis"]["connected"]
    assert found.fields["redis"]["ping"] < 20_000
    checks = {**found.fields, **found.checks}
    assert all(0 <= checks[name]["age"] < 20 for name in ("redis", "database", "supervision"))


@pytest.mark.parametrize("lost", ["database", "redis"])
async def test_without_its_stores_it_is_not_well(system, lost):
    found = await desk(system, **{lost: fail}).health()
    assert not found.ok
    assert found.fields["status"] == "unhealthy"
    look = {**found.fields, **found.checks}[lost]
    assert (look["connected"], look["ping"]) == (False, None)


@pytest.mark.parametrize("lost", operations.NEEDED)
async def test_without_a_part_that_nothing_goes_without_it_is_not_well(system, lost):
    await system.terminate_child(lost)
    found = await desk(system).health()
    assert not found.ok
    assert found.checks["supervision"]["ok"] is False


async def test_without_chromedriver_it_does_its_job(system):
    await system.terminate_child(tree.CHROMEDRIVER)
    assert (await desk(system).health()).ok


async def test_a_full_volume_takes_nothing_although_everything_answers(system, tmp_path, monkeypatch):
    check = partial(operations.room_on, tmp_path)
    assert (await desk(system, volume=check).health()).ok
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=operations.LEAST_ROOM - 1))
    found = await desk(system, volume=check).health()
    assert (found.ok, found.checks["volume"]["ok"]) == (False, False)
