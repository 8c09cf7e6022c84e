"""A backup of a running service brings its sessions up elsewhere without a code; a stop loses no queue."""

import asyncio
import shutil

import pytest

from tests.service.house import API, Client, House, settings_for, until
from wahook.moving.adopting import import_logins
from wahook.moving.backup import back_up
from wahook.moving.restore import restore
from wahook.service import Service

pytestmark = [pytest.mark.browser]
PHONE = "491510000001"
FRIEND = "491769999999"


@pytest.fixture
async def elsewhere(simulator, tmp_path):
    """A function that starts a service on another folder; stopped at the end."""
    services = []

    async def start(data, http):
        service = Service(settings_for(data, simulator.url))
        address = await asyncio.to_thread(service.start)
        services.append(service)
        return House(service, simulator, Client(f"http://{address}", simulator.url, http))

    yield start
    for service in services:
        await asyncio.to_thread(service.stop)


async def test_a_backup_taken_while_it_runs_brings_the_sessions_up_elsewhere(house, elsewhere, tmp_path):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    first = await client.send(session_id, FRIEND, "before the backup")
    await client.delivered(session_id, first["messageId"])
    stopped = await client.linked("1", "3", "491510000002")
    await client.ok("POST", f"{API}/{stopped}/stop")
    waiting = await client.send(stopped, FRIEND, "waits in the queue")

    file = tmp_path / "backup.tar.gz"
    done = await asyncio.to_thread(back_up, house.service.settings, file)
    assert set(done.sessions) == {session_id, stopped}
    assert (await client.session(session_id))["status"] == "ready"
    await client.ok("POST", f"{API}/{stopped}/start")
    await client.delivered(stopped, waiting["messageId"])  # sent after the backup, which still has it queued
    await asyncio.to_thread(house.service.stop)

    new = settings_for(tmp_path / "new", client.simulator_url)
    assert set(await asyncio.to_thread(restore, new, file)) == {session_id, stopped}
    again = await elsewhere(tmp_path / "new", client.http)
    await again.listen()
    await again.client.status(session_id, "ready")
    assert (await again.client.session(stopped))["status"] == "stopped"
    await again.client.ok("POST", f"{API}/{stopped}/start")
    await again.client.delivered(stopped, waiting["messageId"])
    assert again.names("qr", "auth_failure") == []
    assert (await again.client.message(session_id, first["messageId"]))["status"] in (
        "sent",
        "delivered",
        "read",
    )
    wire = await again.client.on_wire()
    assert {wire[sent] for sent in client.sent} == {1}


async def test_a_login_of_another_program_is_taken_over_and_comes_up_without_a_code(
    house, elsewhere, tmp_path
):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    await asyncio.to_thread(house.service.stop)
    profile = house.service.settings.sessions_path / f"session-{session_id}"
    shutil.copytree(profile, tmp_path / ".wwebjs_auth" / profile.name)

    new = settings_for(tmp_path / "new", client.simulator_url)
    (done,) = await asyncio.to_thread(import_logins, new, tmp_path / ".wwebjs_auth")
    assert (done.session_id, done.problem) == (session_id, None)
    again = await elsewhere(tmp_path / "new", client.http)
    await again.listen()
    session = await again.client.status(session_id, "ready")
    assert session["phoneNumber"] == PHONE
    assert again.names("qr", "auth_failure") == []


async def test_what_was_accepted_and_not_sent_is_queued_after_a_stop_and_sent_after_the_start(open_house):
    house = await open_house(session_rate_limit="2/minute")
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    accepted = [await client.send(session_id, FRIEND, f"number {number}") for number in range(6)]
    for message in accepted[:2]:
        await client.delivered(session_id, message["messageId"])
    assert await asyncio.to_thread(house.service.stop, 10)

    house = await open_house()
    again = house.client
    await again.status(session_id, "ready")
    for message in accepted:
        await again.delivered(session_id, message["messageId"])
    ledger = sorted(await again.ledger(), key=lambda entry: entry["at"])
    wanted = [message["waMessageId"] for message in accepted]
    assert [entry["id"] for entry in ledger if entry["id"] in wanted] == wanted
    assert {entry["count"] for entry in ledger} == {1}


async def test_health_and_metrics_of_the_whole_service_tell_what_is_up(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    sent = await client.send(session_id, FRIEND, "hello")
    await client.delivered(session_id, sent["messageId"])
    status, health = await client.call("GET", "/api/health")
    assert (status, health["whatsapp"]["readySessions"]) == (200, 1)
    assert health.keys() == {"status", "uptime", "memory", "whatsapp", "redis", "supabase"}
    ready = await client.ok("GET", "/readyz")
    assert all(ready[name]["age"] < 20 for name in ("redis", "database", "supervision"))
    text = await until("metrics", lambda: _counted(client, 'wahook_events_total{event="message:sent"} 1'))
    for line in (
        'wahook_sessions{status="ready"} 1',
        'wahook_nodes{state="failed"}',
        "wahook_metrics_sources_failed 0",
    ):
        assert (line in text) is not line.startswith("wahook_nodes")
    assert session_id not in text
    assert PHONE not in text
    system = house.service.system
    await asyncio.wait_for(system.terminate_child("outbox"), 20)
    found = await until("503", lambda: _unwell(client))
    assert found["supervision"]["ok"] is False


async def _counted(client, line):
    text = await client.ok("GET", "/metrics")
    return text if line in text else None


async def _unwell(client):
    status, found = await client.call("GET", "/readyz")
    return found if status == 503 else None
