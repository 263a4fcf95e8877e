"""The control store under test: every implementation, opened on a place anew or again, and what settle tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from new_store import open_store

from footfall.config import load_zone
from footfall.ports import Attributes, Catalogue, Counts, Ledger, People, Profiles, Sources, Store
from footfall.stores.attributes import SqlAttributes
from footfall.stores.catalogue import SqlCatalogue
from footfall.stores.ledger import SqlLedger
from footfall.stores.people import SqlPeople
from footfall.stores.profiles import SqlProfiles
from footfall.stores.sources import SqlSources

SUBSCRIPTION = UUID("9b2f6f0e-5d0c-4c5a-9d0a-0d2a2f0f5a11")
ZONE = load_zone("Europe/Athens")
INSTANT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Stores:
    """The contracts over one place."""

    store: Store
    people: People
    ledger: Ledger
    sources: Sources
    catalogue: Catalogue
    attributes: Attributes
    profiles: Profiles


@contextmanager
def sqlite(place: Path) -> Iterator[Stores]:
    database = open_store(place / "footfall.db")
    try:
        yield Stores(
            database,
            SqlPeople(database, SUBSCRIPTION, ZONE),
            SqlLedger(database),
            SqlSources(database),
            SqlCatalogue(database),
            SqlAttributes(database, ZONE),
            SqlProfiles(database, ZONE),
        )
    finally:
        database.close()


Opened = Callable[[Path], Any]


@pytest.fixture(params=[pytest.param(sqlite, id="sqlite")])
def opened(request) -> Opened:
    """Opens the stores at a place; a context manager."""
    return request.param


@pytest.fixture
def stores(opened, tmp_path) -> Iterator[Stores]:
    with opened(tmp_path) as stores:
        yield stores


@pytest.fixture
def fresh(opened, tmp_path) -> Iterator[Callable[[], Stores]]:
    """A new empty store at each call: for properties, which need many in one test."""
    with ExitStack() as stack:
        made = iter(range(1_000_000))

        def make() -> Stores:
            place = tmp_path / f"fresh{next(made)}"
            place.mkdir()
            return stack.enter_context(opened(place))

        yield make


@dataclass(frozen=True)
class Told:
    """A shape as settle would make it."""

    users: pa.Table
    visitors: pa.Table
    accounts: pa.Table
    terms: pa.Table
    counts: Mapping[str, Counts] = field(default_factory=dict)
    days: Mapping[date, int] = field(default_factory=dict)
    quarantined: pa.Table = field(default_factory=lambda: quarantine([]))
    sessions: pa.Table | None = None


def quarantine(rows: Sequence[tuple[int, int]]) -> pa.Table:
    received_at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    n = len(rows)
    return pa.table(
        {
            "position": pa.array([position for position, _ in rows], pa.int64()),
            "index": pa.array([index for _, index in rows], pa.int32()),
            "source": pa.array(["web"] * n, pa.string()),
            "received_at": pa.array([received_at] * n, INSTANT),
            "code": pa.array(["missing_user"] * n, pa.string()),
            "message": pa.array([f"record {position}/{index}" for position, index in rows], pa.string()),
            "body": pa.array(["{}"] * n, pa.string()),
        }
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def shape() -> Callable[..., Told]:
    """shape(users={"a": "2026-05-01T09:00Z"}, visitors=["v"], counts=…, days=…, quarantined=[(position, index)])."""

    def make(
        users: Mapping[str, str] = {},
        accounts: Mapping[str, str] = {},
        visitors: Sequence[str] = (),
        terms: Sequence[str] = (),
        quarantined: Sequence[tuple[int, int]] = (),
        **more: Any,
    ) -> Told:
        def dated(name: str, found: Mapping[str, str]) -> pa.Table:
            at = [instant(text) for text in found.values()]
            return pa.table({name: pa.array(list(found), pa.string()), "first_at": pa.array(at, INSTANT)})

        return Told(
            dated("identify_id", users),
            pa.table({"anonymous_id": pa.array(visitors, pa.string())}),
            dated("account_id", accounts),
            pa.table({"text": pa.array(terms, pa.string())}),
            quarantined=quarantine(quarantined),
            **more,
        )

    return make


@pytest.fixture
def facts() -> Callable[..., pa.Table]:
    """facts((at, kind, user, other, attributes), …): at as ISO text, attributes as a mapping or None.

    A sixth item is the event's id, from the source ``web``.
    """

    def make(*rows: tuple[Any, ...]) -> pa.Table:
        at, kinds, users, others, attributes = zip(*(row[:5] for row in rows), strict=True) if rows else ((),) * 5
        table = pa.table(
            {
                "at": pa.array([instant(each) for each in at], INSTANT),
                "kind": pa.array(kinds, pa.string()),
                "user": pa.array(users, pa.string()),
                "other": pa.array(others, pa.string()),
                "attributes": pa.array([None if a is None else json.dumps(a) for a in attributes], pa.string()),
            }
        )
        ids = [row[5] if len(row) > 5 else None for row in rows]
        if any(each is not None for each in ids):
            table = table.append_column("source", pa.array(["web"] * len(rows), pa.string()))
            table = table.append_column("event_id", pa.array(ids, pa.string()))
        return table

    return make


@pytest.fixture
def zone():
    return ZONE


@pytest.fixture
def subscription() -> UUID:
    return SUBSCRIPTION
