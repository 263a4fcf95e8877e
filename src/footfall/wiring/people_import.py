"""Files about users and accounts over a data directory: what loading them would do, and loading them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from footfall.errors import Conflict
from footfall.model.attributes import named
from footfall.model.imports import FileImport
from footfall.ports import BadRow
from footfall.stores.directory import SqlDirectory
from footfall.wiring.import_handover import import_anyhow
from footfall.wiring.import_readers import file_text, rows_ahead
from footfall.wiring.import_settings import ImportSettings
from footfall.wiring.imports import Origin, chosen_files
from footfall.wiring.people_rows import people_rows

if TYPE_CHECKING:
    from footfall.ports import Progress
    from footfall.wire.people_rows import Said
    from footfall.wiring.hub import Footfall

SHOWN: Final = 10_000  # changes and bad rows that are told one by one


@dataclass(frozen=True, slots=True)
class Change:
    """What a row changes. made: it makes a user or account. values: name -> (before, after) of what becomes other."""

    line: int
    id: str
    made: bool
    values: Mapping[str, tuple[Any, Any]]


@dataclass(slots=True)
class Outlook:
    """What loading a file would do. changes, bad: the first ``SHOWN``. inserted: users or accounts, not rows."""

    updated: int = 0
    inserted: int = 0
    unchanged: int = 0
    failed: int = 0
    changes: list[Change] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def look_ahead(hub: Footfall, origin: Origin, settings: ImportSettings, *, compare: bool = True) -> Outlook:
    """Read a file as ``load_people`` would, and write nothing.

    compare: with what is known of each; without it every row about somebody known counts as updated.
    """
    found = Outlook()
    events = people_rows(hub, "", hub.clock(), settings.loading, settings.stream)
    entity = str(settings.loading["entity"])
    new: set[str] = set()
    private = origin.private_key(hub)
    bucket = origin.bucket(hub)
    for file in chosen_files(bucket, settings):
        text = partial(file_text, hub, bucket, file, private)
        for batch in rows_ahead(hub, settings.format, file.key, text, settings.read, events.columns):
            said, bad = events.read(batch.rows)
            bad = sorted([*batch.bad, *bad], key=lambda row: row.number)
            found.failed += len(bad)
            found.bad += bad[: SHOWN - len(found.bad)]
            before = _before(hub, entity, [each.id for each in said if each.is_known]) if compare else {}
            for each in said:
                _count(found, each, entity, before.get(each.id), new, compare=compare)
    return found


def load_people(
    hub: Footfall, origin: Origin, settings: ImportSettings, options: Mapping[str, Any], progress: Progress
) -> tuple[Sequence[FileImport], int]:
    """Load a file once; returns what came of it, and how many users or accounts were not known when it began.

    options: what ``settings`` were read from; see ``import_anyhow``.
    """
    with suppress(Conflict):  # the server that holds the log does it
        hub.settle()  # who is in the log is known
    inserted = look_ahead(hub, origin, settings, compare=False).inserted if settings.loading["insert_missing"] else 0
    return import_anyhow(hub, origin, settings, options, progress), inserted


def _count(
    found: Outlook, said: Said, entity: str, before: Mapping[str, Any] | None, new: set[str], *, compare: bool
) -> None:
    values = dict(_changed(entity, before or {}, said)) if compare else {}
    if not said.is_known and said.id not in new:
        new.add(said.id)
        found.inserted += 1
        made = True
    elif values or not compare:
        found.updated += 1
        made = False
    else:
        found.unchanged += 1
        return
    if len(found.changes) < SHOWN:
        found.changes.append(Change(said.row.line, said.id, made, values))


def _changed(entity: str, before: Mapping[str, Any], said: Said) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, value in said.values.items():
        old = before.get(named(entity, name)[0])
        if old != value:
            yield name, (old, value)
    if said.account and before.get("") != said.account:
        yield "accountId", (before.get(""), said.account)


def _before(hub: Footfall, entity: str, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """What is known of some users or accounts: attributes by the name they are kept by, the account's id by ``""``."""
    directory = SqlDirectory(hub.database, hub.zone, hub.clock)
    known = directory.known(entity, sorted(set(ids)))
    rows = directory.rows(entity, sorted(known.values())).to_pylist()
    accounts: Mapping[int, str] = {}
    if entity == "user":
        wanted = sorted({row["account_key"] for row in rows if row["account_key"] is not None})
        texts = hub.people.texts("accounts", pa.array(wanted, pa.int32()))
        accounts = dict(zip(texts.column("key").to_pylist(), texts.column("text").to_pylist(), strict=True))
    told: dict[int, dict[str, Any]] = {}
    for row in rows:
        given = json.loads(row["attributes"])
        told[row[f"{entity}_key"]] = {named(entity, name)[0]: value for name, value in given.items()}
        if entity == "user":
            told[row["user_key"]][""] = accounts.get(row["account_key"])
    return {id_: told[key] for id_, key in known.items() if key in told}
