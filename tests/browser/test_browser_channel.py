"""The DevTools channel against a scripted server: what a real browser does only by accident."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from actors.errors import DeadlinePassed
from wahook.browser.channel import ChannelClosed, DevToolsChannel, ProtocolFault

Script = Callable[[web.WebSocketResponse, dict], Awaitable[None]]


async def echo(socket: web.WebSocketResponse, data: dict) -> None:
    match data["method"]:
        case "Fail":
            await socket.send_json({"id": data["id"], "error": {"code": -32000, "message": "no"}})
        case "Silence":
            pass
        case "Hang up":
            await socket.close()
        case "Tell":
            await socket.send_json({"method": "Told", "params": {"n": 1}, "sessionId": data.get("sessionId")})
            await socket.send_json({"id": data["id"], "result": {}})
        case _:
            await socket.send_json({"id": data["id"], "result": {"got": data["params"]}})


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await echo(socket, json.loads(message.data))
        return socket

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture
async def channel(endpoint: str) -> AsyncIterator[DevToolsChannel]:
    connection = await DevToolsChannel.connect(endpoint, 5)
    yield connection
    await connection.close()


async def test_answers_find_their_calls_in_any_order(channel: DevToolsChannel):
    answers = await asyncio.gather(*(channel.call("Any", {"n": n}, deadline=5) for n in range(50)))
    assert [answer["got"]["n"] for answer in answers] == list(range(50))


async def test_an_error_of_the_protocol_names_the_method_and_its_code(channel: DevToolsChannel):
    with pytest.raises(ProtocolFault, match="Fail: no") as caught:
        await channel.call("Fail", deadline=5)
    assert caught.value.code == -32000


async def test_an_unanswered_call_ends_at_its_deadline_and_leaves_nothing_behind(channel: DevToolsChannel):
    with pytest.raises(DeadlinePassed, match="Silence"):
        await channel.call("Silence", deadline=0.05)
    assert not channel._pending
    assert await channel.call("Any", deadline=5) == {"got": {}}


async def test_when_the_socket_closes_all_pending_calls_fail_at_once_and_the_owner_hears(
    channel: DevToolsChannel,
):
    closed = asyncio.Event()
    channel.on_close = closed.set
    pending = [asyncio.create_task(channel.call("Silence", deadline=60)) for _ in range(3)]
    pending.append(asyncio.create_task(channel.call("Hang up", deadline=60)))
    outcomes = await asyncio.wait_for(asyncio.gather(*pending, return_exceptions=True), 5)
    assert [type(outcome) for outcome in outcomes] == [ChannelClosed] * 4
    await asyncio.wait_for(closed.wait(), 5)
    with pytest.raises(ChannelClosed):
        await channel.call("Any", deadline=5)


async def test_a_crashed_page_fails_its_own_calls_and_no_others(channel: DevToolsChannel):
    crashed = asyncio.create_task(channel.call("Silence", session="a", deadline=60))
    other = asyncio.create_task(channel.call("Silence", session="b", deadline=60))
    await channel.call("Any", deadline=5)
    channel.fail_session("a", "renderer_crashed")
    with pytest.raises(ChannelClosed, match="renderer_crashed"):
        await asyncio.wait_for(crashed, 5)
    assert not other.done()
    other.cancel()


async def test_events_go_to_the_listener_of_their_session(channel: DevToolsChannel):
    heard: list[tuple[str, str]] = []
    channel.listen("a", lambda method, _: heard.append(("a", method)))
    channel.listen("b", lambda method, _: heard.append(("b", method)))
    await channel.call("Tell", session="b", deadline=5)
    await channel.call("Tell", session="nobody", deadline=5)
    assert heard == [("b", "Told")]


async def test_a_listener_that_fails_does_not_end_the_channel(channel: DevToolsChannel):
    def fail(method: str, params: dict) -> None:
        raise ValueError(method)

    channel.listen("a", fail)
    await channel.call("Tell", session="a", deadline=5)
    assert not channel.closed


async def test_closing_it_ourselves_is_not_told_as_a_loss(channel: DevToolsChannel):
    channel.on_close = lambda: pytest.fail("told")
    await channel.close()
    await channel.close()
    assert channel.closed


async def test_nobody_there_is_told_as_a_closed_channel():
    with pytest.raises(ChannelClosed, match="channel_refused"):
        await DevToolsChannel.connect("ws://127.0.0.1:9/", 2)
