"""The description of the API: complete, and the same as what is kept (UPDATE_GOLDEN=1 writes it anew)."""

import json
import os
from pathlib import Path

from .test_edge_auth import routes

GOLDEN = Path(__file__).parent / "golden" / "openapi.json"
UNDESCRIBED = {"/", "/docs", "/socket.io/"}


async def document(client):
    async with client.get("/openapi.json") as answer:
        return await answer.json()


async def test_every_route_of_the_router_is_described(client):
    paths = (await document(client))["paths"]
    found = {
        (method.lower(), path)
        for method, path in await routes()
        if path not in UNDESCRIBED and not path.startswith("/static/") and method != "HEAD"
    }
    assert found == {(method, path) for path, methods in paths.items() for method in methods}


async def test_the_description_is_the_one_that_was_agreed(client):
    shown = json.dumps(await document(client), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


def references(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


async def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own(client):
    found = await document(client)
    assert found["openapi"] == "3.1.0"
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(references(found)) <= known
    operations = [each for methods in found["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert all(each["summary"] and each["responses"] for each in operations)


async def test_only_the_open_routes_are_described_as_open(client):
    found = await document(client)
    unlocked = {
        path for path, methods in found["paths"].items() for each in methods.values() if "security" in each
    }
    assert unlocked == {"/api/health", "/livez", "/readyz"}


async def test_path_parameters_are_described_with_their_patterns(client):
    found = await document(client)
    parameters = found["paths"]["/api/whatsapp/sessions/{id}/messages/{messageId}"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in parameters] == [
        ("id", "path", True),
        ("messageId", "path", True),
    ]
    assert all("pattern" in each["schema"] for each in parameters)
