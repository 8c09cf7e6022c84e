"""The memory guard of the whole service: budgets, the limit, and what is refused when nothing is left."""

import asyncio
from functools import partial

import pytest

from actors.memory_policy import Limits
from actors.messages import Unload
from actors.ports import Usage
from tests.service.house import API, until
from wahook import housekeeping
from wahook.memory import ProcessMeter

PHONE = "491510000001"
FRIEND = "491769999999"
MB = 1024**2

pytestmark = [pytest.mark.browser]


async def level(house):
    return (await house.client.ok("GET", "/api/health"))["memory"].get("level")


async def reaches(house, wanted):
    async def there():
        return await level(house) == wanted

    await until(f"level {wanted}", there)


async def test_a_service_past_its_limit_refuses_one_more_session_and_says_why(open_house):
    house = await open_house(memory_limit_mb=64, memory_interval=0.1)
    await reaches(house, "full")
    body = {"userId": "1", "accountId": "2"}
    async with house.client.http.post(
        house.client.base + API, json=body, headers={"X-Api-Key": "the-key"}
    ) as answer:
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (503, "memory")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await house.client.call("GET", f"{API}/user_1_wa_2"))[0] == 404
    memory = (await house.client.ok("GET", "/api/health"))["memory"]
    assert memory["tree"] > memory["limit"] == 64 * MB
    node = house.service.system.snapshot().find("memory")
    assert (node["state"], node["app"]["level"]) == ("running", "full")


async def test_what_runs_goes_on_and_what_lies_down_waits_until_there_is_room(open_house, monkeypatch):
    usage = {"tree": 100 * MB}
    monkeypatch.setattr(ProcessMeter, "read", lambda _: Usage(50 * MB, usage["tree"]))
    house = await open_house(memory_interval=0.1, memory_limit_mb=450)
    client = house.client
    up = await client.linked("1", "up", PHONE)
    idle = await client.linked("1", "idle", "491510000002")
    house.service.system.handle(f"sessions/{idle}/session").tell(Unload(quiet=0))
    await client.status(idle, "stopped")

    usage["tree"] = 460 * MB
    await reaches(house, "full")
    sent = await client.send(up, FRIEND, "this one runs")
    await client.delivered(up, sent["messageId"])
    status, problem = await client.call("GET", f"{API}/{idle}/contacts/{FRIEND}")
    assert (status, problem["code"]) == (503, "memory")
    first = await client.send(idle, FRIEND, "accepted all the same")
    assert (await client.call("POST", f"{API}/{idle}/start"))[0] == 503
    assert (await client.call("POST", f"{API}/{up}/start"))[0] == 200
    assert (await client.session(idle))["status"] == "stopped"

    usage["tree"] = 420 * MB  # below the limit, but not by enough
    await asyncio.sleep(0.5)  # some looks; real time is the subject
    assert await level(house) == "full"
    usage["tree"] = 300 * MB
    await reaches(house, "easy")
    second = await client.send(idle, FRIEND, "and this one wakes it")
    for message in (first, second):
        await client.delivered(idle, message["messageId"])


async def test_a_page_that_grows_past_its_budget_gets_a_fresh_browser_and_loses_nothing(
    open_house, monkeypatch
):
    quick = partial(Limits, settled=0.5, quiet=1.0, again=5.0)
    monkeypatch.setattr(housekeeping, "Limits", quick)
    house = await open_house(session_memory_mb=320, memory_interval=0.2, memory_limit_mb=4000)
    client = house.client
    await house.listen("1")
    session_id = await client.linked()
    (pid,) = house.pids(session_id)
    path = f"sessions/{session_id}/session"
    sampler = house.service.system.sampler

    async def sampled():
        await asyncio.to_thread(sampler.sample)
        return path in sampler.samples and sampler.samples[path].pss > 30 * MB

    async def fresh():
        await asyncio.to_thread(sampler.sample)
        return house.pids(session_id) not in ([], [pid])

    await until("a fresh size is known", lambda: known(house, sampled))
    house.events.clear()
    await client.phone(f"{PHONE}/faults", {"kind": "grow", "megabytes": 400})
    await until("its size is seen", sampled)
    assert sampler.samples[path].processes >= 2  # the renderer, which grew, is counted
    await until("a fresh browser", fresh)
    await client.status(session_id, "ready")
    await asyncio.to_thread(sampler.sample)
    assert sampler.samples[path].pss < 320 * MB
    answer = await client.write(PHONE, FRIEND, "still there?")
    await house.heard("message:received", id=answer)
    sent = await client.send(session_id, FRIEND, "yes")
    await client.delivered(session_id, sent["messageId"])
    assert house.names("disconnected", "qr") == []
    assert (await client.session(session_id))["restarts"] == 0


async def known(house, sampled):
    """Sampled while it is settled, and looked at since."""
    if not await sampled():
        return False
    seen = house.service.headroom.report
    await asyncio.sleep(0.6)  # real time is the subject
    return await sampled() and house.service.headroom.report is not seen
