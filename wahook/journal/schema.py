"""The journal's tables, as SQLAlchemy Core; migrations/ brings a database there.

Times are UTC: timestamptz in PostgreSQL, naive text in SQLite, aware in Python.
`seq` is the order of writing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

# Both databases must prove that a query lies within the partial index: hence one text, without parameters.
NEEDS_WORK = "status IN ('queued', 'scheduled', 'sending', 'failed')"
PENDING = "state = 'pending'"
IN_BATCH = sa.text("batch_id IS NOT NULL")


class Utc(sa.types.TypeDecorator[datetime]):
    """Aware times only; a naive one is an error, for nobody knows what it meant."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To the database: UTC, naive where the database has no zones."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be journaled")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers only INTEGER keys by itself

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _session_id() -> sa.Column[str]:
    owner = sa.ForeignKey("accounts.session_id", ondelete="CASCADE")
    return sa.Column("session_id", sa.Text, owner, nullable=False)


accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("desired", sa.Boolean, nullable=False),
    sa.Column("phone_number", sa.Text),
    sa.Column("profile_name", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("connected_at", Utc),
    sa.Column("last_seen", Utc),
    sa.Column("last_check", Utc),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("idle_since", Utc),
    sa.Column("missed_since", sa.BigInteger),
)

messages_out = sa.Table(
    "messages_out",
    metadata,
    sa.Column("seq", Serial, primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False, unique=True),
    _session_id(),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("wa_message_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("may_be_on_wire", sa.Boolean, nullable=False),
    sa.Column("ack", sa.SmallInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("send_at", Utc),
    sa.Column("sent_at", Utc),
    sa.Column("content", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("typing", sa.Float, nullable=False, server_default=sa.text("0")),
    sa.Column("batch_id", sa.Text),
    sa.UniqueConstraint("session_id", "wa_message_id"),
    sa.UniqueConstraint("session_id", "idempotency_key"),
    sa.Index("ix_messages_out_batch", "batch_id", sqlite_where=IN_BATCH, postgresql_where=IN_BATCH),
    sa.Index("ix_messages_out_page", "session_id", "created_at", "seq"),
    sa.Index("ix_messages_out_content", "session_id", "content_hash", "created_at", "seq"),
    sa.Index(
        "ix_messages_out_work",
        "session_id",
        "status",
        "seq",
        sqlite_where=sa.text(NEEDS_WORK),
        postgresql_where=sa.text(NEEDS_WORK),
    ),
)

messages_in = sa.Table(
    "messages_in",
    metadata,
    sa.Column("seq", Serial, primary_key=True),
    _session_id(),
    sa.Column("wa_message_id", sa.Text, nullable=False),
    sa.Column("chat_id", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("sender_name", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("from_me", sa.Boolean, nullable=False),
    sa.Column("is_group", sa.Boolean, nullable=False),
    sa.Column("has_media", sa.Boolean, nullable=False),
    sa.Column("received_at", Utc, nullable=False),
    sa.UniqueConstraint("session_id", "wa_message_id"),
    sa.Index("ix_messages_in_page", "session_id", "received_at", "seq"),
    sa.Index("ix_messages_in_timestamp", "session_id", "timestamp"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("seq", Serial, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _session_id(),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("chat", sa.Text),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Utc, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("last_status", sa.Integer),
    sa.Column("give_up_at", Utc),
    sa.Index("ix_deliveries_due", "state", "next_at"),
    sa.Index("ix_deliveries_session", "session_id", "state", "seq"),
    sa.Index(
        "ix_deliveries_pending",
        "receiver",
        "seq",
        sqlite_where=sa.text(PENDING),
        postgresql_where=sa.text(PENDING),
    ),
)

mails = sa.Table(
    "mails",
    metadata,
    sa.Column("seq", Serial, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text),  # no key: a mail about a session may outlive it
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Utc, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Index("ix_mails_due", "state", "next_at"),
)

mirror_changes = sa.Table(
    "mirror_changes",
    metadata,
    sa.Column("seq", Serial, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text),  # set aside for this
    sa.Index("ix_mirror_changes_open", "done", "seq"),
    sqlite_autoincrement=True,  # whoever remembers a seq must never meet it again
)
