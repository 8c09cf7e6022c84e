"""`wahook tree|restart|stop|start|retry`: the operator's view and verbs from a terminal, through the edge.

Exit codes: 0 done, 1 refused (the service says why), 2 wrong use, 3 the service is down or does not answer.
"""

from __future__ import annotations

import getpass
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from wahook.edge.keys import KeyFileError, read_existing
from wahook.settings import Settings

REFUSED = 1
UNREACHABLE = 3
T = TypeVar("T")
ANSWER_SECONDS = 10.0
ACT_SECONDS = 130.0  # a verb's own deadline is two minutes
_CLEAR = "\x1b[H\x1b[2J"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104  # compared, not bound


class OperatorError(Exception):
    """`code` is the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one service. Raises OperatorError."""

    url: str
    key: str

    @classmethod
    def of(cls, settings: Settings) -> Client:
        """The service that these settings describe."""
        given = settings.api_key.get_secret_value() if settings.api_key else None
        try:
            key = read_existing(given, settings.data).text
        except KeyFileError as error:
            raise OperatorError(str(error), UNREACHABLE) from error
        host = _ANYWHERE.get(settings.host, settings.host)
        return cls(f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{settings.port}", key)

    def tree(self, form: str, depth: int | None, states: list[str]) -> str:
        """The tree as text or JSON."""
        wanted = [("format", form), *(("state", each) for each in states)]
        if depth is not None:
            wanted.append(("depth", str(depth)))
        return self._call(f"/api/supervision/tree?{urllib.parse.urlencode(wanted)}", None, ANSWER_SECONDS)

    def act(self, verb: str, path: str) -> dict[str, Any]:
        """Carry out a verb; what the service says of it."""
        text = self._call(f"/api/supervision/{verb}", {"path": path}, ACT_SECONDS)
        found: dict[str, Any] = json.loads(text)
        return found

    def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """An answer in JSON; what is None is not asked for."""
        given = {name: value for name, value in query.items() if value is not None}
        found: dict[str, Any] = json.loads(
            self._call(f"{path}?{urllib.parse.urlencode(given)}", None, ANSWER_SECONDS)
        )
        return found

    def post(self, path: str) -> dict[str, Any]:
        """Have something done; what the service says of it."""
        found: dict[str, Any] = json.loads(self._call(path, {}, ACT_SECONDS))
        return found

    def _call(self, path: str, body: Mapping[str, str] | None, seconds: float) -> str:
        headers = {"X-Api-Key": self.key, "X-Operator": f"{_me()}@cli", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310  # always http, from settings
        # no proxy from the environment: the service is ours, and the key must not go elsewhere
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=seconds) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise _refused(error) from error
        except (OSError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            raise OperatorError(
                f"no service answers at {self.url} ({reason}); is it running? PORT and HOST choose another",
                UNREACHABLE,
            ) from error


def _refused(error: urllib.error.HTTPError) -> OperatorError:
    try:
        problem = json.loads(error.read())
        text = problem["detail"]
        faults = "; ".join(f"{each['at']} {each['message']}" for each in problem.get("errors", []))
    except (ValueError, KeyError, TypeError):
        text, faults = f"{error.code} {error.reason}", ""
    if error.code == 401:
        return OperatorError(
            "the service does not accept this key; set WAHOOK_API_KEY or WAHOOK_DATA", REFUSED
        )
    return OperatorError(f"{text} {faults}".strip(), UNREACHABLE if error.code >= 500 else REFUSED)


def _me() -> str:
    try:
        return (
            "".join(c for c in getpass.getuser() if c.isascii() and c.isprintable() and c != " ") or "someone"
        )
    except (OSError, KeyError):
        return "someone"


def mount(app: typer.Typer, settings: Callable[[], Settings] = Settings) -> None:
    """Add the commands to the main one. `settings` is called when a command runs."""

    @app.command()
    def tree(
        watch: Annotated[bool, typer.Option("--watch", "-w", help="Draw it again every second.")] = False,
        depth: Annotated[int | None, typer.Option(min=0, help="Levels below the root.")] = None,
        state: Annotated[list[str] | None, typer.Option(help="Only these states; may be repeated.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """Print the supervision tree, most urgent first."""
        form = "json" if as_json else "text"
        client = or_exit(lambda: Client.of(settings()))
        if watch:
            _watch(lambda: client.tree(form, depth, state or []))
        else:
            typer.echo(or_exit(lambda: client.tree(form, depth, state or [])).rstrip("\n"))

    for verb, text in _VERBS.items():
        app.command(verb, help=text)(_command(verb, settings))


_VERBS = {
    "restart": "Stop a node of the tree, with its group, and start it again.",
    "stop": "Stop a node of the tree until it is started again.",
    "start": "Start a node of the tree that is down.",
    "retry": "Start a failed, held or waiting node now, its failures forgotten.",
}


def _command(verb: str, settings: Callable[[], Settings]) -> Callable[[str], None]:
    def command(path: Annotated[str, typer.Argument(help="Such as sessions/user_1_wa_2.")]) -> None:
        done = or_exit(lambda: Client.of(settings()).act(verb, path))
        typer.echo(f"{verb} {done['path']}: {done['state'] or 'gone'}")

    return command


def or_exit(work: Callable[[], T]) -> T:
    """The work's result; its OperatorError as one line and an exit code."""
    try:
        return work()
    except OperatorError as error:
        typer.echo(f"wahook: {error}", err=True)
        raise typer.Exit(error.code) from None


def _watch(draw: Callable[[], str]) -> None:
    """Until Ctrl-C. An answer that fails is shown in place, and tried again."""
    clear = _CLEAR if sys.stdout.isatty() else ""
    try:
        while True:
            try:
                shown = draw().rstrip("\n")
            except OperatorError as error:
                if error.code == REFUSED:
                    raise
                shown = f"wahook: {error}"
            typer.echo(f"{clear}{shown}")
            time.sleep(1.0)
    except OperatorError as error:
        typer.echo(f"wahook: {error}", err=True)
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
