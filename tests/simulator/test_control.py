"""The control API without a browser: what it answers, what it refuses and to whom."""

import base64
import socket
import time

import aiohttp
import pytest

from wahook.simulator import Simulator, SimulatorThread, start_simulator
from wahook.simulator.faults import Fault

from .conftest import MINE, OTHER, OUTSIDE, Phones, eventually


async def test_it_starts_in_less_than_a_second_on_free_ports_and_several_live_side_by_side():
    start = time.monotonic()
    with SimulatorThread() as first, SimulatorThread(tls_port=0) as second:
        assert time.monotonic() - start < 2
        assert len({first.port, second.port, second.tls_port}) == 3
        assert first.tls_port is None


async def test_a_taken_port_is_an_error_at_start(simulator: Simulator):
    with pytest.raises(OSError, match="address already in use"):
        await start_simulator(port=simulator.port)


@pytest.mark.parametrize(
    "options", [{"qr_first": 0}, {"qr_count": 0}, {"sync_delay": -1}, {"read_after": -2}]
)
async def test_options_that_cannot_be_meant_are_refused(options):
    with pytest.raises(ValueError, match="out of range"):
        await start_simulator(**options)


async def test_every_number_is_a_phone_but_one_that_was_never_linked_cannot_be_unlinked(phones: Phones):
    state = await phones.state(MINE)
    assert (state["linked"], state["connected"], state["pages"]) == (False, False, 0)
    assert state["profileName"]
    assert "nobody scanned" in (await phones.post(MINE, "unlink", 404))["error"]
    await phones.post(MINE, "dance", 404)


@pytest.mark.parametrize("number", ["+49-170", "1234", "1" * 16, "٤٩١٧٠٠٠٠٠٠٠١", "..%2f49170"])
async def test_a_number_is_digits_only(phones: Phones, number):
    assert "digits" in (await phones.state(number))["error"]
    assert "digits" in (await phones.post(number, "faults", 400, kind="crash"))["error"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"text": "x"}, "phone number"),
        ({"from": MINE, "text": "x"}, "another number"),
        ({"from": OUTSIDE}, "either 'text' or 'media'"),
        ({"from": OUTSIDE, "text": "x", "media": {}}, "either 'text' or 'media'"),
        ({"from": OUTSIDE, "text": ""}, "non-empty"),
        ({"from": OUTSIDE, "media": []}, "must be an object"),
        ({"from": OUTSIDE, "media": {"mimetype": "a/b", "data": "%"}}, "base64"),
        ({"from": OUTSIDE, "media": {"mimetype": "a/b", "data": "é"}}, "base64"),
        ({"from": OUTSIDE, "media": {"data": "aGk="}}, "mimetype"),
        ({"from": OUTSIDE, "text": "x", "id": 5}, "'id'"),
        ({"from": OUTSIDE, "text": "x", "t": "noon"}, "'t'"),
    ],
)
async def test_a_bad_message_is_refused_with_a_reason(phones: Phones, body, says):
    assert says in (await phones.post(MINE, "messages", 400, **body))["error"]


async def test_a_body_that_is_not_a_json_object_is_refused(simulator: Simulator):
    async with aiohttp.ClientSession(simulator.url) as session:
        for data in (b"{", b"[1]", b"3", b"\xff{}", b"[" * 100_000):
            async with session.post(f"/sim/phones/{MINE}/scan", data=data) as answer:
                assert (answer.status, "error" in await answer.json()) == (400, True)
        strange = {"Content-Type": "application/json; charset=klingon"}
        async with session.post(f"/sim/phones/{MINE}/scan", data=b"{}", headers=strange) as answer:
            assert (answer.status, "error" in await answer.json()) == (400, True)


async def test_messages_to_a_phone_that_is_not_linked_are_delivered_to_the_phone_itself(phones: Phones):
    bare = await phones.write(MINE, "nobody linked")

    async def delivered() -> bool:
        return await phones.acks(bare) == [1, 2]

    await eventually(delivered)
    assert (await phones.state(MINE))["waiting"] == 0
    assert [entry["id"] for entry in await phones.ledger(MINE)] == [bare]
    assert await phones.ledger(OTHER) == []


async def test_a_chosen_id_that_is_used_twice_shows_as_a_double(phones: Phones):
    for _ in range(2):
        await phones.post(
            MINE, "messages", 201, **{"from": OUTSIDE}, text="again", id="3EB0BBBBBBBBBBBBBBBBBB"
        )
    assert [entry["count"] for entry in await phones.ledger()] == [2]


async def test_faults_wait_per_number_and_are_listed_and_cleared(simulator: Simulator, phones: Phones):
    await phones.post(MINE, "faults", kind="slow_ack", seconds=1, times=3)
    await phones.post("0", "faults", kind="missing_module", module="WAWebChatModel")
    async with aiohttp.ClientSession(simulator.url) as session:

        async def waiting(number: str) -> list[tuple[str, int]]:
            async with session.get(f"/sim/phones/{number}/faults") as answer:
                return [(fault["kind"], fault["times"]) for fault in await answer.json()]

        assert await waiting(MINE) == [("slow_ack", 3)]
        assert await waiting("0") == [("missing_module", 1)]
        async with session.get("/boot", params={"number": OTHER}) as answer:
            assert await answer.json() == {"delay": 0, "missing": ["WAWebChatModel"]}
        assert await waiting("0") == []
        await phones.post("0", "faults", kind="clear")
        assert await waiting(MINE) == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [("slow_ack", "seconds"), ("slow_boot", "seconds"), ("ban", "seconds"), ("grow", "megabytes")],
)
async def test_a_fault_without_its_size_has_the_usual_one(kind, field):
    assert getattr(Fault.parse({"kind": kind}), field) > 0


async def test_media_is_kept_by_its_hash(simulator: Simulator):
    async with aiohttp.ClientSession(simulator.url) as session:
        async with session.post("/media", data=b"hello", headers={"Content-Type": "text/plain"}) as answer:
            path = (await answer.json())["directPath"]
        assert path.endswith("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
        async with session.get(path) as answer:
            assert (await answer.read(), answer.content_type) == (b"hello", "text/plain")
        async with session.get("/media/" + base64.b64encode(b"x").decode()) as answer:
            assert answer.status == 404


async def test_pages_of_other_sites_may_not_use_the_control_api(simulator: Simulator):
    async with aiohttp.ClientSession(simulator.url) as session:
        for origin, status in (("http://evil.example", 403), ("http://[", 403), (simulator.url, 200)):
            async with session.get("/sim/ledger", headers={"Origin": origin}) as answer:
                assert answer.status == status


async def test_peers_that_are_not_loopback_may_not_use_the_control_api():
    address = _own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    running = await start_simulator(host="0.0.0.0")  # noqa: S104
    try:
        async with aiohttp.ClientSession(f"http://{address}:{running.port}") as session:
            async with session.get("/sim/ledger") as answer:
                assert answer.status == 403
            async with session.get("/") as answer:
                assert answer.status == 200
    finally:
        await running.stop()


def _own_address() -> str | None:
    """An address of this machine that is not loopback; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
