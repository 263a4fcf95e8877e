"""Log entries to shape, every implementation that shapes them, and its rows to read."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from footfall.config import load_zone
from footfall.engines.shaping import DuckShaper
from footfall.ports import Batch, Entry, Keys

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECEIVED_US = int(RECEIVED.timestamp()) * 1_000_000
DEFAULTS = ("shop", "Production", "server")


@contextmanager
def duck(zone="Europe/Berlin", **settings):
    with (
        tempfile.TemporaryDirectory() as place,
        closing(
            DuckShaper(load_zone(zone), lambda source: DEFAULTS, temp_directory=Path(place), threads=2, **settings)
        ) as shaper,
    ):
        yield shaper


IMPLEMENTATIONS = [pytest.param(duck, id="duckdb")]


def logged(*bodies, start=0, source="app", dialect="segment", call="batch", rejected=(), received=RECEIVED_US):
    """Entries as the collector logs them, with no judgement of the door unless ``rejected`` is given."""
    entries, position = [], start
    for body in bodies:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        count = _count(text, dialect, call)
        entries.append(
            Entry(
                position, position + len(text),
                Batch(received, source, dialect, call, count, tuple(rejected), "", "", text),
            )
        )  # fmt: skip
        position += len(text)
    return entries


def _count(text, dialect, call):
    try:
        body = json.loads(text)
    except ValueError:
        return 1
    if isinstance(body, list):
        return len(body)
    events = body.get("batch" if dialect == "segment" else "events") if call == "batch" else None
    return 1 if events is None else len(events)


def track(event_id="m1", **fields):
    return {"type": "track", "event": "Bought", "userId": "ada", "messageId": event_id, **fields}


def batch(*events, **fields):
    return {"batch": list(events), **fields}


def keyed(shape) -> Keys:
    def numbered(table: pa.Table, first: int) -> pa.Table:
        texts = table.column(0).combine_chunks()
        return pa.table({"text": texts, "key": pa.array(range(first, first + len(texts)), pa.int32())})

    return Keys(
        numbered(shape.users, 100),
        numbered(shape.visitors, 200),
        numbered(shape.accounts, 300),
        numbered(shape.terms, 1),
    )


def read(shape) -> list[dict]:
    """The rows of a shape with their texts in place of their keys."""
    keys = keyed(shape)
    rows = shape.rows(keys, 1).to_pylist()
    texts = {
        name: dict(zip(table["key"].to_pylist(), table["text"].to_pylist(), strict=True))
        for name, table in (("u", keys.users), ("v", keys.visitors), ("a", keys.accounts), ("t", keys.terms))
    }
    of = {"user_key": "u", "anonymous_key": "v", "account_key": "a"} | dict.fromkeys(
        ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type"), "t"
    )
    for row in rows:
        for column, which in of.items():
            row[column] = texts[which].get(row[column])
        row["properties"] = None if row["properties"] is None else json.loads(row["properties"])
    return rows


def facts(shape) -> list[tuple]:
    return [
        (row["kind"], row["user"], row["other"], json.loads(row["attributes"]) if row["attributes"] else None)
        for row in shape.facts.to_pylist()
    ]


def one(shaper, event, **how):
    (row,) = read(shaper.shape(logged(event, **how)))
    return row
