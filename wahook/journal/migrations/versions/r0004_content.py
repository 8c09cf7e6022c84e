"""Messages of every kind: what they hold beside their text, how long we type first, their bulk send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

IN_BATCH = sa.text("batch_id IS NOT NULL")


def upgrade() -> None:
    """Three columns and the index of bulk sends."""
    none = sa.text("'{}'")
    op.add_column("messages_out", sa.Column("content", sa.JSON(), nullable=False, server_default=none))
    zero = sa.text("0")
    op.add_column("messages_out", sa.Column("typing", sa.Float(), nullable=False, server_default=zero))
    op.add_column("messages_out", sa.Column("batch_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_messages_out_batch",
        "messages_out",
        ["batch_id"],
        sqlite_where=IN_BATCH,
        postgresql_where=IN_BATCH,
    )


def downgrade() -> None:
    """Not offered: an older version would not know what to make of newer rows. Restore a copy."""
    raise NotImplementedError
