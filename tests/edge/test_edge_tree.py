"""The tree and the operator's verbs, over a real supervision tree."""

import asyncio

import pytest

TREE = "/api/supervision/tree"


async def settled(running, path: str, state: str) -> None:
    """Wait until a node is in a state, woken by each transition."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    unsubscribe = running.operations.subscribe(lambda _: loop.call_soon_threadsafe(changed.set))
    try:
        async with asyncio.timeout(5):
            while running.operations.system.snapshot().find(path)["state"] != state:
                await changed.wait()
                changed.clear()
    finally:
        unsubscribe()


async def crash(running) -> None:
    running.operations.system.handle("sessions/user_1_wa_1").tell("crash")
    await settled(running, "sessions/user_1_wa_1", "backoff")


async def act(client, verb, path, expect=200, **headers):
    async with client.post(f"/api/supervision/{verb}", json={"path": path}, headers=headers) as answer:
        assert answer.status == expect, await answer.text()
        return await answer.json(content_type=None)


@pytest.mark.parametrize(
    ("accept", "form", "content_type", "piece"),
    [
        ("application/json", None, "application/json", '"schema_version":1'),
        ("", None, "application/json", '"schema_version":1'),
        ("text/plain", None, "text/plain", "├─● steady"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", None, "text/html", "<!doctype html>"),
        ("application/json", "text", "text/plain", "├─● steady"),
        ("image/png", "html", "text/html", "<!doctype html>"),
    ],
)
async def test_the_tree_comes_in_the_form_that_is_accepted_or_named(
    client, accept, form, content_type, piece
):
    query = {} if form is None else {"format": form}
    async with client.get(TREE, headers={"Accept": accept}, params=query) as answer:
        assert (answer.status, answer.content_type) == (200, content_type)
        assert piece in await answer.text()


async def test_a_form_that_there_is_not_is_406(client):
    async with client.get(TREE, headers={"Accept": "application/xml"}) as answer:
        assert answer.status == 406


async def test_the_page_may_run_no_script(client):
    async with client.get(TREE, params={"format": "html"}) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


async def test_what_did_not_change_is_304_until_a_state_changes(client, running):
    async with client.get(TREE) as answer:
        etag = answer.headers["ETag"]
        assert etag.startswith('W/"')
    for known in (etag, f'"x", {etag}', "*", etag.removeprefix("W/")):
        async with client.get(TREE, headers={"If-None-Match": known}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == etag
    async with client.get(TREE, headers={"If-None-Match": etag}, params={"depth": "1"}) as answer:
        assert answer.status == 200  # another view is another thing
    await crash(running)
    async with client.get(TREE, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] != etag


async def test_depth_and_state_leave_out_the_rest(client, running):
    await crash(running)
    async with client.get(TREE, params={"depth": "1"}) as answer:
        tree = (await answer.json())["tree"]
    assert {each["id"] for each in tree["children"]} == {"steady", "sessions"}
    assert all(not each.get("children") for each in tree["children"])
    for query in (
        [("state", "backoff")],
        [("state", "failed,backoff")],
        [("state", "failed"), ("state", "backoff")],
    ):
        async with client.get(TREE, params=query) as answer:
            found = await answer.json()
        assert not found["complete"]
        (sessions,) = found["tree"]["children"]
        assert [each["id"] for each in sessions["children"]] == ["user_1_wa_1"]


async def test_the_most_urgent_stands_first_unless_the_order_of_start_is_asked_for(client, running):
    await crash(running)
    for order, first in (("urgency", "sessions"), ("start", "steady")):
        async with client.get(TREE, params={"order": order}) as answer:
            assert (await answer.json())["tree"]["children"][0]["id"] == first


@pytest.mark.parametrize("query", ["depth=-1", "depth=x", "state=odd", "format=xml", "order=x", "deep=1"])
async def test_a_view_that_there_is_not_is_refused(client, query):
    async with client.get(f"{TREE}?{query}") as answer:
        assert answer.status == 422


async def test_every_verb_is_carried_out_and_recorded_with_who_said_it(client, running):
    path = "sessions/user_1_wa_1"
    done = await act(client, "restart", path, **{"X-Operator": "ana"})
    assert done == {"path": path, "verb": "restart", "by": "api:ana", "state": "running"}
    assert running.operations.system.handle(path).incarnation == 2
    assert (await act(client, "stop", f"root/{path}"))["state"] == "stopped"
    assert (await act(client, "start", path, **{"X-Operator": "bo"}))["state"] == "running"
    await crash(running)
    assert (await act(client, "retry", path, **{"X-Operator": "cy"}))["state"] == "running"
    async with client.get("/api/supervision/transitions") as answer:
        entries = (await answer.json())["transitions"]
    assert {entry["by"] for entry in entries if entry["path"] == path} >= {
        "api:ana",
        "api:127.0.0.1",
        "api:bo",
        "api:cy",
    }
    assert [entry["seq"] for entry in entries] == sorted(entry["seq"] for entry in entries)


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("restart", "nobody", 404, "not_found"),
        ("stop", "sessions/nobody", 404, "not_found"),
        ("start", "nobody/at/all", 404, "not_found"),
        ("retry", "nobody", 404, "not_found"),
        ("start", "steady", 409, "running"),
        ("retry", "steady", 409, "running"),
        ("restart", "root", 409, "not_supported"),
        ("restart", "", 422, "invalid"),
        ("restart", "a b", 422, "invalid"),
        ("restart", "x" * 301, 422, "invalid"),
    ],
)
async def test_a_verb_that_cannot_be_carried_out_says_why(client, verb, path, status, code):
    assert (await act(client, verb, path, status))["code"] == code


@pytest.mark.parametrize("name", ["", "two words", "x" * 65])
async def test_an_operators_name_that_is_none_is_refused(client, name):
    await act(client, "restart", "steady", 422, **{"X-Operator": name})


async def test_a_start_that_is_still_waiting_is_a_conflict(client, running):
    await crash(running)
    assert (await act(client, "start", "sessions/user_1_wa_1", 409))["code"] == "restarting"


async def test_who_restarts_the_edge_is_answered_before_it_ends(client, running, monkeypatch):
    async def never(verb, path, by):
        await asyncio.Event().wait()

    await act(client, "restart", "edge", 404)  # this small tree has none
    monkeypatch.setattr(running.operations, "act", never)
    async with asyncio.timeout(5):
        assert (await act(client, "restart", "edge"))["verb"] == "restart"
