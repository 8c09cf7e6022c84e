"""How each part of a request is read and checked. Nothing here keeps or repeats what the client sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from actors.model import JSON
from wahook.edge.problems import Problem
from wahook.edge.schemas import Body, Headers, Query

Where: TypeAlias = Literal["request", "path", "query", "header", "body"]
_NOT_JSON = {"json_invalid", "json_type"}
_OURS = {  # ids of the service's own things, by their names in the templates
    "id": "session",
    "messageId": "message",
    "batchId": "batch",
    "mediaId": "media",
    "deliveryId": "delivery",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One parameter of a handler. `read` raises ValidationError or Problem."""

    name: str  # "": checked, but not handed over
    where: Where
    read: Callable[[web.Request], Awaitable[object]]
    model: type[BaseModel] | None = None
    adapter: TypeAdapter[Any] | None = None


def request_input(name: str) -> Input:
    """The request itself."""

    async def read(request: web.Request) -> object:
        return request

    return Input(name, "request", read)


def path_input(name: str, hint: object) -> Input:
    """A part of the path, by its name in the template. What cannot be an id of ours is 404, as if unknown."""
    adapter: TypeAdapter[Any] = TypeAdapter(cast("type[Any]", hint))

    async def read(request: web.Request) -> object:
        try:
            return adapter.validate_python(request.match_info[name])
        except ValidationError:
            if name not in _OURS:
                raise
            raise Problem(404, f"unknown_{_OURS[name]}", f"There is no such {_OURS[name]}.") from None

    return Input(name, "path", read, adapter=adapter)


def query_input(name: str, model: type[Query]) -> Input:
    """The whole query string; a key given twice is a list."""

    async def read(request: web.Request) -> object:
        values = {key: request.query.getall(key) for key in request.query}
        return model.model_validate({k: v[0] if len(v) == 1 else v for k, v in values.items()})

    return Input(name, "query", read, model)


def header_input(name: str, model: type[Headers]) -> Input:
    """The headers that the model names."""
    aliases = [entry.alias or key for key, entry in model.model_fields.items()]

    async def read(request: web.Request) -> object:
        return model.model_validate({key: request.headers[key] for key in aliases if key in request.headers})

    return Input(name, "header", read, model)


def body_input(name: str, model: type[Body]) -> Input:
    """The JSON body. 415 for another type, 413 over the limit, 400 for what is not JSON."""

    async def read(request: web.Request) -> object:
        if request.content_type != "application/json":
            raise Problem(415, "unsupported_media_type", "Send the body as application/json.",
                          {"Accept-Post": "application/json"})  # fmt: skip
        raw = await _sized(request, model).read()
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            if any(each["type"] in _NOT_JSON for each in error.errors(include_input=False)):
                raise Problem(400, "bad_json", "The body is not valid JSON in UTF-8.") from None
            raise

    return Input(name, "body", read, model)


def _sized(request: web.Request, model: type[Body]) -> web.BaseRequest:
    """The request with the model's own limit for its body."""
    return request if model.most_bytes is None else request.clone(client_max_size=model.most_bytes)


def explain(error: ValidationError, wanted: Input) -> Iterator[JSON]:
    """One entry per fault, naming the field as the client wrote it, without its value."""
    prefix = (wanted.where, wanted.name) if wanted.where == "path" else (wanted.where,)
    for at, message in faults(error, prefix):
        yield {"at": at, "message": message}


def faults(error: ValidationError, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Where each fault is, below `prefix`, and what it is."""
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            message = "is not known here"
        yield ".".join(str(part) for part in (*prefix, *each["loc"]))[:200], message
