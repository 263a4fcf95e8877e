"""The tables of audiences; see ``stores.schema`` for what they have in common with the others."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, Text

from footfall.stores.schema import METADATA

# rule: in its short text form. listed: the field whose values are in ``audience_value``; empty for one with a rule.
audience: Final = Table(
    "audience",
    METADATA,
    Column("name", String(63), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("listed", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tells", String(10), nullable=False),
    Column("backfill", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
audience_value: Final = Table(
    "audience_value",
    METADATA,
    Column("audience", ForeignKey("audience.name", ondelete="CASCADE"), primary_key=True),
    Column("value", Text, primary_key=True),
    sqlite_with_rowid=False,
)
