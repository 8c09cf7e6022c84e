"""Messages of every type, acts on messages, many at once, files: what reaches the service of each request."""

import aiohttp
import pytest

from actors.model import MessageStatus
from actors.page import PageCall
from wahook.edge.ports import Draft, MediaDraft, MediaFile
from wahook.whatsapp.calls import PageCallFailed

SESSION = "/api/whatsapp/sessions/user_1_wa_2"
ALL = f"{SESSION}/messages"
TO = "491700000003"
WA_ID = "3EB0ABCDEF0123456789AB"
PREVIEW = {"url": "https://x.test/a", "title": "A", "thumbnail": "/9j/4AA="}
CARD = (
    "BEGIN:VCARD\nVERSION:3.0\nN:;A\\;B;;;\nFN:A\\;B\n"
    "TEL;type=CELL;type=VOICE;waid=491700000005:+491700000005\nEND:VCARD"
)


@pytest.fixture(autouse=True)
def ready(running):
    running.sessions.add("1", "2")


DRAFTS = [
    ({"text": "hi", "replyTo": WA_ID}, Draft(TO, "hi", reply_to=WA_ID)),
    (
        {"text": "see https://x.test/a", "preview": {**PREVIEW, "description": None}},
        Draft(TO, "see https://x.test/a", content={"preview": PREVIEW}),
    ),
    ({"text": "@4917", "mentions": ["+49 170 5"]}, Draft(TO, "@4917", content={"mentions": ["491705"]})),
    (
        {"location": {"latitude": 1, "longitude": 2, "name": "Here"}},
        Draft(
            TO, "Here", "location", content={"location": {"latitude": 1.0, "longitude": 2.0, "name": "Here"}}
        ),
    ),
    (
        {"contact": {"name": "A;B", "number": "+491700000005"}},
        Draft(TO, "A;B", "contact", content={"contact": {"name": "A;B", "vcard": CARD}}),
    ),
    (
        {"poll": {"question": "?", "options": ["a", "b"]}},
        Draft(TO, "?", "poll", content={"poll": {"question": "?", "options": ["a", "b"], "selectable": 1}}),
    ),
    (
        {"media": {"url": "https://x.test/a.png", "kind": "sticker"}, "typing": 2},
        Draft(TO, "", "media", typing=2, media=MediaDraft("sticker", "https://x.test/a.png")),
    ),
    ({"media": {"data": "aGk="}, "caption": "c"}, Draft(TO, "c", "media", media=MediaDraft(data="aGk="))),
]


@pytest.mark.parametrize(("fields", "draft"), DRAFTS)
async def test_each_type_becomes_the_draft_that_it_means(client, running, fields, draft):
    async with client.post(ALL, json={"to": TO, **fields}) as answer:
        assert answer.status == 202, await answer.text()
    assert running.messages.drafts == [draft]


@pytest.mark.parametrize("to", ["120363000000000000@g.us", "4917000-1612345@g.us", "123456789012345@lid"])
async def test_a_chat_can_be_written_to_by_its_own_id(client, running, to):
    async with client.post(ALL, json={"to": to, "text": "hi"}) as answer:
        assert (answer.status, (await answer.json())["to"]) == (202, to)


ACTS = [
    ("reaction", {"emoji": "👍"}, Draft("", "👍", "reaction", target=WA_ID)),
    ("edit", {"text": "better"}, Draft("", "better", "edit", target=WA_ID)),
    ("revoke", None, Draft("", "", "revoke", target=WA_ID)),
    ("forward", {"to": "+49 170 0000005"}, Draft("491700000005", "", "forward", target=WA_ID)),
]


@pytest.mark.parametrize(("act", "body", "draft"), ACTS)
async def test_an_act_on_a_message_is_a_message_of_its_own_type(client, running, act, body, draft):
    async with client.post(f"{ALL}/{WA_ID}/{act}", json=body) as answer:
        assert answer.status == 202, await answer.text()
        assert (await answer.json())["type"] == draft.type
    assert running.messages.drafts == [draft]


async def test_many_are_accepted_or_refused_one_by_one_and_watched(client, running):
    some = [{"to": TO, "text": text} for text in ("one", "two", "one")]
    async with client.post(f"{ALL}/bulk", json={"messages": some}) as answer:
        assert answer.status == 202
        body = await answer.json()
    assert (body["accepted"], body["refused"]) == (2, 1)
    assert [one["code"] for one in body["messages"]] == [None, None, "duplicate"]
    assert body["messages"][2]["earlierMessageId"] == body["messages"][0]["messageId"]
    running.messages.settle(body["messages"][0]["messageId"], MessageStatus.SENT)
    async with client.get(answer.headers["Location"]) as progress:
        found = await progress.json()
    assert (found["total"], found["done"], found["counts"]) == (2, 1, {"sent": 1, "queued": 1})
    async with client.get(f"{ALL}/bulk/batch_{'1' * 32}") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "unknown_batch")


async def test_what_is_no_message_among_many_is_refused_alone_and_explained(client, running):
    some = [
        {"to": "four", "text": "one"},
        {"to": TO, "text": "two"},
        {"to": TO, "txet": "three"},
        "four",
        {"to": TO, "text": "five"},
    ]
    async with client.post(f"{ALL}/bulk", json={"messages": some}) as answer:
        assert answer.status == 202
        body = await answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [one["index"] for one in body["messages"]] == [0, 1, 2, 3, 4]
    assert [one["code"] for one in body["messages"]] == ["invalid", None, "invalid", "invalid", None]
    details = [one["detail"] or "" for one in body["messages"]]
    assert details[0].startswith("to: ")
    assert "txet: is not known here" in details[2]
    assert "four" not in "".join(details)
    assert [draft.body for draft in running.messages.drafts] == ["two", "five"]


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_bulk_send_of_none_or_too_many_is_refused(client, count):
    async with client.post(f"{ALL}/bulk", json={"messages": [{"to": TO, "text": "x"}] * count}) as answer:
        assert answer.status == 422


async def test_a_file_is_uploaded_and_served_as_what_it_is(client, running):
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("note", "not this one")
    form.add_field("file", b"%PDF-1.7 and so on", filename="../ü.pdf", content_type="application/pdf")
    async with client.post(f"{SESSION}/media", data=form) as answer:
        assert answer.status == 201, await answer.text()
        body = await answer.json()
    assert (body["filename"], body["mimetype"], body["size"]) == ("ü.pdf", "application/pdf", 18)
    async with client.get(answer.headers["Location"]) as file:
        assert await file.read() == b"%PDF-1.7 and so on"
        assert file.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BC.pdf"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert file.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("size", "name", "status", "code"),
    [
        (0, "file", 422, "media_invalid"),
        (2_000_000, "file", 413, "media_too_large"),
        (5, "x", 422, "invalid"),
    ],
)
async def test_a_file_that_is_none_or_too_large_is_refused(client, running, size, name, status, code):
    form = aiohttp.FormData()
    form.add_field(name, bytes(size), filename="a.bin")
    async with client.post(f"{SESSION}/media", data=form) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert list(running.media.store.root.glob("*")) == []


async def test_a_file_that_was_cut_off_on_its_way_is_refused_and_leaves_nothing(client, running):
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nthe begin'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with client.post(f"{SESSION}/media", data=cut, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "bad_multipart")
    assert list(running.media.store.root.glob("*")) == []


async def test_a_picture_is_shown_and_a_page_is_not(client, running, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    running.media.files = {
        "3EB0AAAAAAAA": MediaFile(tmp_path / "f", "image/png", None),
        "3EB0BBBBBBBB": MediaFile(tmp_path / "f", "image/svg+xml", None),
    }
    for message, shown in (("3EB0AAAAAAAA", "inline"), ("3EB0BBBBBBBB", "attachment")):
        async with client.get(f"{ALL}/{message}/media") as answer:
            assert (answer.status, answer.headers["Content-Disposition"]) == (200, shown)
    async with client.get(f"{ALL}/3EB0CCCCCCCC/media") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "media_gone")


async def test_a_page_that_cannot_do_it_is_not_called_a_restart(client, running):
    running.pages.answers[PageCall.CHATS] = PageCallFailed("store_broken", "no such thing")
    async with client.get(f"{SESSION}/chats") as answer:
        assert (answer.status, (await answer.json())["code"]) == (502, "page_failed")


async def test_contacts_are_searched_sorted_and_cut(client, running):
    plain = {
        "pushName": None,
        "verifiedName": None,
        "isMyContact": True,
        "isBusiness": False,
        "isBlocked": False,
    }
    running.pages.answers[PageCall.CONTACTS] = [
        {"id": f"{number}@c.us", "number": number, "name": name, "isMe": False, **plain}
        for number, name in (("491700000002", "Zoe"), ("491700000001", "ada"), ("491700000009", None))
    ]
    async with client.get(f"{SESSION}/contacts", params={"limit": "2"}) as answer:
        found = await answer.json()
    assert ([one["name"] for one in found["contacts"]], found["total"]) == (["ada", "Zoe"], 3)
    async with client.get(f"{SESSION}/contacts", params={"q": "0009"}) as answer:
        assert [one["number"] for one in (await answer.json())["contacts"]] == ["491700000009"]
