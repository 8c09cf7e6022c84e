"""Since when messages may be missing, where newer ones went ahead of a history that did not come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known to be missed."""
    op.add_column("accounts", sa.Column("missed_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Not offered: an older version would not know what to make of newer rows. Restore a copy."""
    raise NotImplementedError
