"""What an engine's database takes from a reader."""

from __future__ import annotations

import pyarrow as pa

from footfall.engines import database
from footfall.engines.database import Limits, scratch


def test_long_rows_are_inserted_before_much_of_them_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_TAKEN_BYTES", 1_000)
    schema = pa.schema([("text", pa.string())])
    read: list[int] = []

    def batches():
        for number in range(7):
            read.append(number)
            yield pa.record_batch({"text": ["x" * 400]}, schema)

    with scratch(Limits(), tmp_path, "test") as made:
        inserted = []
        monkeypatch.setattr(
            type(made), "run", lambda self, sql, what: inserted.append(len(read)) or self.connection.execute(sql)
        )
        made.take("people", pa.RecordBatchReader.from_batches(schema, batches()))
        assert made.number("SELECT count(*) FROM people", "count") == 7
    assert inserted == [0, 3, 6, 7]
