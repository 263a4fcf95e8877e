"""Bodies of the dialect ``rows``: events of imported rows as columns, an Arrow stream of one batch.

Nothing outside of Footfall speaks this dialect; ``rows.sql`` makes the columns of the lake of it. A body says what
``RowEvent`` says of each row, so that settling has no JSON of an event to read.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from footfall.model.event import EventType

NAME: Final = "rows"
JSON: Final = ("user", "account", "attributes")
_TEXTS: Final = ("occurred_at", "event_name", "identify_id", "anonymous_id", "account_id", *JSON)
# row: its number in the file. type: an EventType. JSON: objects.
SCHEMA: Final = pa.schema([("row", pa.int64()), ("type", pa.int16()), *((name, pa.string()) for name in _TEXTS)])
_NEEDED: Final = ("row", "type", "occurred_at")
_TYPES: Final = pa.array([int(each) for each in EventType], pa.int16())
# In the metadata of a stream: what event ids begin with; whether attributes are as the lake has them already.
_PREFIX: Final = b"footfall.prefix"
_PLAIN: Final = b"footfall.plain"
_encode: Final = msgspec.json.Encoder().encode


class RowEvent(msgspec.Struct, omit_defaults=True, gc=False):
    """What is said of one row, in the words of ``wire.native``."""

    type: str
    event_id: str
    occurred_at: str
    event_name: str | None = None
    identify_id: str | int | None = None
    anonymous_id: str | int | None = None
    account_id: str | int | None = None
    user: Any = None
    account: Any = None
    attributes: msgspec.Raw | None = None


def written(columns: Mapping[str, Any], *, prefix: str, plain: bool) -> bytes:
    """A body. columns: of ``SCHEMA``, by name; one that is left out is null in all rows.

    prefix: of the event ids, before the number of the row. plain: attributes are JSON in the form in which the engine
    of settle writes it, without nulls. The same columns give the same bytes.
    """
    rows = len(columns["row"])
    arrays = [_whole(columns[field.name] if field.name in columns else pa.nulls(rows, field.type)) for field in SCHEMA]
    schema = SCHEMA.with_metadata({_PREFIX: prefix.encode(), _PLAIN: b"1" if plain else b""})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch(arrays, schema))
    return bytes(sink.getvalue().to_pybytes())


def read(body: bytes) -> pa.RecordBatch:
    """The events of a body, with ``prefix`` and ``plain`` as columns. Raises ``pa.ArrowInvalid`` for other bytes."""
    try:
        with pa.ipc.open_stream(body) as stream:
            metadata, batches = stream.schema.metadata or {}, list(stream)
    except (pa.ArrowException, OSError) as error:
        raise pa.ArrowInvalid(f"not a batch of imported rows: {error}") from error
    if len(batches) != 1 or _PREFIX not in metadata or not stream.schema.equals(SCHEMA):
        raise pa.ArrowInvalid("not a batch of imported rows")
    batches[0].validate(full=True)
    lacking = [name for name in _NEEDED if batches[0].column(name).null_count]
    if lacking or pc.all(pc.is_in(batches[0].column("type"), value_set=_TYPES)).as_py() is False:
        raise pa.ArrowInvalid("not a batch of imported rows: one has no number, no type that there is, or no time")
    rows = batches[0].num_rows
    prefix = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), rows), [metadata[_PREFIX].decode()])
    plain = pa.repeat(pa.scalar(bool(metadata.get(_PLAIN))), rows)
    return pa.record_batch([*batches[0].columns, prefix.cast(pa.string()), plain], READ)


READ: Final = SCHEMA.append(pa.field("prefix", pa.string())).append(pa.field("plain", pa.bool_()))


def text_of(events: pa.Table, place: int) -> bytes:
    """One event of ``READ`` in the words of ``wire.native``, JSON, for people to read."""
    (said,) = events.slice(place, 1).to_pylist()
    raw = {name: None if said[name] is None else msgspec.Raw(said[name].encode()) for name in JSON}
    return _encode(
        RowEvent(
            EventType(said["type"]).word,
            f"{said['prefix']}{said['row']}",
            said["occurred_at"],
            said["event_name"],
            said["identify_id"],
            said["anonymous_id"],
            said["account_id"],
            **raw,
        )
    )


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def joined(texts: Sequence[bytes]) -> pa.Array:
    """Texts in UTF-8 as one column."""
    # Joined by Python: Arrow takes three times as long over a list of bytes.
    offsets = array("i", accumulate(map(len, texts), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)
