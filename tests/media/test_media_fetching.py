"""Files on their way onto the volume: whole or not at all, of the right kind, from allowed places."""

import asyncio
import base64
import os
import socket
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.resolver import DefaultResolver

from actors.errors import RuleBroken
from tests.service.house import serving
from wahook.addresses import AddressRule, rule_of
from wahook.edge.ports import MediaDraft
from wahook.media.fetching import MediaFetcher
from wahook.media.kinds import kind_of, mimetype_of
from wahook.media.links import Links
from wahook.media.store import MediaStore, VolumeFault

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
NAMED = [("a.txt", "text/plain"), ("b.csv", "text/csv"), (None, "text/plain")]
LOOPBACK = rule_of(("127.0.0.0/8",))


def fetcher(root: Path, rule: AddressRule = LOOPBACK, limit: int = 10_000) -> MediaFetcher:
    return MediaFetcher(MediaStore(root, limit), rule, deadline=30)


async def refused(fetching) -> str:
    with pytest.raises(RuleBroken) as caught:
        await fetching
    return caught.value.code


KINDS = [
    (PNG, None, None, "image/png", "image"),
    (PNG, "image/jpeg", None, "image/png", "image"),  # what is proven beats what is said
    (PNG, None, "sticker", "image/png", "sticker"),
    (PNG, None, "document", "image/png", "document"),
    (b"OggS....", "audio/ogg; codecs=opus", "voice", "audio/ogg", "voice"),
    (b"\0\0\0\x18ftypmp42", None, None, "video/mp4", "video"),
    (b"PK\x03\x04", "application/msword", None, "application/msword", "document"),
    (b"<svg/>", "image/svg+xml", None, "image/svg+xml", "document"),
    (b"?", None, None, "application/octet-stream", "document"),
    (b"?", " Text/Plain; charset=utf-8", None, "text/plain", "document"),
    (b"?", "bad", None, "application/octet-stream", "document"),
    (b"?", "text/html\r\nX-Evil: 1", None, "application/octet-stream", "document"),
    (b"no picture", "image/png", None, "application/octet-stream", "document"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "said", "wanted", "mimetype", "kind"), KINDS)
def test_a_file_is_what_its_first_bytes_prove(head, said, wanted, mimetype, kind):
    assert mimetype_of(head, said) == mimetype
    assert kind_of(mimetype, wanted) == kind


@pytest.mark.parametrize(
    ("head", "wanted"), [(b"<html>", "image"), (PNG, "voice"), (PNG, "video"), (b"%PDF-", "sticker")]
)
def test_a_file_that_cannot_be_sent_as_that_is_refused_in_words(head, wanted):
    with pytest.raises(RuleBroken, match=f"cannot be sent as {wanted}") as caught:
        kind_of(mimetype_of(head, None), wanted)
    assert caught.value.code == "media_invalid"


async def test_base64_is_decoded_with_and_without_a_data_url_and_the_same_file_is_kept_once(tmp_path):
    text = base64.b64encode(PNG).decode()
    for data in (text, f"data:image/png;base64,{text}"):
        found = await fetcher(tmp_path).fetch(MediaDraft(data=data))
        assert (found["kind"], found["size"], found["mimetype"]) == ("image", len(PNG), "image/png")
    assert len(list(tmp_path.glob("media_*"))) == 2, "the file and what is said of it"
    assert (tmp_path / str(found["id"])).stat().st_mode & 0o777 == 0o600
    assert await refused(fetcher(tmp_path).fetch(MediaDraft(data="not base64!"))) == "media_invalid"
    assert await refused(fetcher(tmp_path).fetch(MediaDraft(media_id="media_" + "0" * 64))) == "unknown_media"


async def test_the_same_bytes_under_two_names_are_two_files(tmp_path):
    drafts = [MediaDraft(data="aGVsbG8=", filename=name, mimetype=said) for name, said in NAMED]
    found = [await fetcher(tmp_path).fetch(draft) for draft in drafts]
    again = [await fetcher(tmp_path).fetch(MediaDraft(media_id=str(one["id"]))) for one in found]
    assert [(one["filename"], one["mimetype"]) for one in again] == NAMED


async def test_a_url_is_followed_within_limits(tmp_path):
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/moved":
                raise web.HTTPMovedPermanently("/a.png")
            case "/page":
                return web.Response(text="<html>", content_type="text/html")
            case "/endless":
                stream = web.StreamResponse()
                await stream.prepare(request)
                while True:
                    await stream.write(bytes(4096))
            case "/a.png":
                return web.Response(body=PNG, content_type="image/png")
        raise web.HTTPNotFound

    async with serving(answer) as url:
        found = await fetcher(tmp_path).fetch(MediaDraft(url=f"{url}/moved"))
        assert (found["filename"], found["mimetype"]) == ("a.png", "image/png")
        codes = {
            path: await refused(fetcher(tmp_path).fetch(MediaDraft(url=url + path)))
            for path in ("/loop", "/page", "/endless", "/absent")
        }
    assert codes == {
        "/loop": "media_refused", "/page": "media_invalid", "/endless": "media_too_large",
        "/absent": "media_refused",
    }  # fmt: skip
    assert await refused(fetcher(tmp_path).fetch(MediaDraft(url=url + "/gone"))) == "media_refused"
    assert list(tmp_path.glob("*.part")) == []


async def test_a_server_that_never_ends_its_answer_is_left_at_the_deadline(tmp_path):
    release = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async with serving(answer) as url:
        slow = MediaFetcher(MediaStore(tmp_path, 100), LOOPBACK, deadline=0.2)
        assert await refused(slow.fetch(MediaDraft(url=url))) == "media_refused"
        release.set()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:0:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://0x7f.1:{port}/",
        "http://127.1:{port}/",
        "http://127.0.0.1.:{port}/",
        "http://%31%32%37.0.0.1:{port}/",
        "http://127。0。0。1:{port}/",
        "http://0.0.0.0:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://user:secret@example.org/",
    ],
)
async def test_addresses_that_are_not_public_are_never_connected_to(tmp_path, url):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        wanted = url.format(port=listener.getsockname()[1])
        assert (
            await refused(fetcher(tmp_path, AddressRule()).fetch(MediaDraft(url=wanted))) == "media_refused"
        )
        with pytest.raises(TimeoutError):
            listener.accept()


async def test_a_redirect_to_an_address_that_is_not_allowed_is_not_followed(tmp_path):
    reached = []

    async def inner(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(body=PNG)

    async with serving(inner) as inside:
        port = inside.rpartition(":")[2]

        async def outer(_: web.Request) -> web.Response:
            raise web.HTTPFound(f"http://127.0.0.2:{port}/secret")

        async with serving(outer) as outside:
            only = fetcher(tmp_path, rule_of(("127.0.0.1/32",)))
            assert await refused(only.fetch(MediaDraft(url=outside))) == "media_refused"
    assert reached == []


@asynccontextmanager
async def saying(reply: bytes):
    """A server that answers whatever it is asked with these bytes; gives its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + reply)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "location",
    [b"http://[::1/", b"http://h:99999/", b"http://a..b/", b"http://\xff\xfe/", b"http://xn--/", b"ftp://h/"],
)
async def test_a_redirect_that_is_no_url_of_a_file_is_refused_in_words(tmp_path, location):
    async with saying(b"302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n") as url:
        assert await refused(fetcher(tmp_path).fetch(MediaDraft(url=url))) == "media_refused"


@pytest.mark.parametrize("url", ["http://a..b/", "http://xn--/", f"http://{'a' * 64}.org/", "http://.../"])
async def test_a_url_whose_host_is_none_is_refused_in_words(tmp_path, url):
    assert await refused(fetcher(tmp_path).fetch(MediaDraft(url=url))) == "media_refused"


async def test_a_file_is_named_by_the_end_of_its_url_without_what_names_do_not_have(tmp_path):
    async with saying(b"200 OK\r\nContent-Length: 40\r\n\r\n" + PNG) as url:
        names = [
            (await fetcher(tmp_path).fetch(MediaDraft(url=url + path)))["filename"]
            for path in ("/a%20b.png?c=d", "/a%00%0d%0a%5cb.png", "/a%2f..%2fb.png", "/", "/%00")
        ]
    assert names == ["a b.png", "ab.png", "b.png", None, None]


async def test_a_name_that_changes_its_mind_is_judged_at_each_connection(tmp_path, monkeypatch):
    answers, reached = [["127.0.0.2", "127.0.0.1"], ["127.0.0.2"]], []

    async def resolve(_, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0}
            for one in answers.pop(0)
        ]

    monkeypatch.setattr(DefaultResolver, "resolve", resolve)

    async def answer(request: web.Request) -> web.Response:
        reached.append(request.transport.get_extra_info("sockname")[0])
        raise web.HTTPFound(f"http://files.test:{request.url.port}/again", headers={"Connection": "close"})

    async with serving(answer, host="0.0.0.0") as outside:  # noqa: S104 - on all of this machine's addresses
        only = fetcher(tmp_path, rule_of(("127.0.0.1/32",)))
        url = f"http://files.test:{outside.rpartition(':')[2]}/"
        assert await refused(only.fetch(MediaDraft(url=url))) == "media_refused"
    assert (reached, answers) == (["127.0.0.1"], []), "judged, connected to what was judged, judged anew"


async def test_a_full_volume_is_told_as_such_and_leaves_nothing(tmp_path, monkeypatch):
    store = MediaStore(tmp_path, 10_000)
    with store.writing() as file:
        real = file._file
        file._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - the kernel's own full disk
        real.close()
        with pytest.raises(VolumeFault, match="No space left"):
            file.write(b"x")
    assert list(tmp_path.iterdir()) == []
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(VolumeFault):
        await MediaFetcher(MediaStore(blocked / "media", 100), LOOPBACK).fetch(MediaDraft(data="aGVsbG8="))


def test_old_files_go_but_for_those_that_wait_and_unfinished_ones(tmp_path):
    store = MediaStore(tmp_path, 100)
    names = []
    for body in (b"one", b"two", b"three"):
        with store.writing() as file:
            file.write(body)
            names.append(file.finish(None, None).media_id)
    for name in names[:2]:
        for path in (store.path(name), store.path(name).with_suffix(".json")):
            os.utime(path, (0, 0))
    with store.writing() as unfinished:
        unfinished.write(b"four")
        assert store.sweep(3600, keep={names[0]}) == 1
        assert {path.stem for path in tmp_path.glob("media_*")} == {names[0], names[2]}
        assert len(list(tmp_path.glob("*.part"))) == 1
    assert store.find(names[0]).size == 3
    store.touch(names[0])
    assert store.sweep(3600, keep=()) == 0


def test_a_link_names_a_file_until_it_is_forgotten(tmp_path):
    links = Links(tmp_path / "links")
    assert links.find("s", "A") is None
    links.add("s", "A", "media_1")
    links.add("s", "A", "media_2")
    assert (links.find("s", "A"), links.find("t", "A")) == ("media_2", None)
    assert links.sweep(3600) == 0
    for path in (tmp_path / "links").iterdir():
        os.utime(path, (0, time.time() - 7200), follow_symlinks=False)
    assert links.sweep(3600) == 1
    assert links.find("s", "A") is None
