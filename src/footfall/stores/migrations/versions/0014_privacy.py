"""Privacy policies of sources, and the mark of the key of tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "privacy_policy",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_privacy_policy"),
    )
    op.create_table(
        "privacy_key",
        sa.Column("mark", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_privacy_key"),
    )
