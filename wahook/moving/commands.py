"""`wahook backup|restore|move-journal|import-profile`. Exit code 1 with one line when refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from actors.model import SessionId
from wahook import data_lock
from wahook.settings import Settings


def mount(app: typer.Typer, settings: Callable[[], Settings]) -> None:
    """Add the commands to the main one. `settings` is called when a command runs."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="Such as backup.tar.gz; it must not be there yet.")],
    ) -> None:
        """Write the journal, the logins and the key into one file; the service may run."""
        from wahook.moving.backup import back_up  # noqa: PLC0415

        done = back_up(_of_owner(settings()), file)
        typer.echo(f"{file}: {_logins(done.sessions)}, {done.bytes / 1024 / 1024:.1f} MB. Keep it secret.")
        if done.skipped:
            typer.echo(f"not linked yet, so not in it: {', '.join(done.skipped)}")
        if not done.database:
            typer.echo("the journal is in PostgreSQL: back it up with pg_dump, after this")

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `backup` wrote.")],
    ) -> None:
        """Put a backup into an empty WAHOOK_DATA. The service it was taken of must not run any more."""
        from wahook.moving.restore import restore as put_back  # noqa: PLC0415

        chosen = _of_owner(settings())
        sessions = put_back(chosen, file)
        typer.echo(f"{chosen.data}: {_logins(sessions)} back; start the service")

    @app.command("move-journal")
    def move(
        to: Annotated[str, typer.Option(envvar="WAHOOK_MOVE_TO", help="DATABASE_URL of an empty database.")],
    ) -> None:
        """Copy the journal into another database, while the service is stopped."""
        from wahook.moving.journal import move_journal  # noqa: PLC0415

        chosen = _of_owner(settings())
        with data_lock.holding(chosen.data):
            rows = move_journal(chosen.database, to)
        typer.echo("\n".join(f"{table:<16} {count:>9}" for table, count in rows.items()))
        typer.echo("done; set DATABASE_URL to the new one and start the service. The old one is as it was.")

    @app.command("import-profile")
    def import_profile(
        source: Annotated[
            Path, typer.Argument(help="A LocalAuth folder (.wwebjs_auth), or one profile in it.")
        ],
        user: Annotated[str | None, typer.Option(help="userId, for a single profile.")] = None,
        account: Annotated[str | None, typer.Option(help="accountId, for a single profile.")] = None,
    ) -> None:
        """Take over logins of whatsapp-web.js. Stop it first; the service must be stopped, too."""
        from wahook.moving.adopting import import_logins  # noqa: PLC0415

        if (user is None) != (account is None):
            raise typer.BadParameter("--user and --account go together")
        wanted = SessionId(user, account) if user is not None and account is not None else None
        done = import_logins(_of_owner(settings()), source, wanted)
        for one in done:
            left_out = f"left out: {one.problem}" if one.problem else "imported"
            typer.echo(f"{one.client_id or '(no clientId)'} → {one.session_id or '?'}: {left_out}")
        if not any(one.problem is None for one in done):
            raise typer.Exit(1)


def _logins(sessions: Sequence[str]) -> str:
    return "1 login" if len(sessions) == 1 else f"{len(sessions)} logins"


def _of_owner(settings: Settings) -> Settings:
    data_lock.refuse_strangers(settings.data)
    return settings
