"""The OpenAPI 3.1 document, made from the routes: what is checked is what is described."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from wahook.edge.inputs import Input
from wahook.edge.problems import CONTENT_TYPE
from wahook.edge.routing import Answer, Endpoint
from wahook.edge.schemas import ProblemBody

_REF = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "The body is not JSON, or the request is malformed.",
    401: "The key is missing or wrong.",
    404: "There is no such thing.",
    406: "It cannot be had in any of the forms accepted.",
    409: "Its state, or a rule, forbids it; `code` says which.",
    413: "The body is too large.",
    415: "The body must be application/json.",
    422: "The request does not fit; `errors` says where.",
    500: "A fault of the service; it is in its log.",
    502: "WhatsApp's page could not do it.",
    503: "A part of the service is being restarted, or too much is waiting.",
    504: "No answer in time.",
}
_UPLOAD = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
        }
    }
}
_TAGS = {
    "sessions": "WhatsApp accounts, each with a browser of its own.",
    "pairing": "Linking a phone.",
    "messages": "Sending, and what was sent and received.",
    "webhooks": "Events for other programs, and what became of them.",
    "mails": "E-mails to the accounts' owners.",
    "mirror": "The copy of the journal in Supabase.",
    "media": "Files that messages carry.",
    "chats": "Chats, their history, and what others see of us in them.",
    "groups": "Groups and who is in them.",
    "contacts": "What WhatsApp knows of people.",
    "supervision": "The tree of everything that can fail, and the operator's verbs.",
    "service": "Health and description.",
}


def describe(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        declared = endpoint.route
        paths.setdefault(declared.path, {})[declared.method.lower()] = _operation(endpoint, schemas)
    _schema(ProblemBody, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wahook",
            "version": version,
            "description": "WhatsApp Web sessions that heal themselves. Events come over Socket.IO.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [{"apiKey": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    declared = endpoint.route
    shown: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [declared.tag],
        "summary": endpoint.summary.rstrip("."),
        "parameters": [found for each in endpoint.inputs for found in _parameters(each, schemas)],
        "responses": {
            **{str(status): _answer(found, schemas) for status, found in declared.answers.items()},
            **{str(status): _problem(status) for status in _statuses(endpoint)},
        },
    }
    if endpoint.description.strip():
        shown["description"] = " ".join(endpoint.description.split())
    if (body := endpoint.model("body")) is not None:
        content = {"application/json": {"schema": _schema(body, schemas, "validation")}}
        shown["requestBody"] = {"required": True, "content": content}
    if declared.upload:
        shown["requestBody"] = {"required": True, "content": _UPLOAD}
    if declared.is_open:
        shown["security"] = []
    return shown


def _statuses(endpoint: Endpoint) -> list[int]:
    found = {*endpoint.route.problems, 500}
    if not endpoint.route.is_open:
        found |= {400, 401, 422, 504}
    if endpoint.model("body") is not None:
        found |= {413, 415}
    return sorted(found - endpoint.route.answers.keys())


def _answer(found: Answer, schemas: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": found.description}
    content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in found.media}
    if found.model is not None:
        content = {"application/json": {"schema": _schema(found.model, schemas)}, **content}
    if content:
        shown["content"] = content
    if found.headers:
        shown["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in found.headers.items()
        }
    return shown


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=ProblemBody.__name__)}
    return {"description": _PROBLEMS[status], "content": {CONTENT_TYPE: {"schema": schema}}}


def _parameters(each: Input, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if each.where == "path" and each.adapter is not None:
        return [{"name": each.name, "in": "path", "required": True, "schema": _plain(each.adapter)}]
    if each.where not in {"query", "header"} or each.model is None:
        return []
    schema = each.model.model_json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    wanted = schema.get("required", [])
    return [
        _parameter(name, each.where, name in wanted, found)
        for name, found in schema.get("properties", {}).items()
    ]


def _parameter(name: str, where: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    # absent is not null: in a query string there is no null
    options = [found for found in schema.pop("anyOf", []) if found != {"type": "null"}]
    schema = {**schema, **(options[0] if len(options) == 1 else {"anyOf": options} if options else {})}
    if schema.get("default", "") is None:
        schema.pop("default")
    schema.pop("title", None)
    shown: dict[str, Any] = {"name": name, "in": where, "required": required}
    if text := schema.pop("description", ""):
        shown["description"] = text
    return {**shown, "schema": schema}


def _plain(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    return adapter.json_schema()


def _schema(
    model: type[BaseModel], schemas: dict[str, Any], mode: JsonSchemaMode = "serialization"
) -> dict[str, str]:
    found = model.model_json_schema(ref_template=_REF, mode=mode)
    schemas.update(found.pop("$defs", {}))
    schemas[model.__name__] = found
    return {"$ref": _REF.format(model=model.__name__)}
