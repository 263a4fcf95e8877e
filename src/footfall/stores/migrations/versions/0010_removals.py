"""Who was deleted, and who is denied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removal",
        sa.Column("entity", sa.String(length=10), nullable=False),
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hard", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("revived_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("entity", "key", "at", name="pk_removal"),
    )
    op.create_table(
        "denied",
        sa.Column("identify_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identify_id", name="pk_denied"),
    )
