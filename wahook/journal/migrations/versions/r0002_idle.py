"""Sessions that are wanted but lie down until somebody needs them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is idle yet."""
    op.add_column("accounts", sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Not offered: an older version would not know what to make of newer rows. Restore a copy."""
    raise NotImplementedError
