"""Tables of who was deleted and who is denied; see ``stores.removals``."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text

from footfall.stores.schema import METADATA

# entity: user or account. revived_at: the earliest instant after ``at`` that anything was told about.
removal: Final = Table(
    "removal",
    METADATA,
    Column("entity", String(10), primary_key=True),
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("hard", Boolean(create_constraint=False), nullable=False),
    Column("revived_at", BigInteger),
)
denied: Final = Table(
    "denied",
    METADATA,
    Column("identify_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
