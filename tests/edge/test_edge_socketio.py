"""Socket.IO: who gets in, who hears what, and that a slow listener costs little."""

import asyncio
import json

import aiohttp
import pytest
import socketio

from actors.events import (
    AuthFailure,
    Disconnected,
    Loading,
    MessageAck,
    MessageReceived,
    MessageSent,
    Qr,
    QrUpdated,
    Ready,
    StatusChanged,
)
from actors.model import SessionStatus

from .conftest import KEY
from .service import CODE

DEADLINE = 30.0


def hello(key: str) -> str:
    """Socket.IO's CONNECT packet, as it goes over the wire."""
    return "40" + json.dumps({"apiKey": key})


class Listener:
    """A client that keeps what it hears."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.client.on("*", self._hear)
        self.client.on("connect_error", self._refuse)
        self.refusal: object = None
        self.heard: list[tuple[str, dict]] = []
        self._changed = asyncio.Condition()

    async def _refuse(self, why: object) -> None:
        self.refusal = why

    async def _hear(self, name: str, payload: dict) -> None:
        async with self._changed:
            self.heard.append((name, payload))
            self._changed.notify_all()

    async def connect(self, url: str, **auth: object) -> "Listener":
        """Raises PermissionError with the service's word when it refuses."""
        try:
            await self.client.connect(url, auth=auth or None, transports=["websocket"], wait_timeout=DEADLINE)
        except socketio.exceptions.ConnectionError as error:
            raise PermissionError(str(self.refusal)) from error
        return self

    async def until(self, name: str, count: int = 1) -> list[dict]:
        """The payloads of that event, once there are so many."""

        def found() -> list[dict]:
            return [payload for event, payload in self.heard if event == name]

        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(found()) >= count)
        return found()


@pytest.fixture
async def listen(running):
    """Connect with the given auth; all are disconnected at the end."""
    listeners = []

    async def connect(**auth):
        listeners.append(listener := Listener())
        return await listener.connect(running.url, **auth)

    yield connect
    for listener in listeners:
        await listener.client.disconnect()


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"apiKey": ""},
        {"apiKey": "wrong"},
        {"apiKey": None},
        {"apiKey": 5},
        {"apiKey": ["x"]},
        {"userId": "1"},
    ],
)
async def test_without_the_key_the_door_stays_shut(listen, auth):
    with pytest.raises(PermissionError, match="unauthorized"):
        await listen(**auth)


@pytest.mark.parametrize("user", ["../1", "", "a b", {"x": 1}])
async def test_a_user_that_is_none_is_refused(listen, user):
    with pytest.raises(PermissionError, match="bad userId"):
        await listen(apiKey=KEY, userId=user)


async def test_the_key_may_come_as_a_header(running):
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(running.url, headers={"X-Api-Key": KEY}, transports=["websocket"])
    await client.disconnect()


async def test_each_user_hears_of_their_own_sessions_and_an_operator_of_all(listen, running):
    mine, other = running.sessions.add("1", "1"), running.sessions.add("2", "1")
    first, second, operator = (
        await listen(apiKey=KEY, userId=1),
        await listen(apiKey=KEY, userId="2"),
        await listen(apiKey=KEY),
    )
    for listener, greetings in ((first, 1), (second, 1), (operator, 2)):
        await listener.until("session:status", greetings)
        listener.heard.clear()
    running.edge.publish(Disconnected(mine, "NAVIGATION", permanent=False))
    running.edge.publish(Disconnected(other, "CRASH", permanent=False))
    running.edge.publish(Disconnected("user_9_wa_9", "GONE", permanent=True))
    for session in (mine, other):
        running.edge.publish(StatusChanged(session, "reconnecting"))
    await first.until("session:status")
    await second.until("session:status")
    await operator.until("session:status", 2)
    assert [p["reason"] for p in await first.until("disconnected")] == ["NAVIGATION"]
    assert [p["reason"] for p in await second.until("disconnected")] == ["CRASH"]
    assert [p["reason"] for p in await operator.until("disconnected", 3)] == ["NAVIGATION", "CRASH", "GONE"]


async def test_every_event_has_the_name_and_the_fields_of_the_contract(listen, running):
    session = running.sessions.add("1", "1")
    listener = await listen(apiKey=KEY, userId="1")
    await listener.until("session:status")  # its greeting
    listener.heard.clear()
    for event in (
        Loading(session, 40, "Syncing"),
        Ready(session, "491700000001", "Shop"),
        MessageReceived(
            session, "IN1", "491700000003", "Hello ✓", "chat", has_media=False, timestamp=1700000000
        ),
        MessageSent(session, "msg_1", "3EB0", "491700000003"),
        MessageAck(session, None, "3EB0", 2, "delivered"),
        Disconnected(session, "LOGOUT", permanent=True),
        AuthFailure(session, "LOGOUT"),
    ):
        running.edge.publish(event)
    await listener.until("auth_failure")
    assert listener.heard == [
        ("loading", {"sessionId": session, "percent": 40, "message": "Syncing"}),
        ("ready", {"sessionId": session, "phoneNumber": "491700000001", "profileName": "Shop"}),
        (
            "message:received",
            {
                "sessionId": session,
                "id": "IN1",
                "from": "491700000003",
                "body": "Hello ✓",
                "type": "chat",
                "hasMedia": False,
                "timestamp": 1700000000,
                "chatId": "",
                "isGroup": False,
            },
        ),
        (
            "message:sent",
            {"sessionId": session, "messageId": "msg_1", "waMessageId": "3EB0", "to": "491700000003"},
        ),
        (
            "message:ack",
            {"sessionId": session, "messageId": None, "waMessageId": "3EB0", "ack": 2, "status": "delivered"},
        ),
        ("disconnected", {"sessionId": session, "reason": "LOGOUT", "permanent": True}),
        ("auth_failure", {"sessionId": session, "reason": "LOGOUT"}),
    ]


async def test_codes_come_with_their_image(listen, running):
    session = running.sessions.add("1", "1")
    listener = await listen(apiKey=KEY)
    running.edge.publish(Qr(session, CODE, 1700000000000))
    running.edge.publish(QrUpdated(session, CODE + "2", 1700000020000))
    (first,), (second,) = await listener.until("qr"), await listener.until("qr:updated")
    assert (first["code"], first["timestamp"]) == (CODE, 1700000000000)
    assert first["qr"].startswith("data:image/png;base64,")
    assert first["qr"] != second["qr"]


async def test_who_joins_late_is_told_how_their_sessions_are(listen, running):
    running.sessions.add("1", "1")
    running.sessions.add("1", "2", SessionStatus.QR, qr_code=CODE)
    running.sessions.add("2", "1")
    late = await listen(apiKey=KEY, userId="1")
    assert [(p["sessionId"], p["status"]) for p in await late.until("session:status", 2)] == [
        ("user_1_wa_1", "ready"),
        ("user_1_wa_2", "qr"),
    ]
    assert [p["code"] for p in await late.until("qr")] == [CODE]
    assert len((await listen(apiKey=KEY)).heard) <= 4
    assert "supervision:transition" not in {name for name, _ in late.heard}


async def test_a_greeting_that_fails_does_not_shut_the_door(listen, running):
    session = running.sessions.add("1", "1")
    running.sessions.broken = RuntimeError("no")
    listener = await listen(apiKey=KEY)
    running.edge.publish(StatusChanged(session, "stopped"))
    assert [p["status"] for p in await listener.until("session:status")] == ["stopped"]


async def test_only_operators_hear_of_the_tree(listen, running):
    session = running.sessions.add("1", "1")
    user, operator = await listen(apiKey=KEY, userId="1"), await listen(apiKey=KEY)
    await running.operations.act("restart", "steady", "test")
    entries = await operator.until("supervision:transition", 2)
    assert {entry["path"] for entry in entries} == {"steady"}
    assert entries[-1].keys() >= {"seq", "at", "path", "incarnation", "from", "to", "reason", "by"}
    running.edge.publish(StatusChanged(session, "ready"))
    await user.until("session:status", 2)
    assert "supervision:transition" not in {name for name, _ in user.heard}


async def test_what_cannot_be_told_is_left_out_and_the_rest_is_told(listen, running):
    session = running.sessions.add("1", "1")
    listener = await listen(apiKey=KEY)
    running.edge.publish(Qr(session, "x" * 9000, 0))  # more than any QR code holds
    running.edge.publish(StatusChanged(session, "stopped"))
    assert [p["status"] for p in await listener.until("session:status", 2)] == ["ready", "stopped"]


@pytest.mark.parametrize(("key", "begins"), [(KEY, '40{"sid"'), ("wrong", '44{"message":"unauthorized"}')])
async def test_a_client_behind_a_proxy_without_websockets_is_served_by_polling(running, key, begins):
    running.sessions.add("1", "1")
    async with aiohttp.ClientSession(running.url) as poller:
        query = {"EIO": "4", "transport": "polling"}
        async with poller.get("/socket.io/", params=query) as answer:
            query["sid"] = json.loads((await answer.text())[1:])["sid"]
        async with poller.post("/socket.io/", params=query, data=hello(key)) as answer:
            assert answer.status == 200
        heard = ""
        async with asyncio.timeout(DEADLINE):
            while begins not in heard or (key == KEY and "session:status" not in heard):
                async with poller.get("/socket.io/", params=query) as answer:
                    heard += await answer.text()
        assert ("session:status" in heard) == (key == KEY)


async def test_a_page_of_another_origin_is_refused_and_our_own_is_not(running):
    query = {"EIO": "4", "transport": "polling"}
    async with aiohttp.ClientSession(running.url) as stranger:
        for origin, status in (("https://evil.test", 400), (running.url, 200)):
            async with stranger.get("/socket.io/", params=query, headers={"Origin": origin}) as answer:
                assert answer.status == status


async def test_a_listener_that_does_not_read_is_hung_up_on_and_the_others_hear_all(listen, running):
    session = running.sessions.add("1", "1")
    good = await listen(apiKey=KEY, userId="1")
    async with aiohttp.ClientSession(running.url, headers={"Cookie": ""}) as stranger:
        slow = await stranger.ws_connect("/socket.io/?EIO=4&transport=websocket", max_msg_size=0)
        await slow.send_str(hello(KEY))
        async with asyncio.timeout(DEADLINE):
            while not (await slow.receive_str()).startswith("42"):
                pass
        slow._response.connection.transport.pause_reading()
        crowd, sent, text = running.edge._run.hub.crowd, 0, "x" * 20_000
        while not crowd.dropped and sent < 6000:
            for _ in range(100):
                running.edge.publish(Loading(session, 1, text))
            sent += 100
            await good.until("loading", sent)
        async with asyncio.timeout(DEADLINE):
            while len(crowd._wires) > 1:  # another thread's state
                await asyncio.sleep(0.01)
    assert crowd.dropped == 1
    assert sent < 6000
