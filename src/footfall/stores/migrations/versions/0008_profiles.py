"""Definitions of attributes, what was said word by word, identities that are shared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attribute_definition",
        sa.Column("entity", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "name", name="pk_attribute_definition"),
    )
    for entity in ("user", "account"):
        op.create_table(
            f"{entity}_saying",
            sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("source", sa.Text(), nullable=False),
            sa.Column("event_id", sa.Text(), nullable=False),
            sa.Column("at", sa.BigInteger(), nullable=False),
            sa.Column("attributes", sa.Text(), nullable=False),
            sa.ForeignKeyConstraint(["key"], [f"{entity}s.key"], name=f"fk_{entity}_saying_key", ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("key", "source", "event_id", name=f"pk_{entity}_saying"),
        )
    op.create_table(
        "identity",
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("user_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_identity_user_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("field", "value", "user_key", name="pk_identity"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_identity_user_key", "identity", ["user_key"], unique=False)
    op.create_table(
        "merge_log",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("user_key", sa.Integer(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_merge_log"),
    )
    op.create_index("ix_merge_log_user_key", "merge_log", ["user_key"], unique=False)
