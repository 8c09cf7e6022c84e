"""The same request again: under its key, at the same moment, about what is gone by then. Nobody is linked."""

import asyncio
import base64
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.service.house import API, serving

FRIEND = "491769999999"
PDF = b"%PDF-1.7 hello"
pytestmark = [pytest.mark.browser]


async def post(client, session_id, body, key=None, path=""):
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.call("POST", f"{API}/{session_id}/messages{path}", body, **headers)


@asynccontextmanager
async def one_file():
    """A server of one file; its URL, and how to have it vanish."""
    is_there = asyncio.Event()
    is_there.set()

    async def served(_: web.Request) -> web.Response:
        if is_there.is_set():
            return web.Response(body=PDF, content_type="application/pdf")
        return web.Response(status=404)

    async with serving(served) as url:
        yield f"{url}/a.pdf", is_there.clear


async def upload(client, session_id):
    form = aiohttp.FormData()
    form.add_field("file", PDF + b" again", filename="up.pdf", content_type="application/pdf")
    url = f"{client.base}{API}/{session_id}/media"
    async with client.http.post(url, data=form, headers={"X-Api-Key": client.key}) as answer:
        return (await answer.json())["mediaId"]


async def test_what_many_ask_for_at_the_same_moment_is_accepted_once(open_house):
    client = (await open_house()).client
    session_id = await client.create()
    keyed = await asyncio.gather(
        *(post(client, session_id, {"to": FRIEND, "text": "one"}, "k") for _ in range(20))
    )
    assert [status for status, _ in keyed] == [202] * 20
    assert len({row["messageId"] for _, row in keyed}) == 1
    others = await asyncio.gather(
        *(post(client, session_id, {"to": FRIEND, "text": f"number {n}"}, "l") for n in range(20))
    )
    assert Counter(status for status, _ in others) == {202: 1, 422: 19}
    data = base64.b64encode(PDF).decode()
    for body in ({"text": "two"}, {"media": {"data": data, "filename": "a.pdf"}}):
        twins = await asyncio.gather(*(post(client, session_id, {"to": FRIEND, **body}) for _ in range(20)))
        (accepted,) = [row["messageId"] for status, row in twins if status == 202]
        refused = [row["earlierMessageId"] for status, row in twins if status == 409]
        assert refused == [accepted] * 19


async def test_a_file_of_other_bytes_another_quote_or_another_mention_is_no_duplicate(open_house):
    client = (await open_house()).client
    session_id = await client.create()
    files = [{"data": base64.b64encode(PDF + end).decode(), "filename": "a.pdf"} for end in (b"", b"!", b"")]
    found = [await post(client, session_id, {"to": FRIEND, "media": file}) for file in files]
    assert [status for status, _ in found] == [202, 202, 409]
    about = {"replyTo": found[0][1]["messageId"]}
    texts = [{}, about, {"mentions": [FRIEND]}, about]
    found = [await post(client, session_id, {"to": FRIEND, "text": "same", **more}) for more in texts]
    assert [status for status, _ in found] == [202, 202, 202, 409]


async def test_a_repeated_request_is_answered_as_at_first_though_what_it_names_is_gone(open_house):
    house = await open_house(media_allowed_networks=("127.0.0.0/8",))
    client = house.client
    session_id = await client.create()
    quoted = (await post(client, session_id, {"to": FRIEND, "text": "quoted"}))[1]["messageId"]
    media_id = await upload(client, session_id)
    async with one_file() as (url, vanish):
        bodies = [
            {"to": FRIEND, "text": "reply", "replyTo": quoted},
            {"to": FRIEND, "media": {"id": media_id}},
            {"to": FRIEND, "media": {"url": url}},
        ]
        many = {"messages": [{**body, "allowDuplicate": True} for body in bodies]}
        first = [await post(client, session_id, body, f"k{n}") for n, body in enumerate(bodies)]
        batch = await post(client, session_id, many, "b", "/bulk")
        vanish()
        await client.ok("DELETE", f"{API}/{session_id}/messages/{quoted}")
        for file in house.service.settings.media_path.glob("media_*"):
            file.unlink()
        again = [await post(client, session_id, body, f"k{n}") for n, body in enumerate(bodies)]
        assert [status for status, _ in again] == [202, 202, 202]
        assert [row["messageId"] for _, row in again] == [row["messageId"] for _, row in first]
        assert all("asked" not in row["content"] for _, row in again), "that is not theirs to see"
        assert await post(client, session_id, many, "b", "/bulk") == batch
        assert batch[1]["accepted"] == 3


async def test_a_key_with_another_name_or_quote_for_the_same_file_is_refused(open_house):
    client = (await open_house(media_allowed_networks=("127.0.0.0/8",))).client
    session_id = await client.create()
    async with one_file() as (url, _):
        accepted = await post(client, session_id, {"to": FRIEND, "media": {"url": url}}, "k")
        renamed = {"to": FRIEND, "media": {"url": url, "filename": "b.pdf"}}
        quoting = {"to": FRIEND, "media": {"url": url}, "replyTo": accepted[1]["messageId"]}
        for body in (renamed, quoting):
            status, problem = await post(client, session_id, body, "k")
            assert (status, problem["code"]) == (422, "key_reused")
