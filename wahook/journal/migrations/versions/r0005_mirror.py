"""The mirror: changes that it refuses are set aside, so that they do not hold up the rest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is set aside yet, and what the mirror has is no longer kept."""
    op.add_column("mirror_changes", sa.Column("error", sa.Text(), nullable=True))
    op.execute(sa.text("DELETE FROM mirror_changes WHERE done"))


def downgrade() -> None:
    """Not offered: an older version would not know what to make of newer rows. Restore a copy."""
    raise NotImplementedError
