"""Finding the events of one import among those of a day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from footfall.errors import Unavailable

_FOUND: Final = """
SELECT ingest_seq FROM read_parquet($files) WHERE source = $source AND starts_with(event_id, $begin) ORDER BY ingest_seq
"""


def events_of(files: Sequence[str], source: int, begin: str, *, temp_directory: Path, threads: int = 2) -> pa.Array:
    """The ingest_seq of the events whose id begins so. files: of one day. source: key of its name.

    Raises ``Unavailable`` when a file went away meanwhile.
    """
    if not files:
        return pa.array([], pa.int64())
    settings: dict[str, Any] = {
        "temp_directory": str(temp_directory),
        "threads": threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            asked = {"files": list(files), "source": source, "begin": begin}
            return connection.sql(_FOUND, params=asked).to_arrow_table().column(0).combine_chunks()
    except duckdb.Error as error:
        raise Unavailable(f"looking for the events of an import: {error}", retry_after_s=5) from error
