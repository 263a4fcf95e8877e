"""The tables of definitions of attributes, of what was said word by word, and of who shares identities."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from footfall.stores.schema import METADATA

# body: JSON, see model.attribute_definitions.plain_of. name: what the attribute is kept by, for every spelling.
attribute_definition: Final = Table(
    "attribute_definition",
    METADATA,
    Column("entity", String(10), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)


def _sayings(entity: str) -> Table:
    return Table(
        f"{entity}_saying",
        METADATA,
        Column("key", ForeignKey(f"{entity}s.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        Column("source", Text, primary_key=True),
        Column("event_id", Text, primary_key=True),
        Column("at", BigInteger, nullable=False),
        Column("attributes", Text, nullable=False),
    )


# attributes: as the event said them. Kept while an attribute has a rule that needs more than its last value: the store
# knows by it what it has counted already, and makes registers anew from it when a rule changes. With rowid: rows of a
# kilobyte are then appended, and only their keys are sorted in.
user_saying: Final = _sayings("user")
account_saying: Final = _sayings("account")
# Who ever said which value of an attribute that identifies. value: as it is compared, see model.identity.
identity: Final = Table(
    "identity",
    METADATA,
    Column("field", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("user_key", ForeignKey("users.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_identity_user_key", identity.c.user_key)
# Values that came to be shared by more users than before, in the order in which that was noticed. users: how many.
merge_log: Final = Table(
    "merge_log",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("user_key", Integer, nullable=False, index=True),
    Column("users", Integer, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("at", BigInteger, nullable=False),
)
