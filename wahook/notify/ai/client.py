"""One request to an OpenAI-compatible endpoint: POST {base}/chat/completions, streamed or not.

Plain aiohttp, which the service has loaded anyway. The `openai` package was measured instead: 20 MB more of
memory in this very process, 30 MB on disk and 0.3 s to import, for one POST.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from actors.errors import Fault
from actors.model import JSON
from wahook.notify.ai.stream import EventParser

BODY_BYTES = 1024 * 1024
TRIES = 3
LONGEST_WAIT = 30.0  # seconds between tries, whatever the endpoint asks for
CONNECT_SECONDS = 10.0
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)  # models that think aloud do it first


class AiFault(Fault):
    """The endpoint did not answer as hoped. `reason` is a fixed word; never the endpoint's own text."""

    def __init__(self, reason: str, *, again: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Completion:
    """`tokens`: as the endpoint counts them, 0 if it does not say."""

    text: str
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the model is. `deadline`: of one request; `silence`: without a byte while it streams. Seconds."""

    base_url: str
    key: str | None = None
    stream: bool = True
    tokens_field: str = "max_tokens"
    deadline: float = 60.0
    silence: float = 20.0


class AiClient:
    """On one loop. `backoff`: seconds before the second try; doubles, with jitter."""

    def __init__(self, endpoint: Endpoint, *, backoff: float = 1.0, rng: Random | None = None) -> None:
        self._endpoint = endpoint
        self._backoff = backoff
        self._rng = rng or Random()
        self._http: aiohttp.ClientSession | None = None

    async def complete(self, model: str, messages: list[dict[str, JSON]], max_tokens: int) -> Completion:
        """The model's words. AiFault after three tries, or at once where another one is no use."""
        request: dict[str, JSON] = {
            "model": model,
            "messages": list(messages),
            self._endpoint.tokens_field: max_tokens,
            "stream": self._endpoint.stream,
        }
        for attempt in range(TRIES):
            try:
                return _thoughtless(await self._once(request))
            except AiFault as fault:
                if not fault.again or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(self._wait(attempt, fault.retry_after))
        raise AssertionError("unreachable")

    def _wait(self, attempt: int, asked: float | None) -> float:
        own: float = self._backoff * 2**attempt * self._rng.uniform(0.75, 1.25)
        return min(LONGEST_WAIT, max(own, asked or 0.0))

    async def _once(self, request: dict[str, JSON]) -> Completion:
        try:
            async with self._session().post(
                f"{self._endpoint.base_url.rstrip('/')}/chat/completions",
                json=request,
                headers=self._headers(),
                allow_redirects=False,  # the key is for this address only
            ) as answer:
                if answer.status != 200:
                    raise refusal(answer.status, answer.headers.get("Retry-After"))
                if answer.content_type == "text/event-stream":
                    return await _streamed(answer)
                return _whole(await _read(answer))
        except TimeoutError:
            raise AiFault("timeout", again=True) from None
        except (aiohttp.ClientError, OSError):
            raise AiFault("unreachable", again=True) from None

    def _headers(self) -> dict[str, str]:
        return {} if self._endpoint.key is None else {"Authorization": f"Bearer {self._endpoint.key}"}

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            endpoint = self._endpoint
            timeout = aiohttp.ClientTimeout(
                total=endpoint.deadline,
                sock_connect=CONNECT_SECONDS,
                sock_read=endpoint.silence if endpoint.stream else None,
            )
            self._http = aiohttp.ClientSession(timeout=timeout)
        return self._http

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.close()


def refusal(status: int, retry_after: str | None) -> AiFault:
    """What a status other than 200 means."""
    wait = float(retry_after) if retry_after is not None and retry_after.isdigit() else None
    if status in (401, 403):
        return AiFault("unauthorized")
    if status == 429:
        return AiFault("rate_limited", again=True, retry_after=wait)
    if status >= 500 or status == 408:
        return AiFault("server_error", again=True, retry_after=wait)
    return AiFault("bad_request")


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES:
            raise AiFault("garbage")
    return bytes(body)


def _whole(body: bytes) -> Completion:
    try:
        found = json.loads(body)
        return Completion(_text(found["choices"][0]["message"].get("content")), _tokens(found))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise AiFault("garbage", again=True) from None


async def _streamed(answer: aiohttp.ClientResponse) -> Completion:
    gathered = _Gathered()
    parser = EventParser(BODY_BYTES)
    try:
        async for chunk in answer.content.iter_any():
            for data in parser.feed(chunk):
                if data.strip() == "[DONE]":
                    return gathered.completion()
                gathered.take(json.loads(data))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise AiFault("garbage", again=True) from None
    if not gathered.finished:  # half an answer is none
        raise AiFault("cut_off", again=True)
    return gathered.completion()


class _Gathered:
    """What a stream has said so far."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._tokens = 0
        self.finished = False

    def take(self, event: dict[str, Any]) -> None:
        """One event of the stream."""
        if event.get("error"):
            raise AiFault("server_error", again=True)
        self._tokens = _tokens(event) or self._tokens
        for choice in event.get("choices", [])[:1]:
            part = _text((choice.get("delta") or {}).get("content"))
            self._size += len(part)
            if self._size > BODY_BYTES:
                raise ValueError("too long")
            self._parts.append(part)
            self.finished = self.finished or choice.get("finish_reason") is not None

    def completion(self) -> Completion:
        """All of it."""
        return Completion("".join(self._parts), self._tokens)


def _text(content: object) -> str:
    """None is no text; anything but text is not ours to send. TypeError."""
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError("content is not text")
    return content


def _tokens(found: dict[str, Any]) -> int:
    usage = found.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and total > 0 else 0


def _thoughtless(completion: Completion) -> Completion:
    return Completion(_THOUGHTS.sub("", completion.text).replace("\0", "").strip(), completion.tokens)
