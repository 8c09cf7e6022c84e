"""Which incoming messages came with a file. Read straight from the database, by any thread."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from wahook.journal.faults import database_faults
from wahook.journal.schema import messages_in


class FileReader:
    """Blocking, within the database's deadline; JournalError when it fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def came(self, session_id: str, since: datetime) -> list[str]:
        """The WhatsApp ids of a session's messages with files, journaled since then, oldest first."""
        table = messages_in.c
        query = (
            sa.select(table.wa_message_id)
            .where(table.session_id == session_id, table.received_at >= since, table.has_media)
            .order_by(table.received_at, table.seq)
        )
        with database_faults("reading messages"), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())
