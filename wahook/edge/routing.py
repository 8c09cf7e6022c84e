"""Routes as data: a decorator says what a handler takes and gives; checking and documentation follow from it.

A handler's parameters say where they come from: a `Body`, `Query` or `Headers` model, the `web.Request`, or,
by name, a part of the path. They are checked before the handler runs; what does not fit is a 4xx problem.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, get_type_hints

from aiohttp import web
from pydantic import BaseModel, ValidationError

from actors.model import JSON
from wahook.edge.inputs import (
    Input,
    body_input,
    explain,
    header_input,
    path_input,
    query_input,
    request_input,
)
from wahook.edge.problems import Problem, invalid_all
from wahook.edge.schemas import Body, Headers, NoQuery, Query

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[web.StreamResponse]])


@dataclass(frozen=True, slots=True)
class Answer:
    """A documented answer: `model` for JSON, `media` for anything else; `headers`: name to description."""

    description: str
    model: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `problems`: statuses beyond those that every route may answer."""

    method: str
    path: str
    tag: str
    answers: Mapping[int, Answer]
    problems: tuple[int, ...] = ()
    is_open: bool = False  # answers without a key, and ignores what the query says
    upload: bool = False  # takes a file as multipart/form-data


def route(  # noqa: PLR0917
    method: str,
    path: str,
    tag: str,
    answers: Mapping[int, Answer],
    problems: tuple[int, ...] = (),
    is_open: bool = False,
    upload: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare a method of a class to be the handler of a route; its docstring documents it."""

    def declare(handler: Handler) -> Handler:
        setattr(handler, "route", Route(method, path, tag, answers, problems, is_open, upload))  # noqa: B010
        return handler

    return declare


def endpoints(*owners: object) -> Iterator[Endpoint]:
    """All routes that the methods of these objects declare, in the order they are written."""
    for owner in owners:
        for name, function in vars(type(owner)).items():
            if isinstance(found := getattr(function, "route", None), Route):
                yield Endpoint(found, getattr(owner, name))


class Endpoint:
    """A route bound to its handler; call it with a request."""

    def __init__(self, declared: Route, handler: Callable[..., Awaitable[web.StreamResponse]]) -> None:
        self.route = declared
        self.summary, _, self.description = (inspect.getdoc(handler) or "").partition("\n")
        self.name = handler.__name__
        self._handler = handler
        self.inputs = [_input(name, hint) for name, hint in _hints(handler).items()]
        if not declared.is_open and not any(each.where == "query" for each in self.inputs):
            self.inputs.append(query_input("", NoQuery))

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Check everything, then handle. Problem when something does not fit."""
        arguments: dict[str, object] = {}
        errors: list[JSON] = []
        for each in self.inputs:
            try:
                value = await each.read(request)
            except ValidationError as error:
                errors.extend(explain(error, each))
            else:
                if each.name:
                    arguments[each.name] = value
        if errors:
            raise invalid_all(errors)
        return await self._handler(**arguments)

    def model(self, where: str) -> type[BaseModel] | None:
        """The model of "body", "query" or "header", if the handler takes one."""
        return next((each.model for each in self.inputs if each.where == where), None)


def _hints(handler: Callable[..., object]) -> dict[str, object]:
    return {k: v for k, v in get_type_hints(handler, include_extras=True).items() if k != "return"}


def _input(name: str, hint: object) -> Input:
    if hint is web.Request:
        return request_input(name)
    if isinstance(hint, type) and issubclass(hint, Body):
        return body_input(name, hint)
    if isinstance(hint, type) and issubclass(hint, Query):
        return query_input(name, hint)
    if isinstance(hint, type) and issubclass(hint, Headers):
        return header_input(name, hint)
    return path_input(name, hint)


__all__ = ["Answer", "Endpoint", "Problem", "Route", "endpoints", "route"]
