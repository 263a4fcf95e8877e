"""Readings of a dialect settled by the real shaper, as plain rows: what a test of a dialect asks about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from footfall.config import load_zone
from footfall.engines.shaping import DuckShaper
from footfall.model.event import EventType
from footfall.model.reading import Reading
from footfall.ports import Batch, Entry, Keys

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECEIVED_US = int(RECEIVED.timestamp()) * 1_000_000
_TEXTS = {"user_key": 0, "anonymous_key": 1, "account_key": 2} | dict.fromkeys(
    ("source", "product", "environment", "channel", "name", "detail", "locale", "trigger_type"), 3
)


@dataclass(frozen=True)
class Settled:
    """rows: stored events, texts in place of keys, ``type`` a word. facts: (kind, user, other, attributes) of people.
    refused: (index, code) of quarantined events."""

    rows: list[dict[str, Any]]
    facts: list[tuple[str, str | None, str | None, Any]]
    refused: list[tuple[int, str]]
    duplicates: int


@contextmanager
def shaper() -> Iterator[DuckShaper]:
    with (
        TemporaryDirectory() as place,
        closing(
            DuckShaper(
                load_zone("Europe/Berlin"), lambda _: ("shop", "Production", "server"), temp_directory=Path(place)
            )
        ) as opened,
    ):
        yield opened


def settled(shaper: DuckShaper, *readings: Reading, dialect: str = "native") -> Settled:
    """Readings as the collector logs them, settled as one range. What was settled before is forgotten."""
    entries = [
        Entry(
            nth * 1_000,
            (nth + 1) * 1_000,
            Batch(RECEIVED_US, "app", each.dialect or dialect, "batch", each.count, each.rejected, "", "", each.body),
        )
        for nth, each in enumerate(readings)
    ]
    shape = shaper.shape(entries)
    keys = Keys(*(_numbered(table) for table in (shape.users, shape.visitors, shape.accounts, shape.terms)))
    texts = [dict(zip(*reversed(table.to_pydict().values()), strict=True)) for table in (
        keys.users, keys.visitors, keys.accounts, keys.terms)]  # fmt: skip
    rows = shape.rows(keys, 1).to_pylist()
    for row in rows:
        row |= {column: texts[which].get(row[column]) for column, which in _TEXTS.items()}
        row["type"] = EventType(row["type"]).word
        for name in ("properties", "global_context"):
            row[name] = None if row[name] is None else json.loads(row[name])
    facts = [
        (fact["kind"], fact["user"], fact["other"], json.loads(fact["attributes"]) if fact["attributes"] else None)
        for fact in shape.facts.to_pylist()
    ]
    refused = [(each["index"], each["code"]) for each in shape.quarantined.to_pylist()]
    return Settled(rows, facts, refused, sum(count.duplicate for count in shape.counts.values()))


def _numbered(table: pa.Table) -> pa.Table:
    texts: Sequence[Any] = table.column(0).combine_chunks()
    return pa.table({"text": texts, "key": pa.array(range(1, len(texts) + 1), pa.int32())})
