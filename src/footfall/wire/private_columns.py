"""Bodies of the dialect ``rows`` for a privacy policy: each row as an event, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import pyarrow as pa

from footfall.wire import row_body
from footfall.wire.private_words import Event

_OBJECTS: Final = ("user", "account", "attributes")
_TEXTS: Final = ("identify_id", "anonymous_id", "account_id", "event_name")
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def changed_rows(body: bytes, changed: Callable[[Event], bytes | None]) -> tuple[bytes, int, int]:
    """A body with the rows changed, how many it has, and how many were left out.

    changed: what becomes of a row, in the words of ``wire.native``; None when it is not stored.
    """
    read = row_body.read(body)
    prefix = read.column("prefix")[0].as_py() if read.num_rows else ""
    rows = pa.Table.from_batches([read]).drop_columns(["prefix", "plain"]).to_pylist()
    kept = [made for row in rows if (made := _changed(row, changed)) is not None]
    if not kept:
        return b"", 0, len(rows)
    columns = {name: [row[name] for row in kept] for name in row_body.SCHEMA.names}
    arrays = {field.name: pa.array(columns[field.name], field.type) for field in row_body.SCHEMA}
    return row_body.written(arrays, prefix=prefix, plain=False), len(kept), len(rows) - len(kept)


def _changed(row: Event, changed: Callable[[Event], bytes | None]) -> Event | None:
    event = {name: row[name] for name in _TEXTS if row[name] is not None}
    event |= {name: _decode(row[name].encode()) for name in _OBJECTS if row[name] is not None}
    text = changed(event)
    if text is None:
        return None
    made = _decode(text)
    objects = {name: _encode(made.get(name, {})).decode() for name in _OBJECTS if row[name] is not None}
    return row | {name: made.get(name) for name in _TEXTS} | objects
