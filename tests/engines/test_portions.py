"""Tables are cut into portions that an engine can read at once: by rows, and by how much text is in them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from footfall.portions import in_batches, portions, text_bytes

TEXTS = ("said", "told")


@given(lengths=st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=40), rows_max=st.integers(1, 9))
def test_portions_are_the_same_rows_and_none_is_too_large_but_for_a_row_that_is(lengths, rows_max):
    said = [None if length is None else "é" * length for length in lengths]
    rows = pa.table({"nth": range(len(said)), "said": said, "told": said[::-1]}, pa.schema(
        [("nth", pa.int64()), ("said", pa.string()), ("told", pa.string())]))  # fmt: skip
    found = list(portions(rows, TEXTS, rows_max, 60))
    assert pa.concat_tables([rows.slice(0, 0), *found]).equals(rows)
    assert all(1 <= each.num_rows <= rows_max for each in found)
    assert all(each.num_rows == 1 or text_bytes(each, TEXTS) <= 60 for each in found)


def test_batches_are_portions():
    rows = pa.table({"said": ["x" * (3 << 20)] * 3 + ["x"] * 10})
    assert [batch.num_rows for batch in in_batches(rows, ["said"], 100).to_batches()] == [1, 1, 1, 3, 7]
    assert len(in_batches(rows.slice(3), ["said"], 100).to_batches()) == 1
    assert in_batches(rows.slice(0, 0), ["said"], 100).num_rows == 0
