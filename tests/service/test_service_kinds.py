"""Every type of message from the REST request to WhatsApp's server, once each; files both ways."""

import asyncio
import base64
import hashlib
import os
import signal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.service.house import API, serving

PHONE = "491510000001"
FRIEND = "491769999999"
OTHER = "491510000002"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PREVIEW = {
    "url": "https://example.org/a?b=c",
    "title": "An example",
    "description": "of a link",
    "thumbnail": "/9j/4AA=",
}
VOICE = b"OggS" + bytes(range(256)) * 8
pytestmark = [pytest.mark.browser]


async def kept(client, message_id: str) -> dict[str, Any]:
    """A message as WhatsApp's server keeps it for our account."""
    url = f"{client.simulator_url}/sim/phones/{PHONE}/messages/{message_id}"
    async with client.http.get(url) as answer:
        return await answer.json()


async def post(client, session_id: str, path: str, body: Any = None) -> Any:
    """What is sent is on the wire when this returns."""
    sent = await client.ok("POST", f"{API}/{session_id}/messages{path}?wait=20", body)
    assert sent["status"] in ("sent", "delivered", "read"), sent
    return sent


async def test_every_type_of_message_reaches_whatsapp_once(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    card = {"name": "Ada; Lovelace", "number": "491700000555"}
    poll = {"question": "Tea?", "options": ["yes", "no"]}
    place = {"latitude": 52.5, "longitude": 13.4, "name": "Berlin"}
    contents = {
        "text": {"text": "see https://example.org/a?b=c", "preview": PREVIEW},
        "location": {"location": place},
        "contact": {"contact": card},
        "poll": {"poll": poll},
        "image": {"media": {"data": base64.b64encode(PNG).decode()}, "caption": "a dot"},
        "sticker": {"media": {"data": base64.b64encode(PNG).decode(), "kind": "sticker"}},
        "audio": {"media": {"data": base64.b64encode(b"ID3" + VOICE).decode()}},
        "voice": {"media": {"data": base64.b64encode(VOICE).decode(), "kind": "voice"}},
        "document": {
            "media": {"data": base64.b64encode(b"a,b").decode(), "mimetype": "text/csv", "filename": "t.csv"}
        },
        "video": {"media": {"data": base64.b64encode(b"\0\0\0\x18ftypmp42" + bytes(64)).decode()}},
    }
    rows = {
        kind: await post(client, session_id, "", {"to": FRIEND, **body}) for kind, body in contents.items()
    }
    assert {kind: row["type"] for kind, row in rows.items()} == {kind: kind for kind in rows}
    wire = await client.on_wire()
    assert [wire[row["waMessageId"]] for row in rows.values()] == [1] * len(rows)
    on_server = {kind: await kept(client, row["waMessageId"]) for kind, row in rows.items()}
    assert {kind: one["type"] for kind, one in on_server.items()} == {
        "text": "chat", "location": "location", "contact": "vcard", "poll": "poll_creation", "image": "image",
        "sticker": "sticker", "audio": "audio", "voice": "ptt", "document": "document", "video": "video",
    }  # fmt: skip
    text = on_server["text"]
    assert (text["body"], text["matchedText"]) == ("see https://example.org/a?b=c", PREVIEW["url"])
    assert {name: text[name] for name in ("title", "description", "thumbnail", "subtype")} == {
        **{name: PREVIEW[name] for name in ("title", "description", "thumbnail")}, "subtype": "url",
    }  # fmt: skip
    passed = await post(client, session_id, f"/{rows['text']['messageId']}/forward", {"to": OTHER})
    shown = ("body", "matchedText", "title", "description", "thumbnail", "subtype")
    forwarded = await kept(client, passed["waMessageId"])
    assert [forwarded[name] for name in shown] == [text[name] for name in shown]
    assert "waid=491700000555" in on_server["contact"]["body"]
    assert on_server["image"]["caption"] == "a dot"
    assert on_server["document"]["filename"] == "t.csv"
    digest = base64.b64encode(hashlib.sha256(PNG).digest()).decode()
    assert (on_server["image"]["filehash"], on_server["image"]["size"]) == (digest, len(PNG))


async def test_messages_are_replied_to_reacted_to_edited_deleted_and_forwarded(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    theirs = await client.write(PHONE, FRIEND, "which one?")
    await client.received(session_id, theirs)
    first = await post(client, session_id, "", {"to": FRIEND, "text": "teh first"})
    reply = await post(client, session_id, "", {"to": FRIEND, "text": "this", "replyTo": theirs})
    assert (await kept(client, reply["waMessageId"]))["quotedStanzaID"] == theirs
    own = await post(client, session_id, "", {"to": FRIEND, "text": "or this", "replyTo": first["messageId"]})
    assert (await kept(client, own["waMessageId"]))["quotedStanzaID"] == first["waMessageId"]
    reaction = await post(client, session_id, f"/{theirs}/reaction", {"emoji": "👍"})
    assert (reaction["type"], reaction["to"]) == ("reaction", FRIEND)
    await post(client, session_id, f"/{first['messageId']}/edit", {"text": "the first"})
    assert (await kept(client, first["waMessageId"]))["body"] == "the first"
    passed = await post(client, session_id, f"/{theirs}/forward", {"to": "491700000777"})
    assert (await kept(client, passed["waMessageId"]))["isForwarded"] is True
    await post(client, session_id, f"/{first['messageId']}/revoke")
    assert (await kept(client, first["waMessageId"]))["type"] == "revoked"
    status, problem = await client.call(
        "POST", f"{API}/{session_id}/messages/{theirs}/edit", {"text": "not mine"}
    )
    assert (status, problem["code"]) == (422, "not_own_message")
    status, problem = await client.call(
        "POST", f"{API}/{session_id}/messages/3EB0FFFFFFFFFFFFFFFFFF/reaction", {"emoji": "x"}
    )
    assert (status, problem["code"]) == (404, "unknown_message")


async def test_what_is_done_to_a_message_is_seen_by_whom_it_was_written_to(house):
    client = house.client
    mine = await client.linked("1", "2", PHONE)
    theirs = await client.linked("2", "2", OTHER)
    await house.listen("2")
    text = f"@{FRIEND} look: https://example.org/?q=1"
    sent = await post(client, mine, "", {"to": OTHER, "text": text, "mentions": [FRIEND]})
    heard = await house.heard("message:received", sessionId=theirs, id=sent["waMessageId"])
    assert heard["body"] == text
    assert (await kept(client, sent["waMessageId"]))["mentionedJidList"] == [f"{FRIEND}@c.us"]
    for emoji in ("👍", ""):  # the second takes it back
        await post(client, mine, f"/{sent['messageId']}/reaction", {"emoji": emoji})
        assert (await house.heard("message:reaction", id=sent["waMessageId"], emoji=emoji))["from"] == PHONE
    await post(client, mine, f"/{sent['messageId']}/edit", {"text": "look again"})
    assert (await house.heard("message:edited", id=sent["waMessageId"]))["body"] == "look again"
    place = {"latitude": 1, "longitude": 2}
    for body in ({"location": place}, {"poll": {"question": "?", "options": ["a", "b"]}}):
        more = await post(client, mine, "", {"to": OTHER, "replyTo": sent["messageId"], **body})
        await house.heard("message:received", id=more["waMessageId"])
        assert (await kept(client, more["waMessageId"]))["quotedStanzaID"] == sent["waMessageId"]
    await post(client, mine, f"/{sent['messageId']}/revoke")
    await house.heard("message:revoked", id=sent["waMessageId"])
    assert {one["waMessageId"]: one["type"] for one in await client.incoming(theirs)}[
        sent["waMessageId"]
    ] == "revoked"


async def test_a_file_comes_by_url_by_upload_and_goes_on_after_a_restart(open_house):
    house = await open_house(media_allowed_networks=("127.0.0.0/8",))
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    large = b"%PDF-1.7 " + bytes(range(256)) * 20_000  # several pieces

    async def served(request: web.Request) -> web.Response:
        if request.path == "/moved":
            raise web.HTTPFound("/paper.pdf")
        return web.Response(body=large, content_type="application/pdf")

    body, key = {"to": FRIEND}, {"Idempotency-Key": "offer-1"}
    async with serving(served) as url:
        body["media"] = {"url": f"{url}/moved"}
        sent = await client.ok("POST", f"{API}/{session_id}/messages?wait=20", body, **key)
    again = await client.ok("POST", f"{API}/{session_id}/messages", body, **key)
    assert again["messageId"] == sent["messageId"], "although the URL leads nowhere now"
    status, problem = await client.call("POST", f"{API}/{session_id}/messages", body)
    assert (status, problem["code"]) == (422, "media_refused")
    assert (sent["content"]["media"]["filename"], sent["type"]) == ("paper.pdf", "document")
    digest = base64.b64encode(hashlib.sha256(large).digest()).decode()
    assert (await kept(client, sent["waMessageId"]))["filehash"] == digest

    form = aiohttp.FormData()
    form.add_field("file", PNG, filename="dot.png", content_type="image/png")
    upload = f"{client.base}{API}/{session_id}/media"
    async with client.http.post(upload, data=form, headers={"X-Api-Key": client.key}) as answer:
        assert answer.status == 201
        uploaded = await answer.json()
    await client.ok("POST", f"{API}/{session_id}/stop")
    waiting = await client.ok(
        "POST", f"{API}/{session_id}/messages", {"to": FRIEND, "media": {"id": uploaded["mediaId"]}}
    )
    await asyncio.to_thread(house.service.stop)
    again = (await open_house()).client
    await again.ok("POST", f"{API}/{session_id}/start")
    row = await again.delivered(session_id, waiting["messageId"])
    assert row["type"] == "image"
    assert (await again.on_wire())[row["waMessageId"]] == 1
    file = f"{again.base}{API}/{session_id}/messages/{waiting['messageId']}/media"
    async with again.http.get(file, headers={"X-Api-Key": again.key}) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)


async def test_a_file_that_arrives_is_downloaded_when_it_is_asked_for_and_kept(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    data = b"<script>alert(1)</script>" * 100_000
    media = {
        "data": base64.b64encode(data).decode(), "mimetype": "text/html", "filename": 'ünsafe".html'
    }  # fmt: skip
    arrived = (await client.phone(f"{PHONE}/messages", {"from": FRIEND, "media": media}))["id"]
    await client.received(session_id, arrived)
    (listed,) = await client.incoming(session_id)
    url = client.base + listed["mediaUrl"]
    async with client.http.get(url) as answer:
        assert answer.status == 401
    for _ in range(2):
        async with client.http.get(url, headers={"X-Api-Key": client.key}) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BCnsafe%22.html"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert await answer.read() == data
        await client.ok("POST", f"{API}/{session_id}/stop")  # the second time it comes from the volume
    status, problem = await client.call("GET", f"{API}/{session_id}/messages/3EB0FFFFFF/media")
    assert (status, problem["code"]) == (404, "unknown_message")


async def test_a_browser_that_dies_under_files_and_acts_doubles_and_loses_none(house):
    client = house.client
    session_id = await client.linked("1", "2", PHONE)
    first = await post(client, session_id, "", {"to": FRIEND, "text": "teh first"})
    theirs = await client.write(PHONE, FRIEND, "an answer")
    await client.received(session_id, theirs)
    accepted = []
    for number in range(4):
        data = base64.b64encode(b"%PDF-" + bytes([number]) * 1_500_000).decode()
        fields = {"to": FRIEND, "media": {"data": data}}
        accepted.append(await client.ok("POST", f"{API}/{session_id}/messages", fields))
        if number == 1:
            edit = {"text": "the first"}
            path = f"{API}/{session_id}/messages/{first['messageId']}/edit"
            accepted.append(await client.ok("POST", path, edit))
            path = f"{API}/{session_id}/messages/{theirs}"
            accepted.append(await client.ok("POST", f"{path}/reaction", {"emoji": "👍"}))
            accepted.append(await client.ok("POST", f"{path}/forward", {"to": "491700000777"}))
            (pid,) = house.pids(session_id)
            os.kill(pid, signal.SIGKILL)
    for row in accepted:
        await client.delivered(session_id, row["messageId"])
    assert (await kept(client, first["waMessageId"]))["body"] == "the first"
    wire = await client.on_wire()
    leaving = [row["waMessageId"] for row in accepted if row["type"] in ("document", "forward")]
    assert [wire[one] for one in leaving] == [1] * 5
