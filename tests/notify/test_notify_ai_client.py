"""Requests to a real server that speaks the protocol: whole and streamed answers, and what can go wrong."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wahook.notify.ai.client import AiClient, AiFault, Completion, Endpoint
from wahook.notify.ai.stream import EventParser

from .model import Model, breaks_off, hangs_up, pieces, raw, refusal, silent, stalls, stream, whole
from .servers import serving

MESSAGES = [{"role": "user", "content": "hi"}]
HALF = b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'


@pytest.fixture
async def open_client():
    """A function that makes a client of a model's server."""
    stack = []

    async def made(model, **how):
        server = serving(model.handle, "/v1/chat/completions")
        base = await server.__aenter__()
        endpoint = Endpoint(**{"base_url": f"{base}/v1/", "key": "sk-secret", "deadline": 5.0, **how})
        client = AiClient(endpoint, backoff=0.01, rng=Random(1))
        stack.append((server, client))
        return client

    yield made
    for server, client in stack:
        await client.close()
        await server.__aexit__(None, None, None)


async def ask(client):
    return await client.complete("small", MESSAGES, 100)


@pytest.mark.parametrize("streamed", [True, False])
async def test_the_models_words_come_back_streamed_or_whole(open_client, streamed):
    model = Model("¡Hola! ¿Qué tal?")
    client = await open_client(model, stream=streamed)
    assert await ask(client) == Completion("¡Hola! ¿Qué tal?", 7)
    assert model.asked == [{"model": "small", "messages": MESSAGES, "max_tokens": 100, "stream": streamed}]
    assert model.keys == ["Bearer sk-secret"]


async def test_an_endpoint_without_a_key_and_with_the_newer_name_of_the_limit(open_client):
    model = Model()
    client = await open_client(model, key=None, tokens_field="max_completion_tokens")
    await ask(client)
    assert model.keys == [None]
    assert model.asked[0]["max_completion_tokens"] == 100
    assert "max_tokens" not in model.asked[0]


async def test_a_server_that_does_not_stream_although_asked_is_understood(open_client):
    model = Model(script=[raw(b'{"choices":[{"message":{"content":"ok"}}]}', "application/json")])
    assert await ask(await open_client(model, stream=True)) == Completion("ok", 0)


@pytest.mark.parametrize(
    ("first", "tries"),
    [
        (refusal(429, **{"Retry-After": "0"}), 2),
        (500, 2),
        (503, 2),
        (hangs_up, 2),
        (raw(b"data: {no json\n\n"), 2),
        (raw(b'data: {"error": {"message": "overloaded"}}\n\n'), 2),
        (raw(b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'), 2),  # cut off
        (breaks_off, 2),
        (raw(HALF + b'data: {"error": {"message": "overloaded"}}\n\ndata: [DONE]\n\n'), 2),
        (raw(HALF + b"data: {no json\n\ndata: [DONE]\n\n"), 2),
        (raw(b"<html>busy</html>", "text/html"), 2),
        (raw(b'{"choices": []}', "application/json"), 2),
    ],
)
async def test_what_may_pass_is_tried_again(open_client, first, tries):
    model = Model("fine", script=[first])
    assert (await ask(await open_client(model))).text == "fine"
    assert len(model.asked) == tries


@pytest.mark.parametrize(
    ("step", "reason", "tries"),
    [
        (lambda: refusal(401), "unauthorized", 1),
        (lambda: refusal(403), "unauthorized", 1),
        (lambda: refusal(400), "bad_request", 1),
        (lambda: refusal(404), "bad_request", 1),
        (lambda: refusal(307, Location="/v1/chat/completions"), "bad_request", 1),
        (lambda: refusal(429), "rate_limited", 3),
        (lambda: refusal(502), "server_error", 3),
        (lambda: raw(b"data: [1, 2]\n\n"), "garbage", 3),
        (lambda: raw(b'{"choices":[{"message":{"content":["a"]}}]}', "application/json"), "garbage", 3),
        (lambda: raw(b"data: " + b"x" * 2_000_000), "garbage", 3),
        (lambda: raw(b" " * 2_000_000, "application/json"), "garbage", 1),
    ],
)
async def test_what_does_not_pass_ends_in_one_word(open_client, step, reason, tries):
    model = Model(script=[step() for _ in range(3)])
    with pytest.raises(AiFault) as raised:
        await ask(await open_client(model))
    assert (raised.value.reason, len(model.asked)) == (reason, tries)
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(("step", "how"), [(silent, {"deadline": 0.2}), (stalls, {"silence": 0.2})])
async def test_silence_has_a_deadline(open_client, step, how):
    model = Model("later", script=[step])
    assert (await ask(await open_client(model, **how))).text == "later"
    assert len(model.asked) == 2


async def test_a_server_that_is_away_is_unreachable():
    client = AiClient(Endpoint(base_url="http://127.0.0.1:9/v1"), backoff=0.01)
    with pytest.raises(AiFault) as raised:
        await ask(client)
    assert raised.value.reason == "unreachable"
    await client.close()


def test_waits_double_and_heed_the_endpoint_within_reason():
    client = AiClient(Endpoint(base_url="http://x"), backoff=1.0, rng=Random(1))
    assert 0.75 <= client._wait(0, None) <= 1.25
    assert 1.5 <= client._wait(1, None) <= 2.5
    assert client._wait(0, 12.0) == 12.0
    assert client._wait(0, 3600.0) == 30.0


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("<think>They say hi.\nI greet.</think>\n\nHello", "Hello"),
        ("Hello <think>is a tag</think>", "Hello <think>is a tag</think>"),
        ("a\0b ", "ab"),
        ("", ""),
    ],
)
async def test_thoughts_and_what_no_message_can_hold_are_left_out(open_client, said, text):
    assert (await ask(await open_client(Model(said), stream=False))).text == text


async def test_a_stream_without_its_last_line_counts_if_the_model_had_finished(open_client):
    async def without_done(request):
        return await stream(request, pieces("all of it"), end=b"")

    assert (await ask(await open_client(Model(script=[without_done])))).text == "all of it"


def test_the_whole_form_is_what_the_tests_believe():
    assert whole("x")["choices"][0]["message"]["content"] == "x"


EVENTS = (
    b": a comment\r\ndata: one\r\n\r\nevent: x\rdata:two\rdata: three\r\rdata\n\nid: 7\n\ndata: \xc3\xb1\n\n"
)


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8))
def test_events_are_the_same_however_the_bytes_are_torn(places):
    edges = [0, *sorted(places), len(EVENTS)]
    parser = EventParser(1000)
    chunks = [EVENTS[start:end] for start, end in pairwise(edges)]
    assert [event for chunk in chunks for event in parser.feed(chunk)] == ["one", "two\nthree", "", "ñ"]


def test_a_line_that_never_ends_is_an_error():
    with pytest.raises(ValueError):
        list(EventParser(100).feed(b"data: " + b"x" * 200))
    with pytest.raises(ValueError):
        list(EventParser(100).feed(b"data: xxxxxxxxxx\n" * 20))
