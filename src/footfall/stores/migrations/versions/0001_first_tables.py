"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_accounts"),
        sa.UniqueConstraint("text", name="uq_accounts_text"),
    )
    op.create_table(
        "alias",
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("text", "at", "user_key", name="pk_alias"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attribute",
        sa.Column("entity", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("api_name", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "name", name="pk_attribute"),
    )
    op.create_table(
        "day",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_day"),
    )
    op.create_table(
        "definition",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_definition"),
    )
    op.create_table(
        "delivery",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=10), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("manifest_key", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("destination", "report", "version", "format", "day", "revision", name="pk_delivery"),
    )
    op.create_table(
        "key_sequence",
        sa.Column("dimension", sa.String(length=20), nullable=False),
        sa.Column("next_key", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dimension", name="pk_key_sequence"),
    )
    op.create_table(
        "quarantine",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", "index", name="pk_quarantine"),
    )
    op.create_table(
        "range_count",
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("duplicate", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("start", "source", name="pk_range_count"),
    )
    op.create_table(
        "settled_range",
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("start", name="pk_settled_range"),
    )
    op.create_table(
        "source",
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("product_key", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_sha256", name="pk_source"),
    )
    op.create_index("ix_source_name", "source", ["name"], unique=False)
    op.create_table(
        "terms",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_terms"),
        sa.UniqueConstraint("text", name="uq_terms_text"),
    )
    op.create_table(
        "users",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("identified_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_users"),
        sa.UniqueConstraint("text", name="uq_users_text"),
    )
    op.create_table(
        "visitors",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_visitors"),
        sa.UniqueConstraint("text", name="uq_visitors_text"),
    )
    op.create_table(
        "account_version",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("registers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["accounts.key"], name="fk_account_version_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "day", name="pk_account_version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "link",
        sa.Column("visitor_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["visitor_key"], ["visitors.key"], name="fk_link_visitor_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("visitor_key", "at", "user_key", name="pk_link"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        sa.Column("user_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_member_user_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_key", "at", "account_key", name="pk_member"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "user_version",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("registers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["users.key"], name="fk_user_version_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "day", name="pk_user_version"),
        sqlite_with_rowid=False,
    )
