"""The tables of erasures; see ``stores.erasures``. Nothing in them names anybody."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from footfall.stores.schema import METADATA

# told: JSON, what was removed so far. What is needed to go on, with ids, is in ``secret``, and gone at the end.
erasure: Final = Table(
    "erasure",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("mode", String(10), nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("asked_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("by", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("receipt", Text),
)
# what, outcome: JSON, see model.erasures.Target and Outcome.
erasure_target: Final = Table(
    "erasure_target",
    METADATA,
    Column("erasure", ForeignKey("erasure.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("what", Text, nullable=False),
    Column("outcome", Text),
)
# Who was erased, by keyed hash of each id: what is told about an instant up to ``at`` is not taken any more.
erased: Final = Table(
    "erased",
    METADATA,
    Column("token", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("erasure", String(40), nullable=False),
    sqlite_with_rowid=False,
)
# Audiences that were delivered. people: keys of the users in it or said to be gone from it, rising, as differences of
# 32 bits, deflated.
audience_delivery: Final = Table(
    "audience_delivery",
    METADATA,
    Column("place", Text, primary_key=True),
    Column("manifest_key", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("people", LargeBinary, nullable=False),
)
