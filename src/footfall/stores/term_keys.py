"""Keys of names that no range of the log brought."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pyarrow as pa

from footfall.stores.database import Database
from footfall.stores.keys import TERMS, Dimensions


def term_keys(database: Database, texts: Sequence[str]) -> pa.Table:
    """(text, key) of distinct texts, in their order; those that have none yet get one."""
    # Terms have no id that is made from a namespace.
    dimensions = Dimensions(UUID(int=0), lambda: database.transaction_number)
    with database.writing() as connection:
        return dimensions.keys(connection, TERMS, pa.array(texts, pa.string()), None)
