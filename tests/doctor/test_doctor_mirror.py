"""The mirror's project: each answer that it may give."""

import asyncio

import pytest
from aiohttp import web

from tests.supabase.postgrest import KEY, Postgrest
from wahook.doctor import State
from wahook.doctor.mirror import check_mirror


@pytest.fixture
async def postgrest():
    server = Postgrest()
    await server.start()
    yield server
    await server.stop()


async def seen(settings, **more):
    return await asyncio.to_thread(check_mirror, settings(**more))


async def test_no_mirror_is_no_finding(settings, postgrest):
    assert (await seen(settings)).state is State.OK
    off = await seen(settings, supabase_url=postgrest.url, supabase_mirror="off")
    assert (off.state, postgrest.requests) == (State.OK, [])


async def test_a_project_that_has_the_tables_is_well_and_is_only_read(settings, postgrest):
    found = await seen(settings, supabase_url=postgrest.url, supabase_service_key=KEY)
    assert found.state is State.OK
    assert {method for method, _, _ in postgrest.requests} == {"GET"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "SUPABASE_SERVICE_KEY"),
        ({"supabase_service_key": "sb_publishable_x"}, "publishable"),
        ({"supabase_service_key": "sb_secret_hush"}, "HTTP 401"),
    ],
)
async def test_a_wrong_key_fails_and_is_not_shown(settings, postgrest, changes, word):
    found = await seen(settings, supabase_url=postgrest.url, **changes)
    assert (found.state, word in found.found) == (State.FAILED, True)
    assert "hush" not in str(found)


async def test_a_missing_table_fails_with_what_to_run(settings, postgrest):
    del postgrest.tables["messages"]
    found = await seen(settings, supabase_url=postgrest.url, supabase_service_key=KEY)
    assert (found.state, "PGRST205" in found.found, ".sql" in found.advice) == (State.FAILED, True, True)


async def test_a_project_that_is_away_is_only_a_doubt(settings, postgrest):
    postgrest.script.append(web.Response(status=503))
    found = await seen(settings, supabase_url=postgrest.url, supabase_service_key=KEY)
    assert found.state is State.WARNING
