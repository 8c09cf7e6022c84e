"""`wahook mails|mirror`: what waits for others, from a terminal. Exit codes as in `operator_cli`."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import typer

from wahook.operator_cli import Client, or_exit
from wahook.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Most = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]


class State(Enum):
    """Of a mail."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


def mount(app: typer.Typer, settings: Callable[[], Settings]) -> None:
    """Add the commands to the main one. `settings` is called when a command runs."""

    @app.command()
    def mails(
        state: Annotated[State | None, typer.Option(help="Only these; the default is all.")] = None,
        session: Annotated[str | None, typer.Option(help="Only about this one.")] = None,
        limit: Most = 50,
        replay: Annotated[
            str | None, typer.Option(help="Send this dead one after all; `all` of them.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """List the e-mails to owners, newest first, or send again those that were given up."""
        client = or_exit(lambda: Client.of(settings()))
        if replay is not None:
            path = "/api/mails/replay" if replay == "all" else f"/api/mails/{replay}/replay"
            done = or_exit(lambda: client.post(path))
            typer.echo(f"pending again: {done.get('replayed', 1)}")
            return
        wanted = None if state is None else state.value
        found = or_exit(lambda: client.get("/api/mails", state=wanted, session=session, limit=limit))
        _show(found, found["mails"], as_json, ("id", "state", "kind", "sessionId", "attempts", "lastError"))

    @app.command()
    def mirror(
        set_aside: Annotated[bool, typer.Option("--set-aside", help="List what Supabase refused.")] = False,
        retry: Annotated[bool, typer.Option("--retry", help="Try again what Supabase refused.")] = False,
        copy: Annotated[bool, typer.Option("--copy", help="Take everything over once more.")] = False,
        limit: Most = 50,
        as_json: AsJson = False,
    ) -> None:
        """Show how the mirror in Supabase stands, or see to what it refused."""
        client = or_exit(lambda: Client.of(settings()))
        if set_aside:
            found = or_exit(lambda: client.get("/api/mirror/set-aside", limit=limit))
            _show(found, found["changes"], as_json, ("seq", "kind", "sessionId", "key", "error"))
        elif retry:
            typer.echo(f"tried again: {or_exit(lambda: client.post('/api/mirror/retry'))['retried']}")
        elif copy:
            typer.echo(f"accounts: {or_exit(lambda: client.post('/api/mirror/copy'))['accounts']}")
        else:
            found = or_exit(lambda: client.get("/api/mirror"))
            typer.echo(json.dumps(found) if as_json else _lines(found))


def _show(found: dict[str, Any], rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...]) -> None:
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for row in rows:
        typer.echo("  ".join(str("-" if row[name] is None else row[name]) for name in columns))
    if found["next"] is not None:
        typer.echo("… and more: --limit")


def _lines(found: dict[str, Any]) -> str:
    return "\n".join(f"{name:<12} {'-' if value is None else value}" for name, value in found.items())
