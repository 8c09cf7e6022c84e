"""Logins of whatsapp-web.js (LocalAuth) taken over, with the rows that make the service start them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from actors.errors import Fault, WahookError
from actors.messages import SaveAccount
from actors.model import Account, SessionId
from wahook import data_lock
from wahook.journal import open_journal
from wahook.profiles import Profiles, found_in, import_profile
from wahook.settings import Settings

OURS = re.compile(r"user_(?P<user>.+)_wa_(?P<account>[^_].*)")


class ImportFault(WahookError):
    """Nothing to import, or no id for it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One login: `client_id` there, `session_id` here; `problem` says why it was left out."""

    client_id: str
    session_id: str | None
    problem: str | None = None


def import_logins(settings: Settings, source: Path, wanted: SessionId | None = None) -> list[Imported]:
    """Take over a LocalAuth folder, or one profile as `wanted`. No service may run on the folder meanwhile.

    The original's clientIds are session ids as they are here and keep their name. The source is only read;
    its program should be stopped first. ImportFault, JournalError, ProcessError.
    """
    logins = _logins(source, wanted)
    with data_lock.holding(settings.data), open_journal(settings.database) as journal:
        profiles = Profiles(settings.sessions_path)
        done = [_import(profiles, client, folder, wanted) for client, (folder, wanted) in logins.items()]
        for one in done:
            if one.problem is None and (session := logins[one.client_id][1]) is not None:
                row = Account(str(session), session.user_id, session.account_id)
                journal.writer.write([SaveAccount(row)])
    return done


def _logins(source: Path, wanted: SessionId | None) -> dict[str, tuple[Path, SessionId | None]]:
    if (source / "Default").is_dir():
        if wanted is None:
            raise ImportFault("this is one profile: say whose it becomes, --user ID --account ID")
        return {source.name: (source, wanted)}
    if not source.is_dir() or not (found := found_in(source)):
        raise ImportFault(f"{source} is neither a Chromium profile nor a LocalAuth folder with some")
    if wanted is not None:
        if len(found) > 1:
            raise ImportFault(f"{source} has {len(found)} profiles: name the folder of one of them")
        return {client: (folder, wanted) for client, folder in found.items()}
    return {client: (folder, session_of(client)) for client, folder in found.items()}


def session_of(client_id: str) -> SessionId | None:
    """Whose session a clientId names, None if it does not: `user_1_wa_2` is user 1, account 2."""
    match = OURS.fullmatch(client_id)
    return SessionId(match["user"], match["account"]) if match else None


def _import(profiles: Profiles, client: str, folder: Path, session: SessionId | None) -> Imported:
    if session is None:
        return Imported(
            client, None, "its clientId names no session: import it alone, with --user and --account"
        )
    try:
        import_profile(profiles, folder, str(session))
    except (Fault, WahookError) as error:
        return Imported(client, str(session), str(error))
    return Imported(client, str(session))
