"""What an engine's database takes from a reader, and what is left of one that cannot be opened."""

from __future__ import annotations

from contextlib import ExitStack

import pyarrow as pa
import pytest

from footfall.engines import database
from footfall.engines.database import Limits, scratch
from footfall.engines.day import DuckDBEngine
from footfall.engines.event_pages import DuckEventPages
from footfall.engines.windows import WindowRows
from footfall.errors import FootfallError
from footfall.model.event import EventType
from footfall.model.selection import Selection
from footfall.ports import EventSelection, EventsWanted

WRONG = Limits(threads=0)  # which DuckDB refuses to start with
WANTED = EventsWanted((EventType.CUSTOM,), Selection(), 1)
EVENTS = EventSelection((), 0, 1)


def no_texts(dimension: str, keys: pa.Array | None = None) -> pa.Table:
    raise AssertionError(dimension)


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


@pytest.mark.parametrize("use", [
    pytest.param(lambda spill: DuckDBEngine(spill, WRONG).duplicates([]), id="a day"),
    pytest.param(lambda spill: DuckEventPages(spill, WRONG, no_texts).count(["a"], WANTED), id="a page of events"),
    pytest.param(lambda spill: WindowRows(spill, WRONG, EVENTS, no_texts, (), {}, 0), id="a window"),
    pytest.param(lambda spill: ExitStack().enter_context(scratch(WRONG, spill, "x")), id="a piece of work"),
])  # fmt: skip
def test_a_database_that_cannot_be_opened_leaves_no_folder_behind(tmp_path, use):
    with pytest.raises(FootfallError, match="open the engine"):
        use(tmp_path)
    assert list(tmp_path.iterdir()) == []
