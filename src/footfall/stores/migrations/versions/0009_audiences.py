"""Audiences, and the values of imported lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audience",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("listed", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tells", sa.String(length=10), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audience"),
    )
    op.create_table(
        "audience_value",
        sa.Column("audience", sa.String(length=63), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["audience"], ["audience.name"], name="fk_audience_value_audience", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audience", "value", name="pk_audience_value"),
        sqlite_with_rowid=False,
    )
