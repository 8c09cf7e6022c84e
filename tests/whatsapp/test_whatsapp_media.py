"""Files into the page and out of it, over faults; checked against the simulator's own copy."""

import base64
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from actors.errors import DeadlinePassed, SendRefused
from actors.messages import MessageArrived
from actors.model import Ack, OutgoingMessage
from actors.page import PageCall
from wahook.whatsapp import uploading
from wahook.whatsapp.factory import Browsers

from .conftest import Phones, Session

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browsers(browsers: Browsers, tmp_path_factory: pytest.TempPathFactory) -> Browsers:
    return replace(browsers, media=tmp_path_factory.mktemp("media"))


def document(session: Session, folder: Path, data: bytes, name: str = "a.bin") -> OutgoingMessage:
    media_id = f"media_{hashlib.sha256(data).hexdigest()}"
    (folder / media_id).write_bytes(data)
    media = {
        "id": media_id, "kind": "document", "mimetype": "application/octet-stream", "size": len(data),
        "filename": name,
    }  # fmt: skip
    return replace(session.message(""), type="document", content={"media": media})


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("size", [1, uploading.PIECE, uploading.PIECE + 1, 5 * 2**20])
def test_a_file_of_any_length_arrives_as_it_is(
    linked: Session, phones: Phones, browsers: Browsers, size: int
):
    data = os.urandom(size)
    message = document(linked, browsers.media, data)
    assert linked.client.send(message, 30).result(31).ack >= Ack.SERVER
    kept = phones.kept(linked.number, message.wa_message_id)
    assert (kept["filehash"], kept["size"], kept["filename"]) == (digest(data), size, "a.bin")


@pytest.mark.parametrize("reject", [False, True])
def test_a_file_that_whatsapp_does_not_take_is_sent_by_the_next_try_once(
    linked: Session, browsers: Browsers, reject: bool
):
    message = document(linked, browsers.media, b"try again" + bytes([reject]))
    linked.refused_and_sent(message, reject=reject)


def test_a_file_whose_answer_is_lost_is_found_by_its_id_and_not_sent_again(
    session: Session, phones: Phones, browsers: Browsers
):
    session.link()
    message = document(session, browsers.media, b"lost answer")
    phones.post(session.number, "faults", kind="lost_ack")
    with pytest.raises(DeadlinePassed):
        session.client.send(message, 2).result(20)
    assert session.client.find_sent(message, 20).result(21) is Ack.PENDING
    session.client.close().result(40)
    session.open().connected()
    assert session.client.find_sent(message, 20).result(21) is not None
    entry = phones.ledger(message.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1


def test_a_file_that_is_gone_from_the_volume_is_refused_for_good(linked: Session, browsers: Browsers):
    message = document(linked, browsers.media, b"soon gone")
    (browsers.media / str(message.content["media"]["id"])).unlink()  # type: ignore[index, call-overload]
    with pytest.raises(SendRefused) as caught:
        linked.client.send(message, 30).result(31)
    assert caught.value.code == "media_gone"


def test_what_arrives_is_read_in_pieces_until_it_is_closed(linked: Session, phones: Phones):
    data = os.urandom(100_000)
    media = {"data": base64.b64encode(data).decode(), "mimetype": "application/pdf", "filename": "a.pdf"}
    arrived = phones.post(linked.number, "messages", **{"from": "491700000003"}, media=media)["id"]
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == arrived)
    ask = linked.client.ask
    target = {"chat": "491700000003", "id": arrived, "fromMe": False}
    opened = ask(PageCall.MEDIA_OPEN, {"message": target}, 30).result(31)
    assert isinstance(opened, dict)
    assert (opened["size"], opened["mimetype"], opened["filename"]) == (100_000, "application/pdf", "a.pdf")
    read = b"".join(
        base64.b64decode(
            str(
                ask(
                    PageCall.MEDIA_READ, {"handle": opened["handle"], "offset": at, "count": 40_000}, 5
                ).result(6)
            )
        )
        for at in range(0, 100_000, 40_000)
    )
    assert read == data
    ask(PageCall.MEDIA_CLOSE, {"handle": opened["handle"]}, 20).result(21)
    with pytest.raises(Exception, match="media_gap"):
        ask(PageCall.MEDIA_READ, {"handle": opened["handle"], "offset": 0, "count": 1}, 20).result(21)


def test_a_file_is_forwarded_without_going_through_our_hands(linked: Session, phones: Phones):
    media = {"data": base64.b64encode(b"pass it on").decode(), "mimetype": "text/plain", "filename": "a.txt"}
    arrived = phones.post(linked.number, "messages", **{"from": "491700000003"}, media=media)["id"]
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == arrived)
    target = {"chat": "491700000003", "id": arrived, "fromMe": False}
    forward = replace(linked.message("", to="491700000888"), type="forward", content={"target": target})
    assert linked.client.send(forward, 30).result(31).ack >= Ack.SERVER
    assert linked.client.send(forward, 30).result(31).ack >= Ack.SERVER
    kept = phones.kept(linked.number, forward.wa_message_id)
    assert (kept["type"], kept["filehash"], kept["isForwarded"]) == ("document", digest(b"pass it on"), True)
    entry = phones.ledger(forward.wa_message_id)
    assert entry is not None
    assert entry["count"] == 1


def test_a_message_without_a_file_has_none(linked: Session, phones: Phones):
    arrived = phones.write(linked.number, "only words")
    linked.ear.wait(MessageArrived, lambda event: event.message.wa_message_id == arrived)
    target = {"chat": "491700000003", "id": arrived, "fromMe": False}
    with pytest.raises(SendRefused) as caught:
        linked.client.ask(PageCall.MEDIA_OPEN, {"message": target}, 20).result(21)
    assert caught.value.code == "media_gone"
