"""The first schema: accounts, messages both ways, and what waits to be delivered elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
WORK = sa.text("status IN ('queued', 'scheduled', 'sending', 'failed')")


def upgrade() -> None:
    """Make all tables."""
    _accounts()
    _messages_out()
    _messages_in()
    _deliveries()
    _mails()
    _mirror_changes()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("desired", sa.Boolean(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("profile_name", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("connected_at", TIME, nullable=True),
        sa.Column("last_seen", TIME, nullable=True),
        sa.Column("last_check", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_accounts"),
    )


def _messages_out() -> None:
    op.create_table(
        "messages_out",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("wa_message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("may_be_on_wire", sa.Boolean(), nullable=False),
        sa.Column("ack", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("send_at", TIME, nullable=True),
        sa.Column("sent_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["accounts.session_id"], name="fk_messages_out_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_messages_out"),
        sa.UniqueConstraint("message_id", name="uq_messages_out_message_id"),
        sa.UniqueConstraint(
            "session_id", "idempotency_key", name="uq_messages_out_session_id_idempotency_key"
        ),
        sa.UniqueConstraint("session_id", "wa_message_id", name="uq_messages_out_session_id_wa_message_id"),
    )
    op.create_index(
        "ix_messages_out_content", "messages_out", ["session_id", "content_hash", "created_at", "seq"]
    )
    op.create_index("ix_messages_out_page", "messages_out", ["session_id", "created_at", "seq"])
    op.create_index(
        "ix_messages_out_work",
        "messages_out",
        ["session_id", "status", "seq"],
        sqlite_where=WORK,
        postgresql_where=WORK,
    )


def _messages_in() -> None:
    op.create_table(
        "messages_in",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wa_message_id", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("from_me", sa.Boolean(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("has_media", sa.Boolean(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["accounts.session_id"], name="fk_messages_in_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_messages_in"),
        sa.UniqueConstraint("session_id", "wa_message_id", name="uq_messages_in_session_id_wa_message_id"),
    )
    op.create_index("ix_messages_in_page", "messages_in", ["session_id", "received_at", "seq"])
    op.create_index("ix_messages_in_timestamp", "messages_in", ["session_id", "timestamp"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["accounts.session_id"], name="fk_deliveries_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "next_at"])
    op.create_index("ix_deliveries_session", "deliveries", ["session_id"])


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_mails"),
        sa.UniqueConstraint("id", name="uq_mails_id"),
    )
    op.create_index("ix_mails_due", "mails", ["state", "next_at"])


def _mirror_changes() -> None:
    op.create_table(
        "mirror_changes",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_mirror_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mirror_changes_open", "mirror_changes", ["done", "seq"])


def downgrade() -> None:
    """Not offered: there is nothing before."""
    raise NotImplementedError
