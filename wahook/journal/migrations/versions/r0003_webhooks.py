"""Webhooks: when a delivery is given up, and a receiver's pending ones at hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    """One column, one index more, one index wider."""
    op.add_column("deliveries", sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["receiver", "seq"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.drop_index("ix_deliveries_session", "deliveries")
    op.create_index("ix_deliveries_session", "deliveries", ["session_id", "state", "seq"])


def downgrade() -> None:
    """Not offered: an older version would not know what to make of newer rows. Restore a copy."""
    raise NotImplementedError
