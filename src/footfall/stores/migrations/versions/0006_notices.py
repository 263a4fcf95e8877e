"""Channels, rules, notices that are to be sent, and failures in a row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_channel",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_notice_channel"),
    )
    op.create_table(
        "notice_rule",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel"], ["notice_channel.name"], name="fk_notice_rule_channel", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_notice_rule"),
    )
    op.create_index("ix_notice_rule_channel", "notice_rule", ["channel"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["notice_channel.name"], name="fk_notice_channel", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_at", "notice", ["at"], unique=False)
    op.create_index("ix_notice_channel", "notice", ["channel"], unique=False)
    op.create_index("ix_notice_state", "notice", ["state", "next_at"], unique=False)
    op.create_table(
        "job_streak",
        sa.Column("job", sa.String(length=63), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.name"], name="fk_job_streak_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", name="pk_job_streak"),
    )
