"""A server that speaks the chat-completions protocol, as OpenAI's own client would meet it."""

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import web


def whole(text, tokens=7, finish="stop"):
    """An answer in one piece."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": tokens - 3, "total_tokens": tokens},
    }


def pieces(text, tokens=7):
    """An answer as a stream of events."""
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small"}

    def event(delta, finish=None, **more):
        return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}

    return [
        event({"role": "assistant", "content": ""}),
        *(event({"content": word}) for word in text.partition(" ") if word),
        event({}, "stop"),
        {**frame, "choices": [], "usage": {"total_tokens": tokens}},
    ]


@dataclass
class Model:
    """`script`: what to do with the next requests instead of answering `text`: a status, or a coroutine
    function that gets the request."""

    text: str = "Hello there"
    script: list = field(default_factory=list)
    asked: list[dict] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    hold: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self.began.set()
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, web.Response):
                return step
            return await step(request) if callable(step) else refusal(step)
        if self.hold is not None:
            await self.hold.wait()
        if body["stream"]:
            return await stream(request, pieces(self.text))
        return web.json_response(whole(self.text))


def refusal(status, **headers):
    """An error as OpenAI words it, with what must not get into logs."""
    error = {"error": {"message": "Incorrect key sk-secret", "type": "x", "code": "y"}}
    return web.json_response(error, status=status, headers=headers)


async def stream(request, events, *, end=b"data: [DONE]\n\n", cut=0):
    """Server-sent events, each written in two chunks so that lines are torn. `cut`: stop after so many."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for event in events[: len(events) - cut]:
        data = b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
        await answer.write(data[:11])
        await answer.write(data[11:])
    await answer.write(end)
    return answer


def raw(body: bytes, content_type="text/event-stream", status=200):
    """Any bytes."""

    async def answer(request):
        response = web.StreamResponse(status=status, headers={"Content-Type": content_type})
        await response.prepare(request)
        await response.write(body)
        return response

    return answer


async def silent(_request):
    """Never answers."""
    await asyncio.sleep(3600)


async def stalls(request):
    """Begins to answer, and says no more."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n')
    await asyncio.sleep(3600)


async def breaks_off(request):
    """Begins to answer, and cuts the connection in the middle of it."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\nda')
    request.transport.abort()
    return answer


async def hangs_up(request):
    """Cuts the connection without a word."""
    request.transport.close()
    return web.Response()
