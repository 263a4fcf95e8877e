"""The activity export as one would write it by hand with DuckDB: one COPY, to a folder or to an S3 server.

It is run by an interpreter that need not have Footfall. PyPI has no ``httpfs`` for DuckDB 2.0, so the way to a server
is the one its documentation shows for Python: a filesystem of fsspec, here s3fs.

    python bench/duckdb_copy.py HUB FILE                            FILE: made by the export; its head names the columns
    python bench/duckdb_copy.py HUB FILE s3://bucket/key ENDPOINT
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

_TERMS = ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type")
_PEOPLE = {"users": "user_key", "visitors": "anonymous_key", "accounts": "account_key"}
_FLAT = ("link_url", "score", "subject", "category", "description")


def statement(hub: str, columns: list[str], to: str) -> str:
    """One COPY with a join per text and an arrow per field, its names known, in no order."""
    nested = [column for column in columns if column.partition(".")[0] in ("attributes", "page")]
    flat = [column for column in _FLAT if column in columns]
    fields = "".join(f", properties->>'$.{column}' AS \"{column}\"" for column in nested + flat)
    picked = "".join(f", t_{term}.text AS {term}" for term in _TERMS)
    joins = "".join(f" LEFT JOIN '{hub}/terms.parquet' t_{term} ON t_{term}.key = e.{term}" for term in _TERMS)
    joins += "".join(
        f" LEFT JOIN '{hub}/{name}.parquet' {name} ON {name}.key = e.{key}" for name, key in _PEOPLE.items()
    )
    return (
        "COPY (SELECT e.event_id, e.type, e.occurred_at, e.received_at, users.text, visitors.text, accounts.text, "
        f"e.session_id, e.execution_id, e.step_number{picked}{fields} "
        f"FROM read_parquet('{hub}/lake/day=*/*.parquet') e{joins}) TO '{to}' (FORMAT csv, HEADER)"
    )


def main(hub: str, file: str, to: str = "", endpoint: str = "") -> None:
    with Path(file).open("rb") as text:
        columns = text.readline().decode().strip().split(",")
    if to:
        import s3fs

        duckdb.register_filesystem(s3fs.S3FileSystem(endpoint_url=endpoint))
    duckdb.sql("SET preserve_insertion_order = false; SET memory_limit = '4GB'; SET threads = 2")
    local = Path(hub, "copy.csv")
    duckdb.sql(statement(hub, columns, to or str(local)))
    local.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
