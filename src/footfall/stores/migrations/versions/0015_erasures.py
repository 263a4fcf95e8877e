"""Erasures, who was erased, and which audiences hold whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
    )
    op.create_index("ix_erasure_state", "erasure", ["state"], unique=False)
    op.create_table(
        "erasure_target",
        sa.Column("erasure", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["erasure"], ["erasure.id"], name="fk_erasure_target_erasure", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("erasure", "number", name="pk_erasure_target"),
    )
    op.create_table(
        "erased",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("erasure", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_erased"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audience_delivery",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("manifest_key", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place", "manifest_key", name="pk_audience_delivery"),
    )
    op.create_index("ix_audience_delivery_at", "audience_delivery", ["at"], unique=False)
