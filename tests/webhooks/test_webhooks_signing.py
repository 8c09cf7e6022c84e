"""Signatures, judged as a receiver would: by `openssl`, a vector of another gateway, and both secrets."""

import hmac
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from actors.durable import Delivery, TaskState
from actors.model import Webhook
from wahook.notify.webhooks import signing

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
BODY = b'{"event":"message","session":"default","engine":"WEBJS"}'
PUBLISHED = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
)  # another gateway's documentation, for the key my-secret-key


def openssl(secret: str, data: bytes) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    call = ["openssl", "dgst", "-sha512", "-mac", "HMAC", "-macopt", f"hexkey:{secret.encode().hex()}"]
    return subprocess.run(call, input=data, capture_output=True, check=True).stdout.decode().split()[-1]


def test_the_body_s_signature_is_the_one_that_other_gateways_publish():
    signed = signing.signatures(["my-secret-key"], Delivery("evt_1", "s", "u", "e", BODY), 1)
    assert signed["X-Webhook-Hmac"] == PUBLISHED == openssl("my-secret-key", BODY)
    assert signed["X-Webhook-Hmac-Algorithm"] == "sha512"
    assert "X-Webhook-Hmac-Previous" not in signed


def test_without_a_secret_nothing_is_signed():
    assert signing.signatures([], Delivery("evt_1", "s", "u", "e", BODY), 1) == {}


def test_a_receiver_s_own_headers_are_sent_but_cannot_replace_ours():
    webhook = Webhook("http://r", headers=(("X-Token", "t"), ("content-type", "text/plain")))
    found = signing.headers(webhook, Delivery("evt_1", "s", "u", "e", BODY), 1, "wahook/1")
    assert (found["X-Token"], found["Content-Type"]) == ("t", "application/json")
    assert "content-type" not in found


def accepts(secret: str, call) -> bool:
    """A receiver that checks id, time and body with one secret, as docs/webhooks.md has it."""
    signed = f"{call.headers['X-Webhook-Id']}.{call.headers['X-Webhook-Timestamp']}.".encode() + call.raw
    wanted = "v1=" + openssl(secret, signed)
    offered = call.headers["X-Webhook-Signature"].split(",")
    return any(hmac.compare_digest(wanted, one) for one in offered)


async def test_while_a_secret_is_changed_receivers_with_either_one_accept(house, receiver):
    await house.account(Webhook(receiver.url, secrets=("the-new-one", "the-old-one")))
    await house.arrive()
    (call,) = await receiver.got(1)
    assert accepts("the-new-one", call)
    assert accepts("the-old-one", call)
    assert not accepts("another-one", call)
    assert call.headers["X-Webhook-Hmac"] == openssl("the-new-one", call.raw)
    assert call.headers["X-Webhook-Hmac-Previous"] == openssl("the-old-one", call.raw)


async def test_the_check_that_the_documentation_shows_accepts_what_is_genuine_and_nothing_else(
    house, receiver
):
    code = DOCS.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    shown: dict[str, Any] = {}
    exec(code, shown)  # noqa: S102 - it is our own
    genuine = shown["genuine"]
    await house.account(Webhook(receiver.url, secrets=("the-new-one", "the-old-one")))
    await house.arrive()
    (call,) = await receiver.got(1)
    assert genuine("the-new-one", call.headers, call.raw)
    assert genuine("the-old-one", call.headers, call.raw)
    assert not genuine("another-one", call.headers, call.raw)
    assert not genuine("the-new-one", call.headers, call.raw + b" ")
    later = call.headers | {"X-Webhook-Timestamp": str(int(call.headers["X-Webhook-Timestamp"]) + 1)}
    assert not genuine("the-new-one", later, call.raw)


async def test_a_repeat_is_signed_anew_with_its_own_time_and_the_secret_of_then(house, receiver):
    receiver.answer = lambda _: 500
    await house.account(Webhook(receiver.url, secrets=("the-old-one",)))
    await house.arrive()
    await receiver.got(1)
    await house.account(Webhook(receiver.url, secrets=("the-new-one",)))
    receiver.answer = lambda _: 200
    await house.settled(TaskState.DONE, 1)
    first, *_, last = receiver.calls
    assert accepts("the-old-one", first)
    assert accepts("the-new-one", last)
    assert last.headers["X-Webhook-Timestamp"] > first.headers["X-Webhook-Timestamp"]
    assert last.raw == first.raw


async def test_one_tampered_byte_is_noticed(house, receiver):
    await house.account(Webhook(receiver.url, secrets=("the-secret",)))
    await house.arrive()
    (call,) = await receiver.got(1)
    assert accepts("the-secret", call)
    call.raw = call.raw.replace(b"4917001", b"4917002")
    assert not accepts("the-secret", call)


async def test_headers_that_were_set_arrive(house, receiver):
    await house.account(Webhook(receiver.url, headers=(("Authorization", "Bearer abc"),)))
    await house.arrive()
    (call,) = await receiver.got(1)
    assert call.headers["Authorization"] == "Bearer abc"
    assert call.headers["User-Agent"].startswith("wahook/")
