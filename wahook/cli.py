"""The command line: one command for each thing a person wants of the service."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from actors.errors import ProcessError, WahookError
from supervision import SupervisionError, install_stack_dump
from wahook import logs, operator_cli, queue_cli
from wahook.edge.keys import KeyFileError
from wahook.moving import commands as moving
from wahook.settings import Settings, read_settings
from wahook.settings_sources import SettingsError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Self-hosted WhatsApp Web sessions that heal themselves. Settings come from the environment.",
    pretty_exceptions_enable=False,
)
operator_cli.mount(app, read_settings)
queue_cli.mount(app, read_settings)
moving.mount(app, read_settings)
STOP_SECONDS = 5.0  # for all to end in good order; what hangs then is killed, so that ten suffice for both
Port = Annotated[int, typer.Option(min=0, max=65535)]


def main() -> None:
    """The entry point. Errors that a person can repair are told in one line, with exit code 1."""
    try:
        app()
    except (WahookError, KeyFileError, SettingsError, SupervisionError) as error:
        typer.secho(f"wahook: {error}", fg=typer.colors.RED, err=True)
        raise SystemExit(1) from None


def _settings() -> Settings:
    settings = read_settings()
    _configure_logs(settings)
    logs.catch_the_rest()
    return settings


def _configure_logs(settings: Settings, *secrets: str) -> None:
    logs.configure(settings.log_format, settings.log_level, secrets=(*settings.secrets, *secrets))


def _stop_signal() -> threading.Event:
    """Set by SIGTERM and Ctrl-C."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


@app.command()
def serve() -> None:
    """Run the service until SIGTERM or Ctrl-C."""
    from wahook.service import Service  # noqa: PLC0415  # heavy; the other commands do without it

    settings = _settings()
    service = Service(settings)
    _configure_logs(settings, service.key.text)
    stopping = _stop_signal()
    install_stack_dump(signal.SIGUSR1)
    address = service.start()
    service.system.ended.add_done_callback(lambda _: stopping.set())
    typer.echo(f"wahook: listening on http://{address}", err=True)
    if service.key.path is not None:
        typer.echo(f"wahook: the API key is in {service.key.path}", err=True)
    stopping.wait()
    ended = service.wait(0)
    service.stop(STOP_SECONDS)
    if ended is not None:
        typer.secho(f"wahook: the supervision tree gave up: {ended.reason}", fg=typer.colors.RED, err=True)
    _end(0 if ended is None else 1)


def _end(code: int) -> NoReturn:
    """Now: to take the interpreter apart is a second's work, and a thread that hangs could hold it up."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed already, or nobody reads
            stream.flush()
    os._exit(code)


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option(help="Run through, tell by the exit code, and end.")] = False,
) -> None:
    """Show the main job: service and simulator together, a kill, and nothing lost."""
    from wahook.demo import run_demo  # noqa: PLC0415

    settings = read_settings()
    logs.configure(settings.log_format, "ERROR")
    raise typer.Exit(run_demo(once=once))


@app.command()
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check everything the service stands on, and say what to do. Changes nothing; 1 if something failed."""
    from wahook.doctor import as_json as to_json  # noqa: PLC0415
    from wahook.doctor import as_text, exit_code, visit  # noqa: PLC0415

    settings = read_settings()
    logs.configure("console", "ERROR")
    findings = visit(settings)
    typer.echo(to_json(findings) if as_json else as_text(findings))
    raise typer.Exit(exit_code(findings))


@app.command()
def simulator(
    host: str = "127.0.0.1",
    port: Port = 4100,
    tls_port: Annotated[int | None, typer.Option(min=0, max=65535)] = None,
) -> None:
    """Run only the simulator: a local WhatsApp Web with phones that obey."""
    from wahook.simulator import SimulatorThread  # noqa: PLC0415

    _settings()
    stopping = _stop_signal()
    with ExitStack() as stack:
        try:
            running = stack.enter_context(SimulatorThread(host, port, tls_port))
        except OSError as error:
            raise ProcessError(f"the simulator cannot listen on {host}: {error.strerror or error}") from error
        typer.echo(f"wahook: simulator on {running.url}", err=True)
        if running.tls_port is not None:
            typer.echo(f"wahook: and on https://{host}:{running.tls_port}", err=True)
        stopping.wait()
